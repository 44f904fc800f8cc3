/** The end of a vault: without its header nothing opens the rest, and the rest goes too. */

import { flag, options as known } from "../arguments.js";
import { commitAnyway, requireStore, stored, type Store, type StoreChange } from "../store/store.js";
import { HEADER, LOADED } from "./layout.js";
import { VaultLock } from "./lock.js";
import { randomBytes } from "../module/webcrypto.js";

/** Destroys the vault in a store that no portal has open. Needs no passphrase; `VAULT_IN_USE` if one has it open and it is not to be taken over. A sealed vault does not say whether messages are unfiled: `portal.vault.destroy()` does. */
export async function destroyVault(store: Store, options: { readonly takeOver?: boolean } = {}): Promise<void> {
  const takesOver = flag(known(options, "options", ["takeOver"]).takeOver, "takeOver");
  requireStore(store);
  const lock = await VaultLock.acquire(store, { takesOver });
  try {
    if (!lock.held && !takesOver) throw lock.inUse();
    if (!lock.held) await lock.takeOver();
    await shredStore(store);
  } finally {
    lock.release();
  }
}

/** Overwrites and removes the header and all records that opening a vault needs, in one commit; then everything else, and the place itself. */
export async function shredStore(store: Store): Promise<void> {
  await commitAnyway(store, async () => {
    const header = await stored(() => store.get(HEADER));
    const overwritten = header === undefined ? [] : [[HEADER, randomBytes(header.length)] as const];
    return [...overwritten, ...(await deletions(store, [HEADER, ...LOADED]))];
  });
  await commitAnyway(store, () => deletions(store, [""]));
  await stored(async () => store.destroy?.());
  await stored(async () => store.mark?.(false));
}

/** What deletes all records below these prefixes. */
async function deletions(store: Store, prefixes: readonly string[]): Promise<StoreChange[]> {
  const changes: StoreChange[] = [];
  for (const prefix of prefixes) {
    const { entries } = await stored(() => store.list(prefix));
    changes.push(...entries.map(([key]) => [key, null] as const));
  }
  return changes;
}
