/** One person's portal and what the page shows of it. Only the package's public surface is used here. */

import { Portal, memoryStore } from "tessera-portal";
import type { Contact, Message, Transfer } from "tessera-portal";
import { codeOf } from "./errors";
import type { Person } from "./people";
import { readReports, type Report } from "./fhir";

/** Something the reader must be told; equal ones are counted instead of repeated. */
export interface Notice {
  readonly id: string;
  readonly kind: "rejected" | "gap" | "error";
  readonly code: string;
  readonly contactId: string | null;
  readonly count: number;
}

export interface Invitation {
  readonly id: string;
  readonly kind: "quick" | "ordinary";
  readonly uri: string;
  readonly qrSvg: string;
  readonly expiresAt: Date;
  /** Set once the inviter has named the only person who may answer. */
  readonly expected: boolean;
}

export interface Attachment {
  readonly bytes: Uint8Array;
  readonly reports: Report[] | null;
}

export type RelayState = "unknown" | "up" | "down";

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
  /** Why the portal could not be opened, as an error code. */
  failure: string | null = null;
  readonly #attachments = new Map<string, Attachment>();
  readonly #seen = new Set<string>();
  #arrived: Message[] = [];
  #portal: Portal | null = null;
  #watchers = new Set<() => void>();
  #refreshing: Promise<void> | null = null;
  #again = false;

  constructor(readonly person: Person) {}

  get ready(): boolean {
    return this.#portal !== null;
  }

  /** Messages that have not left this device. */
  get waiting(): number {
    return [...this.messages.values()].flat().filter((message) => message.direction === "out" && message.state === "queued").length;
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async open(relay: URL): Promise<void> {
    try {
      const portal = await Portal.open({ relay, store: memoryStore(), passphrase: crypto.getRandomValues(new Uint8Array(32)), name: this.person.name, create: true });
      this.#listen(portal);
      this.fingerprintQrSvg = (await portal.me()).fingerprintQrSvg;
      this.#portal = portal;
      await portal.start();
    } catch (error) {
      this.failure = codeOf(error);
    }
    await this.refresh();
  }

  async invite(kind: "quick" | "ordinary", expiresInSeconds: number): Promise<void> {
    const made = await this.#open().invite({ kind, expiresInSeconds });
    this.invitations = [{ id: made.id, kind, uri: made.uri, qrSvg: made.qrSvg, expiresAt: new Date(made.expiresAt * 1000), expected: false }, ...this.invitations];
    this.#changed();
  }

  async cancelInvitation(id: string): Promise<void> {
    await this.#open().cancelInvitation(id);
    this.invitations = this.invitations.filter((invitation) => invitation.id !== id);
    this.#changed();
  }

  async expect(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    await this.#open().expect(invitationId, fingerprint);
    this.invitations = this.invitations.map((one) => (one.id === invitationId ? { ...one, expected: true } : one));
    this.#changed();
  }

  /** `inPerson`: the invitation came from the inviter's own hand, which takes the place of comparing digits here. */
  async accept(uri: string, inPerson: boolean): Promise<Contact> {
    const contact = await this.#open().accept(uri, { inPerson });
    await this.refresh();
    return contact;
  }

  async confirmSas(contactId: string): Promise<void> {
    await this.#open().confirmSas(contactId);
    await this.refresh();
  }

  async rejectSas(contactId: string): Promise<void> {
    await this.#open().rejectSas(contactId);
    await this.refresh();
  }

  async removeContact(contactId: string): Promise<void> {
    await this.#open().removeContact(contactId);
    await this.refresh();
  }

  async send(contactId: string, text: string, file: File | null, label: string): Promise<void> {
    const portal = this.#open();
    const session = label === "" ? {} : { session: label };
    if (file) {
      const body = new Uint8Array(await file.arrayBuffer());
      await portal.send(contactId, { contentType: contentTypeOf(file), body, filename: file.name, ...session });
    }
    if (text !== "") await portal.send(contactId, { text, ...session });
    await this.refresh();
  }

  /** Takes back a message that has not wholly left. */
  async cancel(messageId: string): Promise<void> {
    await this.#open().cancel(messageId);
    await this.refresh();
  }

  /** What happened here, in a log that shows tampering. */
  get log(): Portal["audit"] | null {
    return this.#portal?.audit ?? null;
  }

  /** The bytes of an attachment, with its reports if it is FHIR; read once. */
  attachment(message: Message): Attachment | null {
    return this.#attachments.get(message.id) ?? null;
  }

  /** Messages that came in since the last call, for the announcement. */
  takeArrived(): Message[] {
    const arrived = this.#arrived;
    this.#arrived = [];
    return arrived;
  }

  contact(id: string | null): Contact | undefined {
    return this.contacts.find((contact) => contact.id === id);
  }

  notify(kind: Notice["kind"], code: string, contactId: string | null, count = 1): void {
    const same = this.notices.find((notice) => notice.kind === kind && notice.code === code && notice.contactId === contactId);
    const total = (same?.count ?? 0) + count;
    if (total <= 0) {
      if (same) this.dismiss(same.id);
      return;
    }
    const notice: Notice = { id: noticeId(kind, code, contactId), kind, code, contactId, count: total };
    this.notices = same ? this.notices.map((other) => (other === same ? notice : other)) : [...this.notices, notice];
    this.#changed();
  }

  dismiss(id: string): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
    this.#changed();
  }

  /** Reads contacts and messages anew; calls during a run lead to one more run. */
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
    if (this.#portal) {
      this.contacts = await this.#portal.contacts();
      for (const contact of this.contacts) {
        const messages = await this.#portal.messages(contact.id, { limit: SHOWN });
        for (const message of messages) await this.#take(message);
        // A stable sort: within one second the portal's own order stands.
        this.messages.set(contact.id, messages.toSorted((a, b) => timeOf(a) - timeOf(b)));
      }
      // Before the relay was ever reached nothing can be on its way.
      this.transfers = await this.#portal.transfers().catch(() => []);
      for (const id of this.messages.keys()) if (!this.contact(id)) this.messages.delete(id);
    }
    this.#changed();
  }

  async #take(message: Message): Promise<void> {
    if (message.direction === "in" && message.state === "verified" && !this.#seen.has(message.id)) {
      this.#seen.add(message.id);
      this.#arrived.push(message);
    }
    if (message.text === undefined && message.state !== "held" && !this.#attachments.has(message.id)) {
      const bytes = await message.body();
      this.#attachments.set(message.id, { bytes, reports: readReports(bytes) });
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
    portal.addEventListener("stopped", ({ detail }) => this.notify("error", detail.code, null));
    portal.addEventListener("rejected", ({ detail: { code, contactId } }) => {
      this.notify("rejected", code, contactId ?? null);
      void this.refresh();
    });
    portal.addEventListener("gap", ({ detail: gap }) => {
      const contactId = gap.kind === "sequence" ? gap.contactId : null;
      const count = gap.kind === "sequence" ? gap.to - gap.from + 1 : 1;
      // What was missing may come after all; then the warning goes by as much.
      this.notify("gap", gap.kind, contactId, gap.kind !== "origin" && gap.closed ? -count : count);
    });
  }

  #open(): Portal {
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

function timeOf(message: Message): number {
  return message.receivedAt ?? message.sentAt;
}

/** FHIR travels under its own media type, so that the reader's portal can show it as a table. */
function contentTypeOf(file: File): string {
  if (file.type === "application/fhir+json" || /\.json$/i.test(file.name)) return "application/fhir+json";
  return file.type === "" ? "application/octet-stream" : file.type;
}
