/** The Portal level: one person's contacts and messages, over a relay, kept in a store. */

import { draftFiles } from "./content.js";
import { EmergencyShares } from "./emergency.js";
import { EventStreams } from "./event-stream.js";
import type { PortalEvent, PortalEventTarget } from "./events.js";
import { MessageFiling, discards, type DiscardOptions } from "./filing.js";
import { estimate, limits, send } from "./mail.js";
import { readMessages } from "./messages.js";
import { openReadOnly, openRuntime, restoreRuntime } from "./open.js";
import { accept, invite, me, withQr } from "./people.js";
import type { ReadOnlyPortal } from "./read-only.js";
import type { Runtime } from "./runtime.js";
import { changeSettings, readSettings } from "./settings.js";
import { sync } from "./sync.js";
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
import { bytes, content, text } from "../arguments.js";
import { AuditLog } from "../audit/log.js";
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

  /** Opens the vault in the store for reading. Nothing is changed, so the store may be full, a copy, or open elsewhere. */
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
  invite(options: InviteOptions): Promise<Invitation> {
    return invite(this.#runtime, options);
  }

  /** The invitations that were made here and can still be answered. */
  async invitations(): Promise<Invitation[]> {
    return (await this.#runtime.forRead().readFirst((engine, now) => engine.openInvitations(now))).map(withQr);
  }

  async cancelInvitation(id: string): Promise<void> {
    const invitation = text(id, "id");
    await this.#runtime.forUser().apply((engine, now) => engine.cancelInvitation(invitation, now));
  }

  /** Answers an invitation: the `tessera:/…` text, or a link or a mail's text around it. */
  accept(uri: string, options: AcceptOptions = {}): Promise<Contact> {
    return accept(this.#runtime, uri, options);
  }

  me(): Promise<Me> {
    return me(this.#runtime);
  }

  /** Names the only identity that may answer an invitation: scanned from its screen, or authenticated by the host. */
  async expectIdentity(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    const [id, expected] = [text(invitationId, "invitationId"), bytes(fingerprint, "fingerprint", 32)];
    await this.#runtime.forUser().apply((engine, now) => engine.expectIdentity(id, expected, now));
  }

  async contacts(): Promise<Contact[]> {
    return this.#runtime.forRead().readFirst((engine) => engine.contacts());
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
    const [contact, discard] = [text(contactId, "contactId"), discards(options)];
    await this.#runtime.forUser().apply((engine, now) => engine.removeContact(contact, discard, now));
  }

  /** Queues a message; it leaves in a later slot of the loop, or with the next `sync`; or with the pace `prompt` at once. */
  send(contactId: string, message: OutgoingContent): Promise<OutgoingMessage> {
    return send(this.#runtime, contactId, message);
  }

  /** Messages with a contact, the newest last. */
  async messages(contactId: string, options: MessagesOptions = {}): Promise<Message[]> {
    return readMessages(() => this.#runtime.forRead(), contactId, options);
  }

  /** Which device this is, of those that were restored from backups. */
  async device(): Promise<Device> {
    return this.#runtime.forRead().readFirst((engine) => engine.device());
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
    const [id, discard] = [text(messageId, "messageId"), discards(options)];
    await this.#runtime.forUser().apply((engine, now) => engine.deleteMessage(id, discard, now));
  }

  /** What the relay allows, and its pace. */
  limits(): Promise<Limits> {
    return limits(this.#runtime);
  }

  /** What sending so many bytes takes at most, at this pace. */
  estimate(bytes: number, pace: Pace = "steady"): Promise<Estimate> {
    return estimate(this.#runtime, bytes, pace);
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
    return this.#runtime.forRead().readFirst((engine) => engine.transfers());
  }

  settings(): Promise<Settings> {
    return readSettings(this.#runtime);
  }

  /** Changes what is named. What no longer counts is forgotten with the next round. */
  changeSettings(settings: Partial<Settings>): Promise<Settings> {
    return changeSettings(this.#runtime, settings);
  }

  /**
   * Shreds the keys that a relay has kept alive by withholding batches or disappearing: those of months whose grace ended longer ago
   * than the retention, so that nothing can arrive under them. Returns the number of contacts.
   */
  async shredExpiredKeys(): Promise<number> {
    return this.#runtime.forUser().apply((engine, now) => engine.shredExpiredKeys(now));
  }

  /** Starts the loop: slots, pulls, receipts. Failures of the relay are reported by `relay` events and retried. */
  async start(): Promise<void> {
    this.#runtime.lockController.start();
  }

  /** Stops the loop; resolves when nothing runs. */
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

  /** The session label of what was written to a contact and not sent yet; empty if none. */
  async draftSession(contactId: string): Promise<string> {
    return this.#runtime.forRead().draftSession(text(contactId, "contactId"));
  }

  /** Keeps the label as it is typed, as `setDraft` keeps the text. Sending a message with a label deletes it, and so does an empty one. */
  async setDraftSession(contactId: string, session: string): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), content(text(session, "session"), "session")];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraftSession(to, kept, now));
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
  sync(options: SyncOptions = {}): Promise<SyncResult> {
    return sync(this.#runtime, options);
  }

  /** Stops the loop, wipes what is in memory, closes the store and lets another portal have it. Calling it again returns the same promise. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#runtime.dispose().finally(() => this.#streams.end());
    return this.#disposed;
  }

  /** Every event from now on, for `for await`, until the signal says so or the portal is disposed of. */
  events(options: EventsOptions = {}): AsyncIterableIterator<PortalEvent> {
    return this.#streams.open(options);
  }
}
