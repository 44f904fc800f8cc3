/** The claim of one portal on a store, and how it ends. */

import { TesseraError } from "../errors.js";
import { CONFLICT, stored, type Store } from "../store/store.js";

/** Someone else's commit may come between reading the revision and fencing it off. */
const FENCE_ATTEMPTS = 10;

export class VaultLock {
  /** Aborted, with the error that calls are to give from then on, once another portal took the store over. */
  readonly lost: AbortSignal;
  readonly #release: () => void;

  private constructor(lost: AbortSignal, release: () => void) {
    this.lost = lost;
    this.#release = release;
  }

  /** Claims the store, before anything of it is read; `VAULT_IN_USE` if another portal has it and it is not to be taken over. */
  static async acquire(store: Store, takeOver: boolean): Promise<VaultLock> {
    const loss = new AbortController();
    const onLost = (): void => loss.abort(new TesseraError("VAULT_IN_USE", "the vault was taken over elsewhere"));
    const release = store.lock === undefined ? () => {} : await stored(async () => store.lock?.({ takeOver, onLost }));
    if (typeof release !== "function")
      throw new TesseraError("VAULT_IN_USE", "the vault is open elsewhere; pass takeOver: true to move it here");
    const lock = new VaultLock(loss.signal, release);
    try {
      if (takeOver) await fence(store);
    } catch (error) {
      lock.release();
      throw error;
    }
    return lock;
  }

  release(): void {
    this.#release();
  }
}

/** Moves the revision on: whoever had the store may not have heard yet that it lost it, and its next commit must conflict. */
async function fence(store: Store): Promise<void> {
  for (let attempt = 0; attempt < FENCE_ATTEMPTS; attempt++) {
    // No key of a vault starts like this: only the revision is wanted.
    const { revision } = await stored(() => store.list("\0"));
    if ((await stored(() => store.commit(revision, []))) !== CONFLICT) return;
  }
  throw new TesseraError("STORE_CONFLICT", "the store keeps changing");
}
