/** Locks an open vault and opens it again: what `lock`, `unlock` and the idle time come to. */

import type { EngineAccess, EngineHost } from "./engine-host.js";
import type { RelaySync } from "../relay/sync.js";
import { IdleWatch } from "./idle.js";
import type { Loop } from "../relay/loop.js";
import type { Store } from "../store/store.js";
import type { LockReason } from "./types.js";
import { isPasskey, unlockVault, type Opening } from "../vault/vault.js";

export interface LockHooks {
  readonly onLocked: (reason: LockReason) => void;
  /** Writes an unlock to the audit log. */
  readonly noteUnlock: (passkey: boolean) => Promise<void>;
}

export class LockController implements EngineAccess {
  readonly #host: EngineHost;
  readonly #sync: RelaySync;
  readonly #loop: Loop;
  readonly #store: Store;
  readonly #idle: IdleWatch | undefined;
  readonly #hooks: LockHooks;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the loop is to run while the vault is open. */
  #running = false;

  constructor(
    host: EngineHost,
    sync: RelaySync,
    loop: Loop,
    store: Store,
    idleMinutes: number | undefined,
    hooks: LockHooks,
  ) {
    this.#host = host;
    this.#sync = sync;
    this.#loop = loop;
    this.#store = store;
    this.#hooks = hooks;
    this.#idle =
      idleMinutes === undefined ? undefined : new IdleWatch(idleMinutes, () => void this.lock("idle").catch(() => {}));
    this.#idle?.start();
  }

  /** The person does something. After the idle time the vault is locked instead, and whatever is called then gives `LOCKED`. */
  used(): void {
    this.#idle?.used();
  }

  forUser(): EngineHost {
    this.used();
    return this.#host;
  }

  forRead(): EngineHost {
    this.check();
    return this.#host;
  }

  /** Something is read, which need not be the person's doing. */
  check(): void {
    this.#idle?.check();
  }

  start(): void {
    this.check();
    this.#host.throwIfEnded();
    this.#host.throwIfLocked();
    this.#running = true;
    this.#loop.start();
  }

  stop(): Promise<void> {
    this.#running = false;
    return this.#loop.stop();
  }

  /** From here on every call gives `LOCKED`. Resolves when the keys are wiped and nothing runs any more. */
  lock(reason: LockReason): Promise<void> {
    if (!this.#host.lock()) return this.#last.then(() => {});
    this.#idle?.stop();
    return this.#inTurn(async () => {
      await this.#host.wipe((engine, now) => engine.locked(reason === "idle", now));
      this.#hooks.onLocked(reason);
      await Promise.all([this.#sync.abandon(), this.#loop.stop()]);
    });
  }

  /** Opens the vault again as it was left. Does nothing if it is not locked. */
  unlock(opening: Opening): Promise<void> {
    return this.#inTurn(async () => {
      this.#host.throwIfEnded();
      if (!this.#host.locked) return;
      const { engine, revision } = await unlockVault(this.#store, opening);
      this.#host.resume(engine, revision);
      try {
        await this.#hooks.noteUnlock(isPasskey(opening));
      } catch (error) {
        this.#host.lock();
        await this.#host.wipe();
        throw error;
      }
      this.#idle?.start();
      if (this.#running) this.#loop.start();
    });
  }

  /** Stops the loop and the watching, for good. */
  async end(): Promise<void> {
    this.#idle?.stop();
    await this.stop();
    await this.#last;
    this.#idle?.stop();
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
