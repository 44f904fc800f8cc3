/** Everything that runs behind one open portal, and how it ends. */

import { LockController } from "./lock-controller.js";
import type { BareMessage, EngineEvent } from "./engine.js";
import { EngineHost } from "./engine-host.js";
import type { PortalEvents } from "./events.js";
import { asMessage } from "./messages.js";
import type { RuntimeOptions } from "./options.js";
import { HostLog } from "./log.js";
import { PromptSending } from "./prompt.js";
import type { Message, Pace } from "./types.js";
import { TesseraError, isTesseraError } from "../errors.js";
import type { RelayClient } from "../relay/client.js";
import { RelayDriver } from "../relay/driver.js";
import { Members, allowedMembers } from "../relay/members.js";
import { ReachabilityMonitor } from "../relay/reachability.js";
import type { Store } from "../store/store.js";
import { BackupKeeper } from "../vault/backup.js";
import { shredStore } from "../vault/destroy.js";
import type { VaultLock } from "../vault/lock.js";
import { forgetFailures } from "../vault/failures.js";
import type { OpenedVault, UnlockKind } from "../vault/vault.js";

/** Bitmaps of each request of light reading, unless the host says another number: how many cells a look can retrieve. */
const LIGHT_QUERIES = 8;

/** Dispatches an event to the page. */
export type Emit = <K extends keyof PortalEvents>(type: K, detail: PortalEvents[K]["detail"]) => void;

export class Runtime {
  readonly host: EngineHost;
  readonly driver: RelayDriver;
  readonly lockController: LockController;
  readonly pace: Pace;
  readonly prompt: PromptSending;
  readonly log: HostLog;
  /** Set by the portal. Events before that have no listener. */
  emit: Emit = () => {};
  readonly #store: Store;
  readonly #lock: VaultLock;
  readonly #backups: BackupKeeper | undefined;
  /** An unlock, by a slot of this kind, that the audit log had no room for. */
  #unnoted: UnlockKind | undefined;
  /** Tries that failed before it, and are not in the log yet. */
  #failed: number;
  #disposed: Promise<void> | undefined;

  constructor(vault: OpenedVault, store: Store, client: RelayClient, lock: VaultLock, options: RuntimeOptions) {
    this.#store = store;
    this.#failed = vault.failed;
    this.#lock = lock;
    lock.lost.addEventListener("abort", () => void this.#takenOver(lock.lost.reason as TesseraError));
    const { pace = "steady", receiptDelayMinutes, reading, lightQueries = LIGHT_QUERIES } = options;
    const mirror = reading === "light" ? client.mirror : undefined;
    this.pace = pace;
    this.log = new HostLog(options.log);
    this.log.write("opened", { level: "info" });
    this.host = new EngineHost(
      vault.engine,
      store,
      vault.revision,
      (event) => this.#show(event),
      (engine) => {
        if (receiptDelayMinutes !== undefined) engine.setReceiptDelay(receiptDelayMinutes);
        if (mirror !== undefined) engine.readLight(lightQueries);
        engine.setMembers(allowedMembers(client), mirror?.url);
      },
    );
    const relay = new ReachabilityMonitor(client, this.host, {
      onChange: (status) => {
        this.emit("relay", status);
        if (status.reachable) void this.prompt.resume();
      },
      onTrouble: (method, code) => this.log.write("request", { level: "warn", code, method }),
    });
    const members = new Members(client, mirror !== undefined, relay);
    this.driver = new RelayDriver(this.host, relay, members, {
      confirmLargeDownload: options.confirmLargeDownload,
      onProgress: (progress) => this.emit("progress", progress),
      onEnd: (error) => {
        if (!lock.lost.aborted) this.emit("stopped", error);
      },
    });
    this.prompt = new PromptSending(this.host, this.driver, vault.prompt);
    this.lockController = new LockController(this.host, this.driver, store, options.idleMinutes, {
      onStarted: () => void (pace === "prompt" ? this.prompt.send() : this.prompt.resume()),
      onLocked: (reason) => this.emit("locked", { reason }),
      onUnlocked: () => {
        relay.reportAgain();
        this.emit("unlocked", null);
      },
      noteUnlock: (kind, failed) => {
        this.#failed = failed;
        return this.noteUnlock(kind);
      },
    });
    this.host.onFull = (full) => setTimeout(() => this.#roomChanged(full)); // after the caller of `open` has added listeners
    const { backup } = options;
    if (backup === undefined) return;
    const keeper = new BackupKeeper(
      () => this.host.backup(),
      backup,
      (status) => this.emit("storage", status),
    );
    this.#backups = keeper;
    this.host.onCommit = (keys) => keeper.changed(keys);
    keeper.changed(["vault"]); // earlier changes may be in no backup yet
  }

  /** The engine, for a call that the person makes. */
  forUser(): EngineHost {
    return this.lockController.forUser();
  }

  /** The engine, for a call that a page may make by itself. */
  forRead(): EngineHost {
    return this.lockController.forRead();
  }

  /** A message as the page gets it. */
  message(message: BareMessage): Message {
    return asMessage(message, () => this.forRead());
  }

  /** Writes the unlock to the audit log. A full store can still be read; the unlock is logged as soon as there is room. */
  async noteUnlock(kind: UnlockKind): Promise<void> {
    this.#unnoted = kind;
    try {
      await this.host.applyFirst((engine, now) => {
        const noted = engine.unlocked(kind, this.#failed, now);
        return this.#failed === 0 ? noted : { ...noted, commit: [...noted.commit, forgetFailures(this.#store)] };
      });
      this.#failed = 0;
      this.#unnoted = undefined;
    } catch (error) {
      if (!isTesseraError(error) || error.code !== "STORE_FULL") throw error;
    }
  }

  #roomChanged(full: boolean): void {
    this.emit("storage", { full });
    if (!full && this.#unnoted !== undefined) void this.noteUnlock(this.#unnoted).catch(() => {});
  }

  /** Makes the backups that were postponed while the vault was locked. */
  resumeBackups(): void {
    this.#backups?.resume();
  }

  /** Throws after `dispose`, or once another portal has the store. */
  throwIfOver(): void {
    if (this.#disposed !== undefined) this.host.throwIfEnded();
  }

  /** Asks the browser to keep the store, without making anyone wait for the answer. */
  async askToPersist(): Promise<void> {
    if (this.#store.persist === undefined) return;
    let persisted = false;
    try {
      persisted = (await this.#store.persist()) === true;
    } catch {
      // It could not even be asked, so nothing is promised.
    }
    // In a separate task, after the caller of `open` has added listeners.
    setTimeout(() => {
      if (this.#disposed === undefined) this.emit("storage", { persisted });
    });
  }

  /** Destroys the vault and everything kept with it. */
  async destroy(discardUnfiled: boolean): Promise<void> {
    this.throwIfOver();
    this.#lock.lost.throwIfAborted();
    if (!discardUnfiled) this.host.requireFiled();
    await this.lockController.end();
    this.host.fail(new TesseraError("DISPOSED", "the vault was destroyed"));
    await this.host.wipe();
    await shredStore(this.#store);
    await this.dispose();
  }

  dispose(): Promise<void> {
    this.#lock.closing();
    this.#backups?.stop();
    this.#disposed ??= this.lockController
      .end()
      .then(() => this.host.end())
      .finally(() => {
        this.#lock.release();
        this.log.write("disposed", { level: "info" });
      });
    return this.#disposed;
  }

  /** Another portal has the store now: nothing more may be done here. */
  async #takenOver(error: TesseraError): Promise<void> {
    if (this.#disposed !== undefined) return;
    this.host.fail(error);
    this.#backups?.stop();
    await this.lockController.end(error);
    await this.host.wipe();
    this.emit("stopped", error);
  }

  #show(event: EngineEvent): void {
    if (event.type === "message" || event.type === "state" || event.type === "filing") {
      this.emit(event.type, this.message(event.message));
    } else if (event.type === "contact") {
      this.emit("contact", event.contact);
    } else if (event.type === "transfer") {
      this.emit("progress", { kind: "message", ...event.transfer });
    } else if (event.type === "checkpoint") {
      this.emit("checkpoint", event.checkpoint);
    } else if (event.type === "notice" && event.code === "STALLED") {
      const { code, mailbox, cleared } = event;
      this.emit("stalled", { mailbox, stalled: !cleared, ...(cleared ? {} : { code }) });
    } else if (event.type === "notice" && event.code === "CLOCK_SKEW") {
      const { code, seconds, cleared } = event;
      this.emit("clockSkew", { seconds, ...(cleared ? {} : { code }) });
    } else {
      const { type, ...detail } = event;
      this.emit(type, detail as never);
    }
  }
}
