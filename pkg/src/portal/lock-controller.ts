/** Locks an open vault and opens it again: what `lock`, `unlock` and the idle time come to. */

import type { EngineAccess, EngineHost } from "./engine-host.js";
import { TesseraError } from "../errors.js";
import { IdleWatch } from "./idle.js";
import type { RelayDriver } from "../relay/driver.js";
import type { Store } from "../store/store.js";
import type { LockReason } from "./types.js";
import { kindOf, unlockVault, type Opening, type UnlockKind } from "../vault/vault.js";

export interface LockHooks {
  /** The rounds go on. */
  readonly onStarted: () => void;
  readonly onLocked: (reason: LockReason) => void;
  readonly onUnlocked: () => void;
  /** Writes an unlock to the audit log, and how many tries had failed before. */
  readonly noteUnlock: (kind: UnlockKind, failed: number) => Promise<void>;
}

export class LockController implements EngineAccess {
  readonly #host: EngineHost;
  readonly #driver: RelayDriver;
  readonly #store: Store;
  readonly #idle: IdleWatch | undefined;
  readonly #hooks: LockHooks;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the rounds are to go on while the vault is open. */
  #running = false;

  constructor(host: EngineHost, driver: RelayDriver, store: Store, idleMinutes: number | undefined, hooks: LockHooks) {
    this.#host = host;
    this.#driver = driver;
    this.#store = store;
    this.#hooks = hooks;
    this.#idle =
      idleMinutes === undefined ? undefined : new IdleWatch(idleMinutes, () => void this.lock("idle").catch(() => {}));
    this.#idle?.start();
  }

  /** The person does something. After the idle time the vault is locked instead, and calls throw `LOCKED`. */
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
    this.#goOn();
  }

  stop(): Promise<void> {
    this.#running = false;
    return this.#driver.stop();
  }

  /** From here on every call throws `LOCKED`. Resolves when the keys are wiped and nothing runs. */
  lock(reason: LockReason): Promise<void> {
    if (!this.#host.lock()) return this.#last.then(() => {});
    this.#idle?.stop();
    return this.#inTurn(async () => {
      await this.#host.wipe((engine, now) => engine.locked(reason === "idle", now));
      this.#hooks.onLocked(reason);
      await this.#driver.abandon(new TesseraError("LOCKED", "the vault is locked"));
    });
  }

  /** Opens the vault again as it was left. Does nothing if it is not locked. */
  unlock(opening: Opening): Promise<void> {
    return this.#inTurn(async () => {
      this.#host.throwIfEnded();
      if (!this.#host.locked) return;
      const { engine, revision, failed } = await unlockVault(this.#store, opening, { counts: true });
      this.#host.resume(engine, revision);
      try {
        await this.#hooks.noteUnlock(kindOf(opening), failed);
      } catch (error) {
        this.#host.lock();
        await this.#host.wipe();
        throw error;
      }
      this.#idle?.start();
      this.#hooks.onUnlocked();
      if (this.#running) this.#goOn();
    });
  }

  /** Stops the rounds and the watching, for good. */
  async end(error = new TesseraError("DISPOSED", "this portal was disposed of")): Promise<void> {
    this.#idle?.stop();
    this.#running = false;
    await this.#driver.abandon(error);
    await this.#last;
    this.#idle?.stop();
  }

  #goOn(): void {
    this.#driver.start();
    this.#hooks.onStarted();
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
