/** One person's portal and what the elements of a page show of it; elements on one vault share one. */

import type {
  Contact,
  DiscardOptions,
  Invitation,
  LockReason,
  Message,
  PasskeyOpening,
  Portal,
  Transfer,
} from "../../index.js";
import { codeOf } from "../words/language.js";
import { Alerts, type Alert } from "./alerts.js";
import { Conditions } from "./conditions.js";
import { isRead, isUnread, timeOf } from "./content.js";
import { Drafts } from "./drafts.js";
import { Marks } from "./marks.js";
import { isStorageApart } from "./storage.js";
import { Thread } from "./thread.js";
import { VaultAccess, type BackupKey, type VaultOptions } from "./vault.js";

/**
 * `first`: nobody has used this device, so a name and a passphrase are asked for. `elsewhere`: another tab has the vault.
 * `gone`: the browser cleared it. `ended`: the portal ended by itself, or could not be opened.
 */
export type Access = "opening" | "first" | "open" | "locked" | "elsewhere" | "gone" | "ended";

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

export interface SessionOptions extends VaultOptions {
  /** What contacts see of a person whose vault is made here; asked for if null. */
  readonly name: string | null;
  /** Makes a vault under this passphrase without asking: for demonstrations. */
  readonly firstPassphrase: string | null;
}

export class Session {
  access: Access = "opening";
  /** Why it was locked; null if the vault was here before the page was opened. */
  lockedBy: LockReason | null = null;
  /** Why the portal could not be opened, or ended. */
  failure: unknown = null;
  contacts: readonly Contact[] = [];
  transfers: readonly Transfer[] = [];
  /** Invitations that were made here and wait for an answer. */
  invitations: readonly Invitation[] = [];
  name: string;
  readonly summaries = new Map<string, Summary>();
  readonly threads = new Map<string, Thread>();
  readonly conditions = new Conditions(() => this.changed());
  readonly drafts = new Drafts();
  readonly alerts: Alerts;
  /**
   * A page of another site shows this one in a frame, and the browser promised nothing: what is kept here may be cleared, and is not
   * what a tab shows. Before anything is kept, the person is asked.
   */
  isStorageApart = false;
  /** The person chose to use the frame all the same. */
  isFrameAccepted = false;
  /** An invitation that came with the page's address, until it is answered or put away. */
  offered: string | null = null;
  /** The person pressed the button that answers it. */
  isOfferAccepted = false;
  readonly options: SessionOptions | null;
  readonly #access: VaultAccess | null;
  readonly #marks: Marks;
  readonly #watchers = new Set<() => void>();
  readonly #arrivals = new Set<(message: Message) => void>();
  /** Settled once `isStorageApart` is known. */
  readonly #looked: Promise<void>;
  #portal: Portal | null = null;

  /** On a vault of this browser, or on the host's own portal. */
  constructor(from: SessionOptions | Portal) {
    const isOwn = "relay" in from;
    this.options = isOwn ? from : null;
    this.#access = isOwn ? new VaultAccess(from) : null;
    this.#marks = new Marks(isOwn ? from.vault : "host");
    this.alerts = new Alerts(this.#marks);
    this.name = (isOwn && from.name) || "";
    this.#looked = isStorageApart().then((isApart) => {
      this.isStorageApart = isApart;
      this.conditions.set("FRAMED", isApart);
    });
    if (!isOwn) void this.#take(from);
  }

  get portal(): Portal {
    if (this.#portal === null) throw new Error("the portal is not open");
    return this.#portal;
  }

  get isOpen(): boolean {
    return this.access === "open";
  }

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

  /** Looks for a vault; makes one at once where the host gave a passphrase for it. */
  async begin(): Promise<void> {
    if (this.#access === null) return;
    try {
      await this.#looked;
      const found = await this.#access.look();
      const { name, firstPassphrase } = this.options ?? {};
      if (found === "new" && name && firstPassphrase) await this.create(name, firstPassphrase);
      else this.#become(found === "new" ? "first" : found);
    } catch (error) {
      if (this.access === "opening") this.#end(error);
    }
  }

  /** A new vault with a new identity. */
  async create(name: string, passphrase: string): Promise<void> {
    const afterEviction = this.access === "gone";
    this.name = name;
    await this.#opened(() => this.#vault.create(name, passphrase, afterEviction));
  }

  async unlock(opening: string | PasskeyOpening): Promise<void> {
    if (this.#portal !== null) {
      await this.#portal.vault.unlock(opening);
      await this.#load();
    } else await this.#opened(() => this.#vault.unlock(opening, this.access === "elsewhere"));
  }

  async lock(): Promise<void> {
    await this.#portal?.vault.lock();
  }

  /** Whether this is the person who set the passphrase. A host that opens the portal itself answers for that. */
  async isPassphrase(passphrase: string): Promise<boolean> {
    return this.#access === null || this.#access.isPassphrase(passphrase);
  }

  /** Whether the passphrase can be asked for again before something grave. */
  get canConfirm(): boolean {
    return this.#access !== null;
  }

  get hasPasskey(): boolean {
    return this.#access?.hasPasskey === true;
  }

  /** Remembered for the lock screen. */
  rememberPasskeys(count: number): void {
    if (this.#access !== null) this.#access.hasPasskey = count > 0;
  }

  /** Destroys the vault for good, in any state. `MESSAGE_UNFILED`, and nothing is changed, if the health record does not have all of it. */
  async destroy(options: DiscardOptions = {}): Promise<void> {
    await this.#destroyed(options);
    this.access = "opening";
    await this.begin();
  }

  async #destroyed(options: DiscardOptions): Promise<void> {
    await this.#vault.destroy(this.#portal, options);
    this.#portal = null;
    this.#forget();
    this.#marks.clear();
  }

  /** When a backup was last tried on this device, in Unix seconds. */
  get drilledAt(): number | null {
    return this.#access?.drilledAt ?? null;
  }

  /** Opens a backup to see that it is whole, and notes when; calling what this gives puts it in the place of what is here. */
  async tryBackup(bundle: Uint8Array, key: BackupKey): Promise<(options: DiscardOptions) => Promise<void>> {
    const restore = await this.#vault.restore(bundle, key);
    this.#vault.drilledAt = Math.floor(Date.now() / 1000);
    return async (options) => {
      await this.#destroyed(options);
      try {
        await this.#opened(restore);
      } catch (error) {
        await this.begin();
        throw error;
      }
    };
  }

  /** The messages with a contact, loaded once. */
  thread(contactId: string): Thread {
    const known = this.threads.get(contactId);
    if (known !== undefined) return known;
    const thread = new Thread(contactId);
    this.threads.set(contactId, thread);
    void this.#run(async (portal) => {
      await thread.load(portal);
      const oldest = thread.messages[0];
      if (oldest !== undefined) await this.alerts.reachBack(portal.audit, timeOf(oldest));
    });
    return thread;
  }

  async loadOlder(contactId: string): Promise<void> {
    const thread = this.thread(contactId);
    await this.#run(async (portal) => {
      await thread.loadOlder(portal);
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
    await this.#run(async (portal) => {
      await portal.markRead(contactId, messageId);
      this.threads.get(contactId)?.markRead(messageId);
      await this.#summarize(portal, contactId);
    });
  }

  /** Reads contacts and warnings once more, and the messages of one contact. */
  async refresh(contactId?: string): Promise<void> {
    await this.#run((portal) => this.#read(portal, contactId));
  }

  answer(alert: Alert): void {
    this.alerts.answer(alert);
    this.changed();
  }

  /** The person is using the page. */
  touch(): void {
    if (this.isOpen) this.#portal?.vault.touch();
  }

  get #vault(): VaultAccess {
    if (this.#access === null) throw new Error("the host opens and ends this portal");
    return this.#access;
  }

  async #opened(open: () => Promise<Portal>): Promise<void> {
    try {
      await this.#take(await open());
    } catch (error) {
      const code = codeOf(error);
      if (code === "VAULT_IN_USE") this.#become("elsewhere");
      if (code === "VAULT_EVICTED") this.#become("gone");
      throw error;
    }
  }

  async #take(portal: Portal): Promise<void> {
    this.#portal = portal;
    this.#listen(portal);
    if (this.#access !== null) await portal.start();
    await this.#load();
  }

  async #load(): Promise<void> {
    const { portal } = this;
    this.name = (await portal.me()).name;
    await this.#read(portal);
    // The event came once, perhaps before this page was loaded.
    this.conditions.set("DEVICE_SUPERSEDED", (await portal.device()).supersededBy !== null);
    this.#become("open");
  }

  async #read(portal: Portal, changed?: string): Promise<void> {
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

  /** What ends because the vault was locked meanwhile leaves nothing on the screen. */
  async #run(action: (portal: Portal) => Promise<unknown>): Promise<void> {
    const portal = this.#portal;
    if (portal === null) return;
    try {
      await action(portal);
    } catch (error) {
      if (!["LOCKED", "DISPOSED", "VAULT_IN_USE"].includes(codeOf(error))) throw error;
    }
    if (this.access === "locked" || this.access === "elsewhere") this.#forget();
    this.changed();
  }

  #listen(portal: Portal): void {
    this.conditions.listen(portal);
    const update = (message: Message): void =>
      void this.#run(async () => {
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
    portal.addEventListener("rejected", () => void this.refresh());
    portal.addEventListener("breakGlass", () => void this.refresh());
    portal.addEventListener("gap", () => void this.refresh());
    portal.addEventListener("progress", ({ detail }) => {
      if (detail.kind !== "message") return;
      const { kind, ...transfer } = detail;
      this.transfers = [...this.transfers.filter(({ id }) => id !== transfer.id), transfer];
      this.changed();
    });
    portal.addEventListener("locked", ({ detail }) => {
      this.lockedBy = detail.reason;
      this.#forget();
      this.#become("locked");
    });
    portal.addEventListener("stopped", ({ detail }) => {
      if (detail.code === "VAULT_IN_USE") {
        this.#portal = null;
        void portal.dispose();
        this.#forget();
        this.#become("elsewhere");
      } else this.#end(detail);
    });
  }

  #end(error: unknown): void {
    this.failure = error;
    this.#become("ended");
  }

  #become(access: Access): void {
    this.access = access;
    this.changed();
  }

  /** Takes everything that was read from the vault off the page. */
  #forget(): void {
    this.contacts = [];
    this.transfers = [];
    this.summaries.clear();
    this.threads.clear();
    this.invitations = [];
    this.drafts.forget();
    this.alerts.forget();
    this.conditions.forget();
    this.conditions.set("FRAMED", this.isStorageApart);
  }
}
