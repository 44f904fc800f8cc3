/** The messages with a contact that are loaded: the newest pages, and older ones when asked for. */

import type { Message, Portal } from "../../index.js";
import { isRead, isUnread, timeOf } from "./content.js";

export const PAGE = 50;

type Source = Pick<Portal, "messages" | "draft">;

export class Thread {
  /** The oldest first. */
  messages: readonly Message[] = [];
  hasOlder = false;
  isLoaded = false;
  /** Why the messages could not be read. */
  failure: unknown = null;
  draft = "";
  /** In the portal's own order, in which it returns pages. */
  #loaded: readonly Message[] = [];

  constructor(readonly contactId: string) {}

  /** Whether the draft was read, or could not be. Before that nothing can be typed: what is read would replace it. */
  get isSettled(): boolean {
    return this.isLoaded || this.failure !== null;
  }

  /** Reads the draft and the newest page, and further back as long as the first unread message is not among them. */
  async load(source: Source): Promise<void> {
    try {
      this.draft = await source.draft(this.contactId);
      await this.#newest(source);
      while (this.hasOlder && this.messages.some(isUnread) && !this.messages.some(isRead)) await this.loadOlder(source);
      this.isLoaded = true;
    } catch (error) {
      this.failure = error;
    }
  }

  /** Reads the newest page once more, or everything if that has failed before. */
  async reread(source: Source): Promise<void> {
    await (this.failure === null ? this.#newest(source) : this.load(source));
  }

  /** What lies further back stays: it changes by `take`, `markRead` and `drop` only. */
  async #newest(source: Source): Promise<void> {
    const found = await source.messages(this.contactId, { limit: PAGE });
    this.failure = null;
    const at = this.#loaded.findIndex(({ id }) => id === found[0]?.id);
    if (at <= 0) this.hasOlder = found.length === PAGE;
    this.#show([...this.#loaded.slice(0, Math.max(0, at)), ...found]);
  }

  async loadOlder(source: Source): Promise<void> {
    const [oldest] = this.#loaded;
    if (oldest === undefined || !this.hasOlder) return;
    const found = await source.messages(this.contactId, { before: oldest.id, limit: PAGE });
    this.hasOlder = found.length === PAGE;
    const known = new Set(this.#loaded.map(({ id }) => id));
    this.#show([...found.filter(({ id }) => !known.has(id)), ...this.#loaded]);
  }

  /** A message that came or changed. */
  take(message: Message): void {
    const isKnown = this.#loaded.some(({ id }) => id === message.id);
    const loaded = this.#loaded.map((known) => (known.id === message.id ? message : known));
    this.#show(isKnown ? loaded : [...loaded, message]);
  }

  /** What came up to a message was read. */
  markRead(messageId: string): void {
    const until = this.#loaded.findIndex(({ id }) => id === messageId);
    this.#show(
      this.#loaded.map((message, at) => (at <= until && isUnread(message) ? { ...message, read: true } : message)),
    );
  }

  drop(messageId: string): void {
    this.#show(this.#loaded.filter(({ id }) => id !== messageId));
  }

  /** By time; messages of the same second keep the portal's order. */
  #show(loaded: readonly Message[]): void {
    this.#loaded = loaded;
    this.messages = [...loaded].sort((one, other) => timeOf(one) - timeOf(other));
  }
}
