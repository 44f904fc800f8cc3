/** The Portal level: one person's contacts and messages, over a relay, kept in a store. */

import { bytes, content, integer, object, text } from "../arguments.js";
import { AuditLog } from "../audit/log.js";
import { BackupKeeper, restoreVault } from "../vault/backup.js";
import { EmergencyShares } from "./emergency.js";
import { EngineHost, type BareMessage, type EngineEvent } from "./engine.js";
import { TesseraError, invalid } from "../errors.js";
import type { PortalEventTarget, PortalEvents } from "./events.js";
import { RelaySync } from "../relay/sync.js";
import { init } from "../module/init.js";
import { LockController } from "./lock-controller.js";
import { withNewPasskey } from "../vault/passkey.js";
import { Loop } from "../relay/loop.js";
import { requireOpening, requirePassphrase, requireRuntimeOptions, type RuntimeOptions } from "./options.js";
import type { Pulled } from "../relay/pull.js";
import { qrSvg } from "../qr.js";
import { Relay, relayClient, throwIfAborted, type RelayClient } from "../relay/client.js";
import { ReachabilityMonitor } from "../relay/reachability.js";
import { EmergencySession } from "../vault/emergency-access.js";
import { requireStore, type Store } from "../store/store.js";
import type {
  AcceptOptions,
  Contact,
  Device,
  Invitation,
  InviteOptions,
  Me,
  Message,
  MessagesOptions,
  OpenOptions,
  OutgoingContent,
  OutgoingMessage,
  PasskeyOpening,
  PasskeyOptions,
  PullProgress,
  EmergencyAccessOptions,
  RestoreOptions,
  Settings,
  SyncOptions,
  SyncResult,
  Transfer,
} from "./types.js";
import { shredStore } from "../vault/destroy.js";
import {
  changePassphrase,
  createVault,
  holdsVault,
  isPasskey,
  remember,
  unlockVault,
  type OpenedVault,
} from "../vault/vault.js";
import { VaultLock } from "../vault/lock.js";

const INVITATION_SCHEME = "tessera:/";
const DEFAULT_LIMIT = 50;
const TEXT_TYPE = "text/plain";

/**
 * One person's portal. Open one per store at a time.
 *
 * State is committed before a cell leaves and before a message is shown. If the store fails, was changed by someone else or
 * taken over by another portal, every later call throws `STORE_FAILED`, `STORE_CONFLICT` or `VAULT_IN_USE`: open the portal anew.
 */
export class Portal extends (EventTarget as {
  new (): PortalEventTarget & Pick<EventTarget, "dispatchEvent">;
  prototype: EventTarget;
}) {
  readonly #host: EngineHost;
  readonly #sync: RelaySync;
  readonly #loop: Loop;
  readonly #lockController: LockController;
  readonly #store: Store;
  readonly #lock: VaultLock;
  /** What happened here, in a log that shows tampering. */
  readonly audit: AuditLog;
  /** Shares of the vault key, and what became of them. */
  readonly emergency: EmergencyShares;
  readonly #backups: BackupKeeper | undefined;
  #disposed: Promise<void> | undefined;

  /** Opens the vault in the store, or creates one if `create` says so. Loads the module if `init()` was not called. */
  static async open(options: OpenOptions): Promise<Portal> {
    await init();
    const { relay, store, name, create, takeOver, ...given } = object(options, "options") as unknown as OpenOptions;
    const client = relayClient(relay);
    requireStore(store);
    const opening = requireOpening(
      given.passkey === true && given.passphrase === undefined ? { passkey: true } : given.passphrase,
    );
    text(name, "name");
    const runtime = requireRuntimeOptions(given);
    const lock = await VaultLock.acquire(store, takeOver === true);
    try {
      const creates = create === true && !(await holdsVault(store));
      if (creates && isPasskey(opening)) throw invalid("a new vault needs a passphrase");
      const history = { expectVault: given.expectVault === true, afterEviction: given.afterEviction === true };
      const opened = creates
        ? await createVault(store, opening as string | Uint8Array, name, client.url, history)
        : await unlockVault(store, opening, history.expectVault);
      const portal = await Portal.#on(opened, store, client, lock, runtime);
      if (creates) void portal.#askToPersist();
      else await portal.#opened(client.url, isPasskey(opening));
      return portal;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Puts a backup into an empty store and opens it, as a device of its own: the one of the backup sends nothing more once it hears of this. */
  static async restore(bundle: Uint8Array, options: RestoreOptions): Promise<Portal> {
    await init();
    const { relay, store, passphrase, recoveryCode, newPassphrase, ...given } = object(
      options,
      "options",
    ) as unknown as RestoreOptions;
    const client = relayClient(relay);
    requireStore(store);
    if (recoveryCode === undefined) requirePassphrase(passphrase, "passphrase");
    else text(recoveryCode, "recoveryCode");
    if (recoveryCode !== undefined || newPassphrase !== undefined) requirePassphrase(newPassphrase, "newPassphrase");
    const runtime = requireRuntimeOptions(given);
    const lock = await VaultLock.acquire(store, false);
    try {
      const opened = await restoreVault(store, bytes(bundle, "bundle"), { passphrase, recoveryCode, newPassphrase });
      const portal = await Portal.#on(opened, store, client, lock, runtime);
      void portal.#askToPersist();
      await portal.#restored(client.url);
      return portal;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens a backup with emergency shares, to be read for a while. The owner is told where `store` or `relay` allow it. */
  static openEmergencyAccess(options: EmergencyAccessOptions): Promise<EmergencySession> {
    return EmergencySession.open(options);
  }

  /** The portal of an opened vault, unless it was taken over meanwhile. */
  static async #on(
    { engine, revision }: OpenedVault,
    store: Store,
    client: RelayClient,
    lock: VaultLock,
    runtime: RuntimeOptions,
  ): Promise<Portal> {
    if (lock.lost.aborted) {
      engine.free();
      throw lock.lost.reason;
    }
    await remember(store);
    return new Portal((show) => new EngineHost(engine, store, revision, show), new Relay(client), store, lock, runtime);
  }

  private constructor(
    host: (show: (event: EngineEvent) => void) => EngineHost,
    relay: Relay,
    store: Store,
    lock: VaultLock,
    { idleMinutes, backup, confirmLargeDownload }: RuntimeOptions,
  ) {
    super();
    this.#store = store;
    this.#lock = lock;
    lock.lost.addEventListener("abort", () => void this.#takenOver(lock.lost.reason as TesseraError));
    this.#host = host((event) => this.#show(event));
    this.audit = new AuditLog(
      () => this.#forRead(),
      () => this.#forUser(),
    );
    this.emergency = new EmergencyShares(
      () => this.#forRead(),
      () => this.#forUser(),
    );
    const reach = new ReachabilityMonitor(relay, this.#host, (status) => this.#dispatch("relay", status));
    this.#sync = new RelaySync(this.#host, reach, confirmLargeDownload);
    const onProgress = (progress: PullProgress): void => this.#dispatch("progress", progress);
    this.#loop = new Loop(this.#host, this.#sync, onProgress, (error) => {
      if (!lock.lost.aborted) this.#dispatch("stopped", error);
    });
    this.#lockController = new LockController(this.#host, this.#sync, this.#loop, store, idleMinutes, (reason) =>
      this.#dispatch("locked", { reason }),
    );
    if (backup === undefined) return;
    const keeper = new BackupKeeper(
      () => this.#host.backup(),
      backup,
      (status) => this.#dispatch("storage", status),
    );
    this.#backups = keeper;
    this.#host.onCommit = (keys) => keeper.changed(keys);
    keeper.changed(["vault"]); // what was done before may be in no backup yet
  }

  /** Makes an invitation for one person to answer. */
  async invite(options: InviteOptions): Promise<Invitation> {
    const { kind, expiresInSeconds } = object(options, "options");
    if (kind !== "qr" && kind !== "link") throw invalid('kind is neither "qr" nor "link"');
    const expires =
      expiresInSeconds === undefined ? undefined : integer(expiresInSeconds, "expiresInSeconds", 1, 2 ** 31);
    this.#lockController.used();
    await this.#sync.parameters();
    const { id, uri, expiresAt } = await this.#host.apply((engine, now) => engine.invite(kind, expires, now));
    await this.#enrolling();
    return { id, uri, qrSvg: qrSvg(uri), expiresAt };
  }

  async cancelInvitation(id: string): Promise<void> {
    await this.#forUser().apply((engine, now) => engine.cancelInvitation(text(id, "id"), now));
  }

  /** Answers an invitation: the `tessera:/…` text, or a link or other text that ends with it. */
  async accept(uri: string, options: AcceptOptions = {}): Promise<Contact> {
    const given = text(uri, "uri").trim();
    const inPerson = object(options, "options")["inPerson"] === true;
    const invitation = given.slice(Math.max(0, given.indexOf(INVITATION_SCHEME)));
    this.#lockController.used();
    await this.#sync.parameters();
    const contact = await this.#host.apply((engine, now) => engine.accept(invitation, inPerson, now));
    await this.#enrolling();
    return contact;
  }

  async me(): Promise<Me> {
    const { name, publicKey, fingerprint } = await this.#forRead().read((engine) => engine.me());
    return { name, publicKey, fingerprint, fingerprintQrSvg: qrSvg(`tessera-fingerprint:${hex(fingerprint)}`) };
  }

  /** Names the only identity that may answer an invitation: scanned from its screen, or authenticated by the host. */
  async expectIdentity(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    const expected = bytes(fingerprint, "fingerprint", 32);
    await this.#forUser().apply((engine, now) =>
      engine.expectIdentity(text(invitationId, "invitationId"), expected, now),
    );
  }

  async contacts(): Promise<Contact[]> {
    return this.#forRead().read((engine) => engine.contacts());
  }

  /** Both people read the same six digits. What was held is shown now. */
  async confirmSas(contactId: string): Promise<void> {
    await this.#forUser().apply((engine, now) => engine.confirmSas(text(contactId, "contactId"), now));
  }

  /** The digits differ: someone stands in between. */
  async rejectSas(contactId: string): Promise<void> {
    await this.#forUser().apply((engine, now) => engine.rejectSas(text(contactId, "contactId"), now));
  }

  async removeContact(contactId: string): Promise<void> {
    await this.#forUser().apply((engine, now) => engine.removeContact(text(contactId, "contactId"), now));
  }

  /** Queues a message; it leaves in a later slot of the loop, or with the next `sync`. */
  async send(contactId: string, message: OutgoingContent): Promise<OutgoingMessage> {
    const to = text(contactId, "contactId");
    const { contentType, body, filename, session } = parseContent(message);
    this.#lockController.used();
    await this.#sync.ready();
    const sent = await this.#host.apply((engine, now) => engine.send(to, contentType, body, filename, session, now));
    return this.#message(sent) as OutgoingMessage;
  }

  /** Messages with a contact, the newest last. */
  async messages(contactId: string, options: MessagesOptions = {}): Promise<Message[]> {
    const { before, limit } = object(options, "options");
    const until = before === undefined ? undefined : text(before, "before");
    const most = limit === undefined ? DEFAULT_LIMIT : integer(limit, "limit", 1, 10_000);
    const found = await this.#forRead().read((engine) => engine.messages(text(contactId, "contactId"), until, most));
    return Promise.all(found.map(async (message) => this.#message(await this.#host.withText(message))));
  }

  /** Has another passphrase open the vault from now on; `WRONG_PASSPHRASE` if `old` does not open it. */
  async changePassphrase(old: string | Uint8Array, passphrase: string | Uint8Array): Promise<void> {
    await changePassphrase(this.#forUser(), requirePassphrase(old, "old"), requirePassphrase(passphrase, "passphrase"));
  }

  /** The whole vault as one sealed file, read back before it is given. What opens the vault opens it. */
  async backup(): Promise<Uint8Array> {
    await this.#forUser().apply((engine, now) => engine.backedUp(now));
    return this.#host.backup();
  }

  /** Which device this is, of those that were restored from backups. */
  async device(): Promise<Device> {
    return this.#forRead().read((engine) => engine.device());
  }

  /** A code to print, which opens this vault's backups from now on, in the place of the one before. */
  async createRecoveryCode(): Promise<string> {
    return this.#forUser().apply((engine, now) => engine.createRecoveryCode(now));
  }

  /** Has no recovery code open the vault any more. Backups made before still open with theirs. */
  async removeRecoveryCode(): Promise<void> {
    await this.#forUser().apply((engine, now) => engine.removeRecoveryCode(now));
  }

  /** Whether a recovery code opens the vault. */
  async hasRecoveryCode(): Promise<boolean> {
    return this.#forRead().read((engine) => engine.hasRecoveryCode());
  }

  /** Takes back a message that has not wholly left: its contact never sees it. `MESSAGE_SENT` if the relay has all of it. */
  async cancel(messageId: string): Promise<OutgoingMessage> {
    const cancelled = await this.#forUser().apply((engine, now) => engine.cancel(text(messageId, "messageId"), now));
    return this.#message(cancelled) as OutgoingMessage;
  }

  /** Messages of several cells on their way, in or out. */
  async transfers(): Promise<Transfer[]> {
    await this.#sync.parameters();
    return this.#forRead().read((engine) => engine.transfers());
  }

  async settings(): Promise<Settings> {
    return this.#forRead().read((engine) => engine.settings());
  }

  /** Changes what is named. What no longer counts is forgotten with the next round. */
  async changeSettings(settings: Partial<Settings>): Promise<Settings> {
    const given = { ...(await this.settings()), ...object(settings, "settings") };
    const [grace, retention] = [
      integer(given.graceDays, "graceDays", 3, 28),
      integer(given.retentionDays, "retentionDays", 7, 60),
    ];
    await this.#forUser().apply((engine) => engine.setSettings(grace, retention));
    return { graceDays: grace, retentionDays: retention };
  }

  /**
   * Shreds by hand the keys of months that a relay which withholds batches, or is gone, has kept from being shredded: those of
   * which nothing can come any more, since even the retention after their grace is over. Gives of how many contacts.
   */
  async shredExpiredKeys(): Promise<number> {
    return this.#forUser().apply((engine, now) => engine.shredExpiredKeys(now));
  }

  /** Starts the loop: slots, pulls, receipts. Failures of the relay are told by `relay` events and retried. */
  async start(): Promise<void> {
    this.#lockController.start();
  }

  /** Stops the loop; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await this.#lockController.stop();
  }

  /**
   * Locks the vault: wipes the keys from memory, stops the loop, and tells by `locked`. Every call but `unlock`, `stop` and
   * `dispose` then gives `LOCKED`. Resolves when it is done; does nothing if it is locked already.
   */
  async lock(): Promise<void> {
    if (this.#disposed !== undefined) this.#host.throwIfEnded();
    await this.#lockController.lock("manual");
  }

  /** Opens the vault again: this object, its listeners and, if it ran, its loop go on as they were. Does nothing if it is open. */
  async unlock(opening: string | Uint8Array | PasskeyOpening): Promise<void> {
    await this.#lockController.unlock(requireOpening(opening));
    this.#backups?.resume();
  }

  /** Makes a passkey that opens the vault too, and gives its id. The platform asks the person; `UNSUPPORTED` where it has no PRF extension. */
  async addPasskey(options: PasskeyOptions = {}): Promise<Uint8Array> {
    const { label = globalThis.location?.hostname ?? "" } = object(options, "options") as PasskeyOptions;
    const { passkeys } = await this.#forUser().read((engine) => engine.ways());
    return withNewPasskey(text(label, "label"), passkeys, async ({ id, salt }, output) => {
      await this.#host.apply((engine, now) => engine.addPasskey(id, salt, output, now));
      return id;
    });
  }

  /** The ids of the passkeys that open the vault. */
  async passkeys(): Promise<Uint8Array[]> {
    const { passkeys } = await this.#forRead().read((engine) => engine.ways());
    return passkeys.map(({ id }) => id);
  }

  /** Has a passkey open the vault no more. The platform may go on listing it. */
  async removePasskey(id: Uint8Array): Promise<void> {
    const credential = bytes(id, "id");
    await this.#forUser().apply((engine, now) => engine.removePasskey(credential, now));
  }

  /**
   * Destroys the vault: overwrites and removes what opens it, deletes everything that is kept here, and disposes of this portal.
   * Needs no passphrase, and works while it is locked. There is no way back but a backup; contacts are not told.
   */
  async destroy(): Promise<void> {
    if (this.#disposed !== undefined) this.#host.throwIfEnded();
    this.#lock.lost.throwIfAborted();
    await this.#lockController.end();
    this.#host.fail(new TesseraError("DISPOSED", "the vault was destroyed"));
    await this.#host.wipe();
    await shredStore(this.#store);
    await this.dispose();
  }

  /**
   * The person is here: puts the idle time off. Call it on keys, pointers and scrolling. Calls that change something do so too;
   * calls that only read do not, for pages make them by themselves when a message arrives, and neither does the loop.
   */
  touch(): void {
    this.#lockController.used();
  }

  /** What was written to a contact and not sent yet; empty if nothing. */
  async draft(contactId: string): Promise<string> {
    return this.#forRead().draft(text(contactId, "contactId"));
  }

  /** Keeps what is being written, sealed, through locks and restarts. Sending a text lets go of it, and so does an empty one. */
  async setDraft(contactId: string, draft: string): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), content(text(draft, "draft"), "draft")];
    await this.#forUser().apply((engine) => engine.setDraft(to, kept));
  }

  /** One round: reads both mailboxes, then posts one slot, or the whole queue with `flush`. */
  async sync(options: SyncOptions = {}): Promise<SyncResult> {
    const { flush, signal, onProgress } = object(options, "options") as SyncOptions;
    throwIfAborted(signal);
    this.#lockController.check();
    const told = (progress: PullProgress): void => {
      this.#dispatch("progress", progress);
      onProgress?.(progress);
    };
    return this.#result(await this.#sync.round(flush === true, { signal, onProgress: told }));
  }

  /** Stops the loop, wipes what is in memory, closes the store and lets another portal have it. Calling it again gives the same promise. */
  dispose(): Promise<void> {
    this.#backups?.stop();
    this.#disposed ??= this.#lockController
      .end()
      .then(() => this.#host.end())
      .finally(() => this.#lock.release());
    return this.#disposed;
  }

  /** A vault that was there was opened. */
  async #opened(relay: string, passkey: boolean): Promise<void> {
    try {
      await this.#host.apply((engine, now) => engine.unlocked(passkey, now));
      await this.#host.apply((engine) => engine.relocate(relay));
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  /** A backup was restored, perhaps where the relay has another URL. */
  async #restored(relay: string): Promise<void> {
    try {
      await this.#host.apply((engine) => engine.relocate(relay));
    } catch (error) {
      await this.dispose();
      throw error;
    }
  }

  /** Another portal has the store now: nothing more may be done here. */
  async #takenOver(error: TesseraError): Promise<void> {
    if (this.#disposed !== undefined) return;
    this.#host.fail(error);
    this.#backups?.stop();
    await this.#lockController.end();
    await this.#host.wipe();
    this.#dispatch("stopped", error);
  }

  /** Asks that the browser keep the store, without making anyone wait for the answer. */
  async #askToPersist(): Promise<void> {
    if (this.#store.persist === undefined) return;
    let persisted = false;
    try {
      persisted = (await this.#store.persist()) === true;
    } catch {
      // Not even to be asked: it is not promised then.
    }
    // In a task of its own: whoever opened the portal listens by then.
    setTimeout(() => {
      if (this.#disposed === undefined) this.#dispatch("storage", { persisted });
    });
  }

  /** The engine, for a call of the person's doing. */
  #forUser(): EngineHost {
    this.#lockController.used();
    return this.#host;
  }

  /** The engine, for a call that a page may make by itself. */
  #forRead(): EngineHost {
    this.#lockController.check();
    return this.#host;
  }

  /** An enrolment through the lobby cannot wait for the next epoch. */
  async #enrolling(): Promise<void> {
    if (await this.#host.read((engine, now) => engine.lobbyWatch(now))) this.#loop.enrolling();
  }

  #result(pulled: Pulled): SyncResult {
    const { messages, rejected, gaps, cells, bytes, incomplete } = pulled;
    return {
      messages: messages.map((message) => this.#message(message)),
      rejected,
      gaps,
      cellsScanned: cells,
      bytesPulled: bytes,
      incomplete,
    };
  }

  #message(message: BareMessage): Message {
    return { ...message, body: () => this.#forRead().body(message.id) };
  }

  #show(event: EngineEvent): void {
    if (event.type === "message" || event.type === "state")
      return this.#dispatch(event.type, this.#message(event.message));
    if (event.type === "contact") return this.#dispatch("contact", event.contact);
    if (event.type === "transfer") return this.#dispatch("progress", { kind: "message", ...event.transfer });
    if (event.type === "checkpoint") return this.#dispatch("checkpoint", event.checkpoint);
    const { type, ...detail } = event;
    this.#dispatch(type, detail as never);
  }

  #dispatch<K extends keyof PortalEvents>(type: K, detail: PortalEvents[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function parseContent(message: OutgoingContent): {
  contentType: string;
  body: Uint8Array;
  filename?: string;
  session?: string;
} {
  const given = object(message, "message");
  const session = given["session"] === undefined ? {} : { session: text(given["session"], "session") };
  if (given["text"] !== undefined)
    return { contentType: TEXT_TYPE, body: content(text(given["text"], "text"), "text"), ...session };
  const filename = given["filename"] === undefined ? {} : { filename: text(given["filename"], "filename") };
  return {
    contentType: text(given["contentType"], "contentType"),
    body: bytes(given["body"], "body"),
    ...filename,
    ...session,
  };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
