/** The claim of one portal on a store, and how it ends. */

import { throwIfAborted } from "../arguments.js";
import { TesseraError } from "../errors.js";
import { commitAnyway, stored, type Store } from "../store/store.js";

/** A portal that has just opened may be disposed of at once: by a component that was unmounted meanwhile. */
const HANDOVER_MS = 500;

export interface ClaimOptions {
  readonly signal?: AbortSignal | undefined;
  readonly takesOver?: boolean;
}

/** The newest claim of this page on each store, by the store's place, or by the store itself if it has none. */
const claims = new Map<unknown, VaultLock>();

export class VaultLock {
  readonly #store: Store;
  readonly #loss = new AbortController();
  #unlock: (() => void) | undefined;
  /** Resolves when opening has succeeded or failed. */
  readonly #opened = new Settling();
  readonly #released = new Settling();
  #closing = false;
  #over = false;

  private constructor(store: Store) {
    this.#store = store;
  }

  /** Aborted once another portal took the store over, with the error that calls throw from then on. */
  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  /**
   * Claims the store before anything of it is read, if no other portal has it: see `held`. Waits for a portal of this page that is
   * being opened or closed, unless the store may be taken from it anyway.
   */
  static async acquire(store: Store, { signal, takesOver = false }: ClaimOptions = {}): Promise<VaultLock> {
    const [place, lock] = [placeOf(store), new VaultLock(store)];
    const before = claims.get(place);
    claims.set(place, lock); // before the first await, so that the next one waits for this one
    try {
      if (before !== undefined && !takesOver) await before.#handover(signal);
      throwIfAborted(signal);
      await lock.#claim(false);
    } catch (error) {
      lock.release();
      throw error;
    } finally {
      if (!lock.held && claims.get(place) === lock) lock.#giveWay(before);
    }
    return lock;
  }

  /** Claims the store; `VAULT_IN_USE` if another portal has it. */
  static async require(store: Store): Promise<VaultLock> {
    const lock = await VaultLock.acquire(store);
    if (lock.held) return lock;
    lock.release();
    throw lock.inUse();
  }

  /** Whether this portal has the store. */
  get held(): boolean {
    return this.#unlock !== undefined && !this.#over;
  }

  /** Takes the store away from its holder, whose portal ends. Call it only once the vault was opened here, or to destroy it. */
  async takeOver(): Promise<void> {
    await this.#claim(true);
    if (!this.held) throw this.inUse();
    claims.set(placeOf(this.#store), this);
    // Increases the revision, so that the next commit of a former holder that does not know of its loss conflicts.
    await commitAnyway(this.#store, async () => []);
  }

  /** The error that says who has the store. */
  inUse(): TesseraError {
    return claims.get(placeOf(this.#store))?.lost.aborted === false
      ? new TesseraError("VAULT_IN_USE", "a portal of this page has the vault open: dispose of it first", {
          heldBy: "page",
        })
      : new TesseraError(
          "VAULT_IN_USE",
          "another tab, window or worker has the vault open; pass takeOver: true to move it here",
          { heldBy: "elsewhere" },
        );
  }

  /** The portal is open. A claim that waits for it to close gives up soon. */
  opened(): void {
    this.#opened.settle();
  }

  /** The portal is being closed. The next claim waits until it is. */
  closing(): void {
    this.#closing = true;
  }

  release(): void {
    this.#over = true;
    if (claims.get(placeOf(this.#store)) === this) this.#giveWay(undefined);
    this.#unlock?.();
    this.#opened.settle();
    this.#released.settle();
  }

  /** Makes the claim before this one the newest again, unless it is over. */
  #giveWay(before: VaultLock | undefined): void {
    if (before === undefined || before.#over) claims.delete(placeOf(this.#store));
    else claims.set(placeOf(this.#store), before);
  }

  async #claim(takeOver: boolean): Promise<void> {
    const ended = { retryable: false, heldBy: "elsewhere" } as const;
    const onLost = (): void =>
      this.#loss.abort(new TesseraError("VAULT_IN_USE", "the vault was taken over elsewhere", ended));
    const unlock =
      this.#store.lock === undefined ? () => {} : await stored(async () => this.#store.lock?.({ takeOver, onLost }));
    if (typeof unlock === "function") this.#unlock = unlock;
  }

  /** Resolves when this claim is released, or when it is clear that it will not be soon. */
  async #handover(signal: AbortSignal | undefined): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#opened.settled, aborted]);
    // A store without a lock leaves two open portals to its conflicts: only what closes is waited for.
    if (this.#store.lock === undefined) await new Promise((resolve) => setTimeout(resolve));
    if (this.#closing) return void (await Promise.race([this.#released.settled, aborted]));
    if (this.#store.lock === undefined) return;
    const patience = new Promise<void>((resolve) => setTimeout(resolve, HANDOVER_MS));
    await Promise.race([this.#released.settled, aborted, patience]);
    if (this.#closing) await Promise.race([this.#released.settled, aborted]);
  }
}

function placeOf(store: Store): unknown {
  return store.place ?? store;
}

/** A promise with its resolution. */
class Settling {
  settle: () => void = () => {};
  readonly settled = new Promise<void>((resolve) => {
    this.settle = resolve;
  });
}
