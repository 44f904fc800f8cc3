/** Where a portal keeps its state. Everything but the vault's header is sealed before it gets here. */

import { TesseraError } from "./errors.js";

/** What `commit` answers when the store was changed by someone else. */
export const CONFLICT = "CONFLICT";

/** One changed record; `null` deletes it. */
export type StoreChange = readonly [key: string, value: Uint8Array | null];

/** Everything under a prefix, as of one revision. */
export interface StoreSnapshot {
  readonly revision: number;
  readonly entries: readonly (readonly [key: string, value: Uint8Array])[];
}

/**
 * A transactional key-value store. A host may pass its own.
 *
 * The store is the only copy of the keys: `commit` may resolve only once the changes are durable, all or none.
 */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  /** Entries whose key starts with `prefix`, in order of their keys. */
  list(prefix: string): Promise<StoreSnapshot>;
  /** Applies all changes if the store is still at `expectedRevision`, and gives the new revision; changes nothing otherwise. */
  commit(expectedRevision: number, changes: readonly StoreChange[]): Promise<number | typeof CONFLICT>;
  close(): Promise<void>;
}

/** A store that lasts as long as the page: for demonstrations and tests. Closing it keeps what it holds, so that it can be opened again. */
export function memoryStore(): Store {
  const records = new Map<string, Uint8Array>();
  let revision = 0;
  return {
    async get(key) {
      return records.get(key)?.slice();
    },
    async list(prefix) {
      const entries = [...records].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key, value.slice()] as const);
      return { revision, entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) };
    },
    async commit(expectedRevision, changes) {
      if (expectedRevision !== revision) return CONFLICT;
      for (const [key, value] of changes) {
        if (value === null) records.delete(key);
        else records.set(key, value.slice());
      }
      revision += 1;
      return revision;
    },
    async close() {},
  };
}

/** Runs a store's operation; whatever it throws becomes `STORE_FAILED`. */
export async function stored<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    throw new TesseraError("STORE_FAILED", "the store could not read or write", { cause });
  }
}
