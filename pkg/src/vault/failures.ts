/**
 * How often unlocking failed since it last worked. While a vault is locked nothing can be sealed, so the count stands in the clear
 * beside the header, until the audit log takes it. Anyone who can write to the store can change it. A store without `lock` may be open
 * elsewhere, whose portal a commit would end: there the count is kept in memory.
 */

import { HEADER } from "./layout.js";
import { stored, type Store, type StoreChange, type StoreSnapshot } from "../store/store.js";

export const FAILURES = `${HEADER}/failed`;
const MOST = 2 ** 32 - 1;
const inMemory = new WeakMap<Store, number>();

/** The count of a store, which lists these entries beside the header. */
export function failures(store: Store, entries: StoreSnapshot["entries"]): number {
  const bytes = entries.find(([key]) => key === FAILURES)?.[1];
  const kept = bytes?.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) : 0;
  return Math.min(kept + (inMemory.get(store) ?? 0), MOST);
}

/** Counts one more. If the store cannot take it, trying again is still possible. */
export async function countFailure(store: Store): Promise<void> {
  if (store.lock === undefined) {
    inMemory.set(store, (inMemory.get(store) ?? 0) + 1);
    return;
  }
  try {
    const { revision, entries } = await stored(() => store.list(HEADER));
    const count = new DataView(new ArrayBuffer(4));
    count.setUint32(0, Math.min(failures(store, entries) + 1, MOST));
    await store.commit(revision, [[FAILURES, new Uint8Array(count.buffer)]]);
  } catch {
    // Not counted.
  }
}

/** Deletes the count in the commit that writes it to the log. */
export function forgetFailures(store: Store): StoreChange {
  inMemory.delete(store);
  return [FAILURES, null];
}
