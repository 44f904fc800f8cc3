/** One person's portal and what the page shows of it. Only the package's public surface is used here. */

import { Portal, destroyVault, indexedDbStore, isTesseraError, memoryStore } from "tessera-portal";
import type { Attachment, Contact, EmergencyAccess, LockReason, Message, Store, Transfer } from "tessera-portal";
import { codeOf } from "./errors";
import type { Person } from "./people";

/** A notice for the reader; equal notices are counted instead of repeated. */
export interface Notice {
  readonly id: string;
  readonly kind: "rejected" | "gap" | "device" | "breakGlass" | "error";
  readonly code: string;
  readonly contactId: string | null;
  readonly count: number;
}

export interface Invitation {
  readonly id: string;
  readonly kind: "qr" | "link";
  readonly uri: string;
  readonly qrSvg: string;
  readonly expiresAt: Date;
  /** The only person who may answer, once the inviter has named them. */
  readonly expected: boolean;
}

export type RelayState = "unknown" | "up" | "down";

/** Whether the vault can be read here. `elsewhere`: another tab has it; `gone`: the browser cleared it. */
export type Access = "opening" | "open" | "locked" | "elsewhere" | "gone" | "failed";

/** The part of a portal that the page of copies and emergencies uses. */
export type Safety = Pick<Portal, "vault" | "device" | "emergency">;

/** What opens a backup. */
export type BackupKey =
  | { readonly passphrase: string }
  | { readonly recoveryCode: string; readonly newPassphrase: string };

/** The passphrase of every vault in the demo, so that visitors need none. A real portal lets each person choose, and never shows it. */
export const DEMO_PASSPHRASE = "tessera demo";
/** A demonstration shows a receipt within a minute. A portal for patients leaves the delay at a day. */
const DEMO_RECEIPT_DELAY = 0;

/** The bytes of an attachment, unless the vault cannot return them. */
export type AttachmentBody = Uint8Array | "damaged";

/** How many messages of a conversation the page keeps on screen. */
const SHOWN = 200;

export class Session {
  contacts: Contact[] = [];
  readonly messages = new Map<string, Message[]>();
  notices: Notice[] = [];
  invitations: Invitation[] = [];
  /** Large messages on their way. */
  transfers: Transfer[] = [];
  fingerprintQrSvg: string | null = null;
  relay: RelayState = "unknown";
  access: Access = "opening";
  /** Why the vault was locked; null if it existed when the page was opened. */
  lockedBy: LockReason | null = null;
  /** Why the portal could not be opened, as an error code. */
  failure: string | null = null;
  /** Emergency accesses that were reported, by id. */
  readonly accesses = new Map<string, EmergencyAccess>();
  /** Drafts, as the vault stores them. */
  readonly drafts = new Map<string, string>();
  readonly #attachments = new Map<string, AttachmentBody>();
  readonly #seen = new Set<string>();
  #arrived: Message[] = [];
  #portal: Portal | null = null;
  #watchers = new Set<() => void>();
  #refreshing: Promise<void> | null = null;
  #again = false;

  readonly #store: Store;

  constructor(
    readonly person: Person,
    readonly relayUrl: URL,
    readonly idleMinutes: number,
  ) {
    this.#store = indexedDbStore(`tessera-demo-${person.role}`);
  }

  get ready(): boolean {
    return this.access === "open";
  }

  /** Messages that have not left this device. */
  get waiting(): number {
    return [...this.messages.values()]
      .flat()
      .filter((message) => message.direction === "out" && message.state === "queued").length;
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Creates a vault if there is none; an existing vault waits for its passphrase. */
  async begin(): Promise<void> {
    try {
      const there = (await this.#store.get("vault")) !== undefined;
      if (there) this.#become("locked");
      else await this.#create(false);
    } catch (error) {
      if (this.access !== "opening") return; // the page says why
      this.failure = codeOf(error);
      this.#become("failed");
    }
  }

  /** Opens the existing vault. */
  async unlock(passphrase: string, takeOver = false): Promise<void> {
    if (this.#portal) await this.#portal.vault.unlock(passphrase);
    else await this.#open({ passphrase, takeOver });
    await this.#load();
  }

  async lock(): Promise<void> {
    await this.#portal?.vault.lock();
  }

  /** The person is using the portal. */
  touch(): void {
    this.#portal?.vault.touch();
  }

  /** Destroys the vault, in any state, and creates a new one with a new identity. */
  async startOver(): Promise<void> {
    const portal = this.#portal;
    this.#portal = null;
    this.notices = [];
    this.#forget();
    this.#become("opening");
    if (portal) await portal.vault.destroy();
    else await destroyVault(this.#store, { takeOver: true });
    await this.#create(true);
  }

  /** Replaces the vault by a backup, if the backup opens. */
  async restore(bundle: Uint8Array, key: BackupKey): Promise<void> {
    const trial = await Portal.restore(bundle, { relay: this.relayUrl, store: memoryStore(), ...key });
    await trial.dispose();
    const portal = this.#portal;
    this.#portal = null;
    this.notices = [];
    this.#forget();
    this.#become("opening");
    if (portal) await portal.vault.destroy();
    else await destroyVault(this.#store, { takeOver: true });
    const restored = await Portal.restore(bundle, {
      relay: this.relayUrl,
      store: this.#store,
      idleMinutes: this.idleMinutes,
      receiptDelayMinutes: DEMO_RECEIPT_DELAY,
      ...key,
    });
    this.#listen(restored);
    this.#portal = restored;
    await restored.start();
    await this.#load();
  }

  async #create(afterEviction: boolean): Promise<void> {
    await this.#open({ passphrase: DEMO_PASSPHRASE, create: true, afterEviction });
    await this.#load();
  }

  async #open(options: {
    passphrase: string;
    create?: boolean;
    takeOver?: boolean;
    afterEviction?: boolean;
  }): Promise<void> {
    try {
      const portal = await Portal.open({
        relay: this.relayUrl,
        store: this.#store,
        name: this.person.name,
        idleMinutes: this.idleMinutes,
        receiptDelayMinutes: DEMO_RECEIPT_DELAY,
        ...options,
      });
      this.#listen(portal);
      this.#portal = portal;
      await portal.start();
    } catch (error) {
      const code = codeOf(error);
      if (code === "VAULT_IN_USE") this.#become("elsewhere");
      if (code === "VAULT_EVICTED") this.#become("gone");
      throw error;
    }
  }

  /** Shows everything that the vault holds. */
  async #load(): Promise<void> {
    const portal = this.#opened();
    await this.#readFrom(portal);
    this.#become("open");
    // The event came once, perhaps before this page was loaded.
    if ((await portal.device()).supersededBy !== null) this.#notifyOnce("device", "superseded", null);
  }

  #become(access: Access): void {
    this.access = access;
    this.#changed();
  }

  /** Removes everything from the vault from the page while it is locked. */
  #forget(): void {
    this.contacts = [];
    this.invitations = [];
    this.transfers = [];
    this.fingerprintQrSvg = null;
    this.accesses.clear();
    this.messages.clear();
    this.drafts.clear();
    this.#attachments.clear();
    this.#arrived = [];
  }

  async invite(kind: "qr" | "link", expiresInSeconds: number): Promise<void> {
    const made = await this.#opened().invite({ kind, expiresInSeconds });
    this.invitations = [
      {
        id: made.id,
        kind,
        uri: made.uri,
        qrSvg: made.qrSvg,
        expiresAt: new Date(made.expiresAt * 1000),
        expected: false,
      },
      ...this.invitations,
    ];
    this.#changed();
  }

  async cancelInvitation(id: string): Promise<void> {
    await this.#opened().cancelInvitation(id);
    this.invitations = this.invitations.filter((invitation) => invitation.id !== id);
    this.#changed();
  }

  async expectIdentity(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    await this.#opened().expectIdentity(invitationId, fingerprint);
    this.invitations = this.invitations.map((one) => (one.id === invitationId ? { ...one, expected: true } : one));
    this.#changed();
  }

  /** `inPerson`: the inviter handed the invitation over in person, so no digits are compared. */
  async accept(uri: string, inPerson: boolean): Promise<Contact> {
    const contact = await this.#opened().accept(uri, { inPerson });
    await this.refresh();
    return contact;
  }

  async confirmSas(contactId: string): Promise<void> {
    await this.#opened().confirmSas(contactId);
    await this.refresh();
  }

  async rejectSas(contactId: string): Promise<void> {
    await this.#opened().rejectSas(contactId);
    await this.refresh();
  }

  async removeContact(contactId: string): Promise<void> {
    await this.#opened().removeContact(contactId);
    await this.refresh();
  }

  async send(contactId: string, text: string, file: File | null, label: string): Promise<void> {
    const portal = this.#opened();
    await portal.send(contactId, {
      ...(text === "" ? {} : { text }),
      ...(file === null ? {} : { attachments: [new File([file], file.name, { type: contentTypeOf(file) })] }),
      ...(label === "" ? {} : { session: label }),
    });
    if (text !== "") this.drafts.set(contactId, "");
    await this.refresh();
  }

  /** Stores the draft, so that a lock or a closed page loses nothing. */
  async keepDraft(contactId: string, text: string): Promise<void> {
    this.drafts.set(contactId, text);
    await this.#portal?.setDraft(contactId, text).catch((error: unknown) => this.notify("error", codeOf(error), null));
  }

  /** Withdraws a message that has not been sent completely. */
  async cancel(messageId: string): Promise<void> {
    await this.#opened().cancel(messageId);
    await this.refresh();
  }

  /** For the page of copies and emergencies; null while the vault is not open. */
  get safety(): Safety | null {
    return this.ready ? this.#portal : null;
  }

  /** The audit log. */
  get log(): Portal["audit"] | null {
    return this.#portal?.audit ?? null;
  }

  /** The bytes of an attachment; null until they are read. */
  attachment(message: Message, index: number): AttachmentBody | null {
    return this.#attachments.get(`${message.id}/${index}`) ?? null;
  }

  /** Messages received since the last call, for the announcement. */
  takeArrived(): Message[] {
    const arrived = this.#arrived;
    this.#arrived = [];
    return arrived;
  }

  contact(id: string | null): Contact | undefined {
    return this.contacts.find((contact) => contact.id === id);
  }

  notify(kind: Notice["kind"], code: string, contactId: string | null, count = 1): void {
    const same = this.notices.find(
      (notice) => notice.kind === kind && notice.code === code && notice.contactId === contactId,
    );
    const total = (same?.count ?? 0) + count;
    if (total <= 0) {
      if (same) this.dismiss(same.id);
      return;
    }
    const notice: Notice = { id: noticeId(kind, code, contactId), kind, code, contactId, count: total };
    this.notices = same ? this.notices.map((other) => (other === same ? notice : other)) : [...this.notices, notice];
    this.#changed();
  }

  /** Without counting how often. */
  #notifyOnce(kind: Notice["kind"], code: string, contactId: string | null): void {
    const id = noticeId(kind, code, contactId);
    if (this.notices.some((notice) => notice.id === id)) this.#changed();
    else this.notify(kind, code, contactId);
  }

  /** A state that lasts: shown while it does. */
  #notifyWhile(present: boolean, code: string): void {
    if (present) this.#notifyOnce("error", code, null);
    else this.dismiss(noticeId("error", code, null));
  }

  dismiss(id: string): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
    this.#changed();
  }

  /** Reads contacts and messages again; calls during a run cause a single further run. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = null;
      if (!this.#again) return;
      this.#again = false;
      void this.refresh();
    });
    return this.#refreshing;
  }

  async #read(): Promise<void> {
    if (this.#portal && this.ready) {
      try {
        await this.#readFrom(this.#portal);
      } catch (error) {
        if (!isTesseraError(error) || !["LOCKED", "DISPOSED", "VAULT_IN_USE"].includes(error.code)) throw error;
      }
      // The vault was locked meanwhile, so nothing that was read may be shown.
      if (!this.ready) this.#forget();
    }
    this.#changed();
  }

  async #readFrom(portal: Portal): Promise<void> {
    this.fingerprintQrSvg ??= (await portal.me()).fingerprintQrSvg;
    const contacts = await portal.contacts();
    for (const contact of contacts) {
      const messages = await portal.messages(contact.id, { limit: SHOWN });
      for (const message of messages) await this.#take(message);
      // A stable sort: messages of the same second keep the portal's order.
      this.messages.set(
        contact.id,
        messages.toSorted((a, b) => timeOf(a) - timeOf(b)),
      );
      if (!this.drafts.has(contact.id)) this.drafts.set(contact.id, await portal.draft(contact.id));
    }
    // Nothing can be in transit before the relay was reached once.
    this.transfers = await portal.transfers().catch(() => []);
    this.contacts = contacts;
    for (const id of this.messages.keys()) if (!this.contact(id)) this.messages.delete(id);
  }

  async #take(message: Message): Promise<void> {
    if (message.direction === "in" && message.state === "verified" && !this.#seen.has(message.id)) {
      this.#seen.add(message.id);
      this.#arrived.push(message);
    }
    if (message.state === "held") return;
    for (const [index, attachment] of message.attachments.entries()) {
      const key = `${message.id}/${index}`;
      if (!this.#attachments.has(key)) this.#attachments.set(key, await bodyOf(attachment));
    }
  }

  #listen(portal: Portal): void {
    portal.addEventListener("message", () => void this.refresh());
    portal.addEventListener("contact", () => void this.refresh());
    portal.addEventListener("state", () => void this.refresh());
    portal.addEventListener("progress", ({ detail }) => {
      if (detail.kind !== "message") return;
      const { kind, ...transfer } = detail;
      this.transfers = [...this.transfers.filter(({ id }) => id !== transfer.id), transfer];
      this.#changed();
    });
    portal.addEventListener("relay", ({ detail }) => {
      this.relay = detail.reachable ? "up" : "down";
      this.#changed();
    });
    portal.addEventListener("locked", ({ detail }) => {
      this.lockedBy = detail.reason;
      this.#forget();
      this.#become("locked");
    });
    portal.addEventListener("stopped", ({ detail }) => {
      if (detail.code === "VAULT_IN_USE") this.#movedAway(portal);
      else this.notify("error", detail.code, null);
    });
    portal.addEventListener("rejected", ({ detail: { code, contactId, count } }) => {
      this.notify("rejected", code, contactId ?? null, count);
      void this.refresh();
    });
    portal.addEventListener("clockSkew", ({ detail }) => this.#notifyWhile(detail.code !== undefined, "CLOCK_SKEW"));
    portal.addEventListener("stalled", ({ detail }) => this.#notifyWhile(detail.stalled, "STALLED"));
    portal.addEventListener("storage", ({ detail }) => {
      if (detail.full !== undefined) this.#notifyWhile(detail.full, "STORE_FULL");
    });
    portal.addEventListener("notice", ({ detail: { code, cleared } }) => this.#notifyWhile(!cleared, code));
    portal.addEventListener("device", ({ detail }) =>
      this.#notifyOnce("device", detail.kind, detail.contactId ?? null),
    );
    portal.addEventListener("breakGlass", ({ detail }) => {
      this.accesses.set(detail.id, detail);
      this.#notifyOnce("breakGlass", detail.id, null);
    });
    portal.addEventListener("gap", ({ detail: gap }) => {
      const contactId = gap.kind === "sequence" ? gap.contactId : null;
      const count = gap.kind === "sequence" ? gap.to - gap.from + 1 : 1;
      // Missing messages may arrive later; the warning then counts that many fewer.
      this.notify("gap", gap.kind, contactId, gap.kind !== "origin" && gap.closed ? -count : count);
    });
  }

  /** Another tab took the vault over. */
  #movedAway(portal: Portal): void {
    this.#portal = null;
    void portal.dispose();
    this.#forget();
    this.#become("elsewhere");
  }

  #opened(): Portal {
    if (!this.#portal) throw new Error("the portal is not open");
    return this.#portal;
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function noticeId(kind: Notice["kind"], code: string, contactId: string | null): string {
  return `${kind} ${code} ${contactId ?? ""}`;
}

/** An attachment that cannot be read must not keep the other messages off the screen. */
async function bodyOf(attachment: Attachment): Promise<AttachmentBody> {
  try {
    return await attachment.body();
  } catch (error) {
    if (isTesseraError(error) && error.code === "VAULT_DAMAGED") return "damaged";
    throw error;
  }
}

function timeOf(message: Message): number {
  return message.receivedAt ?? message.sentAt;
}

/** FHIR travels under its own media type, so that the reader's portal can show it as a table. */
function contentTypeOf(file: File): string {
  if (file.type === "application/fhir+json" || /\.json$/i.test(file.name)) return "application/fhir+json";
  return file.type === "" ? "application/octet-stream" : file.type;
}
