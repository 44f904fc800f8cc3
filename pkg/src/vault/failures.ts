/**
 * How often unlocking failed since it last worked. While a vault is locked nothing can be sealed, so the count stands in the clear
 * beside the header, until the audit log takes it. Whoever can write to the store can change it.
 */

import { HEADER } from "./layout.js";
import { stored, type Store, type StoreChange, type StoreSnapshot } from "../store/store.js";

export const FAILURES = `${HEADER}/failed`;
const MOST = 2 ** 32 - 1;

/** What a store lists beside the header. */
export function failures(entries: StoreSnapshot["entries"]): number {
  const bytes = entries.find(([key]) => key === FAILURES)?.[1];
  if (bytes?.length !== 4) return 0;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

/** Counts one more. A store that cannot take it keeps nobody from trying again. */
export async function countFailure(store: Store): Promise<void> {
  try {
    const { revision, entries } = await stored(() => store.list(HEADER));
    const count = new DataView(new ArrayBuffer(4));
    count.setUint32(0, Math.min(failures(entries) + 1, MOST));
    await store.commit(revision, [[FAILURES, new Uint8Array(count.buffer)]]);
  } catch {
    // It is not counted.
  }
}

/** Once the log has them. */
export const FORGOTTEN: StoreChange = [FAILURES, null];
