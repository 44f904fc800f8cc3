/** The Portal level: one person's contacts and messages, over a relay, kept in a store. */

import { draftFiles, outgoing } from "./content.js";
import { requirePace } from "./options.js";
import { EmergencyShares } from "./emergency.js";
import { EventStreams } from "./event-stream.js";
import type { PortalEvent, PortalEventTarget } from "./events.js";
import type { OpenInvitation, Synced } from "./engine.js";
import { MessageFiling, type DiscardOptions } from "./filing.js";
import { readMessages } from "./messages.js";
import { openReadOnly, openRuntime, restoreRuntime } from "./open.js";
import type { ReadOnlyPortal } from "./read-only.js";
import type { Runtime } from "./runtime.js";
import type {
  AcceptOptions,
  Contact,
  Device,
  DraftFile,
  EmergencyAccessOptions,
  Estimate,
  EventsOptions,
  Invitation,
  InviteOptions,
  Limits,
  Me,
  Message,
  MessagesOptions,
  OpenOptions,
  OutgoingAttachment,
  OutgoingContent,
  OutgoingMessage,
  Pace,
  ReadOptions,
  RestoreOptions,
  Settings,
  SyncOptions,
  SyncResult,
  Transfer,
} from "./types.js";
import { PortalVault } from "./vault.js";
import {
  bytes,
  callback,
  content,
  flag,
  integer,
  options as known,
  signal as requireSignal,
  text,
  throwIfAborted,
} from "../arguments.js";
import { AuditLog } from "../audit/log.js";
import { TesseraError, invalid } from "../errors.js";
import { qrSvg } from "../qr.js";
import { EmergencySession } from "../vault/emergency-access.js";

/**
 * One person's portal. Open one per store at a time.
 *
 * State is committed before a cell leaves and before a message is shown. If the store fails, was changed by someone else or
 * taken over by another portal, every later call throws `STORE_FAILED`, `STORE_CONFLICT` or `VAULT_IN_USE`: open the portal again.
 */
export class Portal extends (EventTarget as {
  new (): PortalEventTarget & Pick<EventTarget, "dispatchEvent">;
  prototype: EventTarget;
}) {
  /** What opens the vault, locks it and ends it. */
  readonly vault: PortalVault;
  /** What happened here, in a log that shows tampering. */
  readonly audit: AuditLog;
  /** Shares of the vault key, and the accesses they were used for. */
  readonly emergency: EmergencyShares;
  /** What came of filing messages in the health record. */
  readonly filing: MessageFiling;
  readonly #runtime: Runtime;
  readonly #streams = new EventStreams();
  #disposed: Promise<void> | undefined;

  /** Opens the vault in the store, or creates one if `create` says so. Loads the module if `init()` was not called. */
  static async open(options: OpenOptions): Promise<Portal> {
    return new Portal(await openRuntime(options));
  }

  /** Puts a backup into an empty store and opens it, as a device of its own: the device of the backup sends nothing more once it hears of this. */
  static async restore(bundle: Uint8Array, options: RestoreOptions): Promise<Portal> {
    return new Portal(await restoreRuntime(bundle, options));
  }

  /** Opens the vault in the store to be read; nothing of it is changed, so a store that is full, a copy, or one that is open elsewhere will do. */
  static openReadOnly(options: ReadOptions): Promise<ReadOnlyPortal> {
    return openReadOnly(options);
  }

  /** Opens a backup with emergency shares, for reading for a limited time. The access is reported to the owner if `store` or `relay` is given. */
  static openEmergencyAccess(options: EmergencyAccessOptions): Promise<EmergencySession> {
    return EmergencySession.open(options);
  }

  private constructor(runtime: Runtime) {
    super();
    this.#runtime = runtime;
    runtime.emit = (type, detail) => {
      runtime.log.event(type, detail);
      this.#streams.dispatch(this, type, detail);
    };
    this.vault = new PortalVault(runtime);
    this.audit = new AuditLog(runtime);
    this.emergency = new EmergencyShares(runtime);
    this.filing = new MessageFiling(runtime);
  }

  /** Makes an invitation for one person to answer. */
  async invite(options: InviteOptions): Promise<Invitation> {
    const { kind, expiresInSeconds } = known(options, "options", ["kind", "expiresInSeconds"]);
    if (kind !== "qr" && kind !== "link") throw invalid('kind is neither "qr" nor "link"');
    const expires =
      expiresInSeconds === undefined ? undefined : integer(expiresInSeconds, "expiresInSeconds", 1, 2 ** 31);
    this.#runtime.lockController.used();
    await this.#runtime.driver.parameters();
    const made = await this.#runtime.host.apply((engine, now) => engine.invite(kind, expires, now));
    await this.#enrolling();
    return withQr(made);
  }

  /** The invitations that were made here and can still be answered. */
  async invitations(): Promise<Invitation[]> {
    return (await this.#runtime.forRead().read((engine, now) => engine.openInvitations(now))).map(withQr);
  }

  async cancelInvitation(id: string): Promise<void> {
    const invitation = text(id, "id");
    await this.#runtime.forUser().apply((engine, now) => engine.cancelInvitation(invitation, now));
  }

  /** Answers an invitation: the `tessera:/…` text, or a link or a mail's text around it. */
  async accept(uri: string, options: AcceptOptions = {}): Promise<Contact> {
    const invitation = text(uri, "uri");
    const inPerson = flag(known(options, "options", ["inPerson"]).inPerson, "inPerson");
    this.#runtime.lockController.used();
    await this.#runtime.driver.parameters();
    const contact = await this.#runtime.host.apply((engine, now) => engine.accept(invitation, inPerson, now));
    await this.#enrolling();
    return contact;
  }

  async me(): Promise<Me> {
    const { name, publicKey, fingerprint } = await this.#runtime.forRead().read((engine) => engine.me());
    return { name, publicKey, fingerprint, fingerprintQrSvg: qrSvg(`tessera-fingerprint:${hex(fingerprint)}`) };
  }

  /** Names the only identity that may answer an invitation: scanned from its screen, or authenticated by the host. */
  async expectIdentity(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    const [id, expected] = [text(invitationId, "invitationId"), bytes(fingerprint, "fingerprint", 32)];
    await this.#runtime.forUser().apply((engine, now) => engine.expectIdentity(id, expected, now));
  }

  async contacts(): Promise<Contact[]> {
    return this.#runtime.forRead().read((engine) => engine.contacts());
  }

  /** Both people read the same six digits. What was held is shown now. */
  async confirmSas(contactId: string): Promise<void> {
    const contact = text(contactId, "contactId");
    await this.#runtime.forUser().apply((engine, now) => engine.confirmSas(contact, now));
  }

  /** The digits differ: someone stands in between. */
  async rejectSas(contactId: string): Promise<void> {
    const contact = text(contactId, "contactId");
    await this.#runtime.forUser().apply((engine, now) => engine.rejectSas(contact, now));
  }

  /** Removes a contact with all messages. `MESSAGE_UNFILED` if the health record does not have one of them yet. */
  async removeContact(contactId: string, options: DiscardOptions = {}): Promise<void> {
    const contact = text(contactId, "contactId");
    const discard = flag(known(options, "options", ["discardUnfiled"]).discardUnfiled, "discardUnfiled");
    await this.#runtime.forUser().apply((engine, now) => engine.removeContact(contact, discard, now));
  }

  /** Queues a message; it leaves in a later slot of the loop, or with the next `sync`; or with the pace `prompt` at once. */
  async send(contactId: string, message: OutgoingContent): Promise<OutgoingMessage> {
    const to = text(contactId, "contactId");
    const { session, pace, signal, size, read } = outgoing(message);
    throwIfAborted(signal);
    this.#runtime.lockController.used();
    await this.#runtime.driver.ready();
    const { maxMessageBytes } = await this.limits();
    if (size > maxMessageBytes)
      throw new TesseraError("MESSAGE_TOO_LARGE", `the message has ${size} bytes, the relay allows ${maxMessageBytes}`);
    const { text: typed, attachments } = await read();
    throwIfAborted(signal);
    const isPrompt = (pace ?? this.#runtime.pace) === "prompt";
    const sent = await this.#runtime.host.apply((engine, now) => {
      const effects = engine.send(to, typed, attachments, session, now);
      return isPrompt ? this.#runtime.prompt.marked(effects) : effects;
    });
    if (!isPrompt) return this.#runtime.message(sent) as OutgoingMessage;
    void this.#runtime.prompt.send();
    const { leavesBy: _, ...leaving } = sent;
    return this.#runtime.message(leaving) as OutgoingMessage;
  }

  /** Messages with a contact, the newest last. */
  async messages(contactId: string, options: MessagesOptions = {}): Promise<Message[]> {
    return readMessages(() => this.#runtime.forRead(), contactId, options);
  }

  /** Which device this is, of those that were restored from backups. */
  async device(): Promise<Device> {
    return this.#runtime.forRead().read((engine) => engine.device());
  }

  /** Takes back a message that has not left: its contact never sees it. `MESSAGE_SENT` if the relay has all of it, or may have. */
  async cancel(messageId: string): Promise<OutgoingMessage> {
    const id = text(messageId, "messageId");
    const cancelled = await this.#runtime.forUser().apply((engine, now) => engine.cancel(id, now));
    return this.#runtime.message(cancelled) as OutgoingMessage;
  }

  /**
   * Marks what came from a contact as read, up to a message or all of it. Held messages stay unread. A page may call it by itself when
   * it shows messages: it does not restart the idle time.
   */
  async markRead(contactId: string, messageId?: string): Promise<void> {
    const contact = text(contactId, "contactId");
    const until = messageId === undefined ? undefined : text(messageId, "messageId");
    await this.#runtime.forRead().apply((engine, now) => engine.markRead(contact, until, now));
  }

  /** Deletes a message with its body here; its contact keeps it. One that waits is cancelled first. `MESSAGE_UNFILED` if the health record does not have it yet. */
  async deleteMessage(messageId: string, options: DiscardOptions = {}): Promise<void> {
    const id = text(messageId, "messageId");
    const discard = flag(known(options, "options", ["discardUnfiled"]).discardUnfiled, "discardUnfiled");
    await this.#runtime.forUser().apply((engine, now) => engine.deleteMessage(id, discard, now));
  }

  /** What the relay allows, and its pace. */
  async limits(): Promise<Limits> {
    this.#runtime.lockController.check();
    const { maxAttachmentBytes, epochSeconds, perBucket } = await this.#runtime.driver.parameters();
    return { maxMessageBytes: maxAttachmentBytes, epochSeconds, cellsPerBucket: perBucket };
  }

  /** What sending so many bytes takes at most, at this pace. */
  async estimate(bytes: number, pace: Pace = "steady"): Promise<Estimate> {
    const count = integer(bytes, "bytes", 0, Number.MAX_SAFE_INTEGER);
    const prompt = requirePace(pace) === "prompt";
    this.#runtime.lockController.check();
    await this.#runtime.driver.parameters();
    return this.#runtime.forRead().read((engine) => engine.estimate(count, prompt));
  }

  /**
   * What proves to others who wrote a message that came in, together with its `body()`: it was taken when the message arrived, and
   * outlives the keys of that month. It links one pseudonym of the sender to the sender. `EVIDENCE_MISSING` for other messages.
   */
  async evidence(messageId: string): Promise<Uint8Array> {
    const id = text(messageId, "messageId");
    return this.#runtime.forRead().evidence(id);
  }

  /** Takes another name. People who are met from now on see it; contacts and open invitations keep the one before. */
  async rename(name: string): Promise<void> {
    const next = text(name, "name");
    await this.#runtime.forUser().apply((engine, now) => engine.rename(next, now));
  }

  /** Messages of several cells on their way, in or out. */
  async transfers(): Promise<Transfer[]> {
    await this.#runtime.driver.parameters();
    return this.#runtime.forRead().read((engine) => engine.transfers());
  }

  async settings(): Promise<Settings> {
    return this.#runtime.forRead().read((engine) => ({ ...engine.settings(), filing: engine.filesMessages() }));
  }

  /** Changes what is named. What no longer counts is forgotten with the next round. */
  async changeSettings(settings: Partial<Settings>): Promise<Settings> {
    const changes = known(settings, "settings", ["graceDays", "retentionDays", "filing"]);
    const current = await this.settings();
    const given = { ...current, ...changes };
    const [grace, retention] = [
      integer(given.graceDays, "graceDays", 3, 28),
      integer(given.retentionDays, "retentionDays", 7, 60),
    ];
    const filing = changes.filing === undefined ? current.filing : flag(changes.filing, "filing");
    const host = this.#runtime.forUser();
    if (changes.graceDays !== undefined || changes.retentionDays !== undefined)
      await host.apply((engine, now) => engine.setSettings(grace, retention, now));
    await host.apply((engine, now) => engine.setFilesMessages(filing, now));
    return { graceDays: grace, retentionDays: retention, filing };
  }

  /**
   * Shreds by hand the keys of months that a relay which withholds batches, or is gone, has kept from being shredded: those of
   * which nothing can come any more, since even the retention after their grace is over. Gives of how many contacts.
   */
  async shredExpiredKeys(): Promise<number> {
    return this.#runtime.forUser().apply((engine, now) => engine.shredExpiredKeys(now));
  }

  /** Starts the loop: slots, pulls, receipts. Failures of the relay are told by `relay` events and retried. */
  async start(): Promise<void> {
    this.#runtime.lockController.start();
  }

  /** Stops the loop; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    await this.#runtime.lockController.stop();
  }

  /** What was written to a contact and not sent yet; empty if nothing. */
  async draft(contactId: string): Promise<string> {
    return this.#runtime.forRead().draft(text(contactId, "contactId"));
  }

  /** Keeps what is being written, sealed, through locks and restarts. Sending a text deletes it, and so does an empty one. */
  async setDraft(contactId: string, draft: string): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), content(text(draft, "draft"), "draft")];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraft(to, kept, now));
  }

  /** The files that were picked for a contact and not sent yet. */
  async draftFiles(contactId: string): Promise<DraftFile[]> {
    return this.#runtime.forRead().draftFiles(text(contactId, "contactId"));
  }

  /** Keeps the files that were picked, as `setDraft` keeps the text. Sending a message with attachments deletes them, and so does an empty list. */
  async setDraftFiles(contactId: string, files: readonly (Blob | OutgoingAttachment)[]): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), await draftFiles(files)];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraftFiles(to, kept, now));
  }

  /** One round: reads both mailboxes, then posts one slot, or the whole queue with `flush`. */
  async sync(options: SyncOptions = {}): Promise<SyncResult> {
    const { flush, onProgress, ...given } = known(options, "options", ["flush", "signal", "onProgress"]);
    const signal = requireSignal(given.signal, "signal");
    callback(onProgress, "onProgress");
    throwIfAborted(signal);
    this.#runtime.lockController.check();
    return this.#result(await this.#runtime.driver.sync({ flush: flag(flush, "flush"), signal, onProgress }));
  }

  /** Stops the loop, wipes what is in memory, closes the store and lets another portal have it. Calling it again gives the same promise. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#runtime.dispose().finally(() => this.#streams.end());
    return this.#disposed;
  }

  /** Every event from now on, for `for await`, until the signal says so or the portal is disposed of. */
  events(options: EventsOptions = {}): AsyncIterableIterator<PortalEvent> {
    return this.#streams.open(options);
  }

  /** An enrolment through the lobby cannot wait for the next epoch. */
  async #enrolling(): Promise<void> {
    if (await this.#runtime.host.read((engine, now) => engine.lobbyWatch(now))) await this.#runtime.driver.enrolling();
  }

  #result({ messages, rejected, gaps, cells, bytes, incomplete }: Synced): SyncResult {
    return {
      messages: messages.map((message) => this.#runtime.message(message)),
      rejected: [...rejected],
      gaps: [...gaps],
      cellsScanned: cells,
      bytesPulled: bytes,
      incomplete,
    };
  }
}

function withQr(invitation: OpenInvitation): Invitation {
  return { ...invitation, qrSvg: qrSvg(invitation.uri) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
