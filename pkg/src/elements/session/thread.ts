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
  readonly contactId: string;
  /** The first in the portal's own order, which the next page goes back from. */
  #oldest: string | undefined;

  constructor(contactId: string) {
    this.contactId = contactId;
  }

  /** Reads the newest page, and further back as long as the first unread message is not among them. */
  async load(source: Source): Promise<void> {
    try {
      this.draft = await source.draft(this.contactId);
      await this.reread(source);
      while (this.hasOlder && this.messages.some(isUnread) && !this.messages.some(isRead)) await this.loadOlder(source);
      this.isLoaded = true;
    } catch (error) {
      this.failure = error;
    }
  }

  /** Reads everything that is loaded once more. */
  async reread(source: Source): Promise<void> {
    const limit = Math.max(PAGE, Math.ceil(this.messages.length / PAGE) * PAGE);
    const found = await source.messages(this.contactId, { limit: Math.min(limit, 10_000) });
    this.failure = null;
    this.#oldest = found[0]?.id;
    this.hasOlder = found.length === limit;
    this.messages = inOrder(found);
  }

  async loadOlder(source: Source): Promise<void> {
    if (this.#oldest === undefined || !this.hasOlder) return;
    const found = await source.messages(this.contactId, { before: this.#oldest, limit: PAGE });
    this.#oldest = found[0]?.id ?? this.#oldest;
    this.hasOlder = found.length === PAGE;
    const known = new Set(this.messages.map(({ id }) => id));
    this.messages = inOrder([...found.filter(({ id }) => !known.has(id)), ...this.messages]);
  }

  /** A message that came or changed. */
  take(message: Message): void {
    const isKnown = this.messages.some(({ id }) => id === message.id);
    const messages = this.messages.map((known) => (known.id === message.id ? message : known));
    this.messages = inOrder(isKnown ? messages : [...messages, message]);
  }

  drop(messageId: string): void {
    this.messages = this.messages.filter(({ id }) => id !== messageId);
  }
}

/** By time; messages of the same second keep the portal's order. */
function inOrder(messages: readonly Message[]): Message[] {
  return [...messages].sort((one, other) => timeOf(one) - timeOf(other));
}
