/** Stores as hosts may make them. */

import { memoryStore } from "tessera-portal";

/** A memory store with a lock among all who have this object: what a host's own may look like. */
export function lockable() {
  let holder;
  return {
    ...memoryStore(),
    async lock({ takeOver, onLost }) {
      if (holder !== undefined && !takeOver) return null;
      holder?.onLost();
      const mine = { onLost };
      holder = mine;
      return () => {
        if (holder === mine) holder = undefined;
      };
    },
  };
}

/** A memory store with room for so many bytes: `store.room` may be changed. It refuses as a browser does. */
export function limited(room = Infinity) {
  const inner = memoryStore();
  const sizes = new Map();
  const used = () => [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const store = {
    ...inner,
    room,
    get used() {
      return used();
    },
    async commit(revision, changes) {
      const before = new Map(sizes);
      for (const [key, value] of changes) {
        if (value === null) sizes.delete(key);
        else sizes.set(key, key.length + value.length);
      }
      const grows = changes.some(([key, value]) => value !== null && value.length > (before.get(key) ?? 0));
      if (grows && used() > store.room) {
        sizes.clear();
        for (const [key, size] of before) sizes.set(key, size);
        throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
      }
      return inner.commit(revision, changes);
    },
  };
  return store;
}
