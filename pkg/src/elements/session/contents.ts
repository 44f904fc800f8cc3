/** What a page shows of an open portal: its people, their messages, and what is on the way. Nothing of it outlives a lock. */

import type { Contact, Invitation, Message, Portal, Transfer } from "../../index.js";
import { Alerts, type Alert } from "./alerts.js";
import { Conditions } from "./conditions.js";
import { isRead, isUnread, timeOf } from "./content.js";
import { Drafts } from "./drafts.js";
import type { Marks } from "./marks.js";
import { Thread } from "./thread.js";

/** What the inbox shows of a contact. */
export interface Summary {
  readonly last: Message | null;
  /** 100 stands for more than 99. */
  readonly unread: number;
  readonly hasDraft: boolean;
}

const FEW = 10;
const UNREAD_COUNTED = 100;
const NO_SUMMARY: Summary = { last: null, unread: 0, hasDraft: false };

export abstract class Contents {
  contacts: readonly Contact[] = [];
  transfers: readonly Transfer[] = [];
  /** Invitations that were made here and wait for an answer. */
  invitations: readonly Invitation[] = [];
  readonly summaries = new Map<string, Summary>();
  readonly threads = new Map<string, Thread>();
  readonly conditions = new Conditions(() => this.changed());
  readonly drafts = new Drafts();
  readonly alerts: Alerts;
  readonly #watchers = new Set<() => void>();
  readonly #arrivals = new Set<(message: Message) => void>();

  constructor(marks: Marks) {
    this.alerts = new Alerts(marks);
  }

  abstract get portal(): Portal;

  /** Does something with the portal, if there is one, then shows what came of it. */
  protected abstract run(action: (portal: Portal) => Promise<unknown>): Promise<void>;

  /** Messages that came and were not read, of all contacts. */
  get unread(): number {
    return [...this.summaries.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Calls back with each message that arrives, once. */
  onArrival(listener: (message: Message) => void): () => void {
    this.#arrivals.add(listener);
    return () => this.#arrivals.delete(listener);
  }

  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  contact(id: string | null): Contact | undefined {
    return this.contacts.find((contact) => contact.id === id);
  }

  summary(contactId: string): Summary {
    const summary = this.summaries.get(contactId) ?? NO_SUMMARY;
    const thread = this.threads.get(contactId);
    if (!thread?.isLoaded) return summary;
    return { ...summary, hasDraft: thread.draft !== "" || this.drafts.files(contactId).length > 0 };
  }

  /** The messages with a contact, loaded once. */
  thread(contactId: string): Thread {
    const known = this.threads.get(contactId);
    if (known !== undefined) return known;
    const thread = new Thread(contactId);
    this.threads.set(contactId, thread);
    void this.#back(thread, (portal) => thread.load(portal));
    return thread;
  }

  async loadOlder(contactId: string): Promise<void> {
    const thread = this.thread(contactId);
    await this.#back(thread, (portal) => thread.loadOlder(portal));
  }

  /** Loads messages, and the warnings of their time. */
  #back(thread: Thread, load: (portal: Portal) => Promise<void>): Promise<void> {
    return this.run(async (portal) => {
      await load(portal);
      const oldest = thread.messages[0];
      if (oldest !== undefined) await this.alerts.reachBack(portal.audit, timeOf(oldest));
    });
  }

  /** Does something with the portal, then shows what came of it; of one contact, if it concerns one. */
  async act<T>(action: (portal: Portal) => Promise<T>, contactId?: string): Promise<T> {
    const result = await action(this.portal);
    await this.refresh(contactId);
    return result;
  }

  async markRead(contactId: string, messageId: string): Promise<void> {
    await this.run(async (portal) => {
      await portal.markRead(contactId, messageId);
      this.threads.get(contactId)?.markRead(messageId);
      await this.#summarize(portal, contactId);
    });
  }

  /** Reads contacts and warnings once more, and the messages of one contact. */
  async refresh(contactId?: string): Promise<void> {
    await this.run((portal) => this.read(portal, contactId));
  }

  answer(alert: Alert): void {
    this.alerts.answer(alert);
    this.changed();
  }

  protected async read(portal: Portal, changed?: string): Promise<void> {
    const contacts = await portal.contacts();
    const ids = new Set(contacts.map(({ id }) => id));
    for (const id of ids) if (id === changed || !this.summaries.has(id)) await this.#summarize(portal, id);
    if (changed !== undefined && ids.has(changed)) await this.threads.get(changed)?.reread(portal);
    for (const known of [this.threads, this.summaries])
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    // Nothing can be on its way before the message service was reached once.
    this.transfers = await portal.transfers().catch(() => []);
    const invitations = await portal.invitations();
    await this.alerts.refresh(portal.audit);
    this.contacts = contacts;
    this.invitations = invitations;
  }

  /** Follows what happens in the portal. */
  protected listen(portal: Portal): void {
    this.conditions.listen(portal);
    const update = (message: Message): void =>
      void this.run(async () => {
        this.threads.get(message.contactId)?.take(message);
        await this.#summarize(portal, message.contactId);
        this.transfers = await portal.transfers();
        await this.alerts.refresh(portal.audit);
      });
    portal.addEventListener("message", ({ detail }) => {
      update(detail);
      if (detail.state === "verified") for (const listener of this.#arrivals) listener(detail);
    });
    portal.addEventListener("state", ({ detail }) => update(detail));
    portal.addEventListener("contact", ({ detail }) => void this.refresh(detail.id));
    for (const warning of ["rejected", "breakGlass", "gap", "device"] as const)
      portal.addEventListener(warning, () => void this.refresh());
    portal.addEventListener("progress", ({ detail }) => {
      if (detail.kind !== "message") return;
      const { kind, ...transfer } = detail;
      this.transfers = [...this.transfers.filter(({ id }) => id !== transfer.id), transfer];
      this.changed();
    });
  }

  /** Takes everything that was read from the vault off the page. */
  protected forget(): void {
    this.contacts = [];
    this.transfers = [];
    this.summaries.clear();
    this.threads.clear();
    this.invitations = [];
    this.drafts.forget();
    this.alerts.forget();
    this.conditions.forget();
  }

  async #summarize(portal: Portal, contactId: string): Promise<void> {
    let newest = await portal.messages(contactId, { limit: FEW });
    if (newest.length === FEW && newest.some(isUnread) && !newest.some(isRead))
      newest = await portal.messages(contactId, { limit: UNREAD_COUNTED });
    const last = newest.reduce<Message | null>(
      (one, other) => (one && timeOf(one) > timeOf(other) ? one : other),
      null,
    );
    await this.drafts.load(contactId, portal);
    const hasDraft = (await portal.draft(contactId)) !== "" || this.drafts.files(contactId).length > 0;
    this.summaries.set(contactId, { last, unread: newest.filter(isUnread).length, hasDraft });
  }
}
