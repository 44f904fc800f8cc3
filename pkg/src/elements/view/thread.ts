/** One conversation: who it is, what is missing, the messages, and writing. */

import { html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import type { Contact, Message } from "../../index.js";
import type { Alert } from "../session/alerts.js";
import { isUnread, kindOf, timeOf } from "../session/content.js";
import type { Thread } from "../session/thread.js";
import { Attachments } from "./attachment.js";
import { Banners } from "./banners.js";
import { Bubble } from "./bubble.js";
import { Composer } from "./composer.js";
import { DigitCheck } from "./digits.js";
import { icon } from "./icons.js";
import { alertHere, askToDelete, askToRemove } from "./parts.js";
import { Action, foreign, nameOf, View, type Host } from "./view.js";

/** So close to the end, new messages are followed. */
const NEAR_PX = 80;
/** So much of a message that arrives is read aloud at once. */
const MOST_SAID = 500;
/** Messages of one side within so many seconds stand together. */
const TOGETHER_S = 300;

type Item =
  | { readonly kind: "message"; readonly key: string; readonly message: Message; readonly continues: boolean }
  | { readonly kind: "day"; readonly key: string; readonly time: number }
  | { readonly kind: "unread"; readonly key: string }
  | { readonly kind: "alert"; readonly key: string; readonly alert: Alert };

export class ThreadView extends View {
  readonly #banners = new Banners(this.host);
  readonly #attachments = new Attachments(this.host);
  readonly #bubble = new Bubble(this.host, this.#attachments, {
    sendAgain: (message) => void this.#sendAgain(message),
    takeBack: (message) => void this.#act((portal) => portal.cancel(message.id)),
    remove: (message) => askToDelete(this.host, message),
  });
  readonly #composer: Composer;
  readonly #digits: DigitCheck;
  readonly #action = new Action(this.host);
  readonly #stopArrivals = this.session.onArrival((message) => this.#say(message));
  /** The first message that was unread when the conversation was opened; null once it is known that there is none. */
  #firstUnread: string | null | undefined;
  #isPlaced = false;
  #isAtEnd = true;
  #seen = 0;
  #keepFromBottom: number | null = null;
  #observer: IntersectionObserver | null = null;
  /** A reader at the end stays there when a keyboard opens, a photo is drawn, or what is written grows. */
  #sizes: ResizeObserver | null = null;
  /** The size and the place in which the end was shown last. */
  #box = "";
  #endTop = 0;
  #marking: string | null = null;

  constructor(
    host: Host,
    readonly contactId: string,
  ) {
    super(host);
    this.#composer = new Composer(host, contactId);
    this.#digits = new DigitCheck(host, contactId);
  }

  render(): TemplateResult {
    const contact = this.session.contact(this.contactId);
    if (contact === undefined) return html`<p class="empty">${this.t("loading")}</p>`;
    const thread = this.session.thread(this.contactId);
    const isActive = contact.state === "active";
    return html`<div class="thread" data-testid="thread">
      ${this.#banners.render(this.contactId)}
      ${contact.state === "suspect" ? this.#suspect(contact) : nothing}
      ${contact.state === "pending" ? this.#digits.render() : nothing}
      ${this.#action.render()}
      <div class="scroller" data-testid="scroller" @scroll=${this.#scrolled} @focusin=${this.#uncover}>
        ${thread.hasOlder ? html`<button type="button" class="quiet older" data-testid="load-older" @click=${this.#older}>${this.t("load_older")}</button>` : nothing}
        ${thread.failure === null ? nothing : this.#failed(thread)}
        ${thread.isLoaded && thread.messages.length === 0 && isActive ? html`<p class="empty">${this.t("no_messages_yet")}</p>` : nothing}
        <div class="log" role="log" aria-live="off" aria-label=${this.t("messages_with", { name: nameOf(contact, this.host) })} tabindex=${thread.messages.length > 0 ? 0 : nothing} data-testid="log"><ol class="messages">
          ${repeat(
            this.#items(thread),
            ({ key }) => key,
            (item) => this.#item(item, contact),
          )}
          ${this.session.transfers
            .filter(
              ({ contactId, direction, bytes, totalBytes }) =>
                contactId === this.contactId && direction === "in" && bytes < totalBytes,
            )
            .map((transfer) => this.#bubble.arriving(transfer))}
        </ol></div>
      </div>
      ${this.#jump(thread)}
      ${isActive ? this.#composer.render() : this.#readOnly(contact)}
    </div>`;
  }

  /** Opens at the first unread message, else at the end, measured with the composer in its place. */
  override updated(): void {
    const scroller = this.find(".scroller");
    const thread = this.session.threads.get(this.contactId);
    if (scroller === null || thread === undefined || !thread.isLoaded) return;
    this.#composer.updated();
    this.#observe(scroller);
    if (this.#keepFromBottom !== null) {
      scroller.scrollTop = scroller.scrollHeight - this.#keepFromBottom;
      this.#keepFromBottom = null;
    } else if (!this.#isPlaced) {
      const divider = scroller.querySelector<HTMLElement>(".unread-divider");
      if (divider === null) this.#scrollToEnd(scroller);
      else divider.scrollIntoView({ block: "start" });
      this.#isPlaced = true;
      this.#seen = thread.messages.length;
    } else this.#keepEnd(scroller);
    this.#measure(scroller);
    if (this.#isAtEnd) this.#seen = thread.messages.length;
    this.#uncover();
  }

  /** What has the focus is not under the button to the end, which may have come after it. */
  #uncover = (): void => {
    const [scroller, focused, jump] = [".scroller", ".messages :focus", ".jump"].map((of) => this.find(of));
    if (!scroller || !focused || !jump) return;
    const covered = focused.getBoundingClientRect().bottom - jump.getBoundingClientRect().top;
    if (covered > 0) scroller.scrollTop += covered;
  };

  override close(): void {
    this.#stopArrivals();
    this.#observer?.disconnect();
    this.#sizes?.disconnect();
    this.#attachments.close();
    this.#composer.close();
    this.#digits.close();
  }

  /** The log itself is not live: older messages, a new state or another language would be read with it, and a whole result. */
  #say({ contactId, text, attachments }: Message): void {
    const contact = this.session.contact(this.contactId);
    if (contactId !== this.contactId || contact === undefined) return;
    const parts = [text?.slice(0, MOST_SAID) ?? "", ...attachments.map((file) => this.t(`kind_${kindOf(file)}`))];
    const said = parts.filter((part) => part !== "").join(". ");
    this.host.announce(this.t("said_from", { name: nameOf(contact, this.host), text: said }));
  }

  /** Messages with the days between them, where unread ones begin, and what is missing in its place. */
  #items(thread: Thread): Item[] {
    if (thread.isLoaded && this.#firstUnread === undefined)
      this.#firstUnread = thread.messages.find(isUnread)?.id ?? null;
    const alerts = [...this.session.alerts.history(this.contactId)].sort((one, other) => one.time - other.time);
    const items: Item[] = [];
    let before: Message | null = null;
    for (const message of thread.messages) {
      const time = timeOf(message);
      while (alerts[0] !== undefined && alerts[0].time <= time) items.push(alertItem(alerts.shift() as Alert));
      const isNewDay = before === null || !this.host.words.isSameDay(timeOf(before), time);
      if (isNewDay) items.push({ kind: "day", key: `day ${message.id}`, time });
      if (message.id === this.#firstUnread) items.push({ kind: "unread", key: "unread" });
      const continues =
        !isNewDay &&
        before?.direction === message.direction &&
        time - timeOf(before) < TOGETHER_S &&
        message.session === before.session;
      items.push({ kind: "message", key: message.id, message, continues });
      before = message;
    }
    return [...items, ...alerts.map(alertItem)];
  }

  #item(item: Item, contact: Contact): unknown {
    const { words } = this.host;
    if (item.kind === "day") return html`<li class="divider hint"><time>${words.day(item.time)}</time></li>`;
    if (item.kind === "unread")
      return html`<li class="divider hint unread-divider"><span>${this.t("unread_from_here")}</span></li>`;
    if (item.kind === "alert")
      return html`<li class="divider hint alert-here" data-testid="missing-here">${icon("warn")} <span>${alertHere(item.alert, this.host)} · ${words.dayAndTime(item.alert.time)}</span></li>`;
    const { message, continues } = item;
    const transfer =
      message.state === "queued" ? this.session.transfers.find(({ id }) => id === message.id) : undefined;
    const isOffline = this.session.conditions.has("RELAY_UNREACHABLE");
    const files = message.attachments.length === 0 ? 0 : this.#attachments.version;
    // Most of a long conversation stays as it was.
    return guard([message, contact.name, continues, transfer, words, isOffline, files], () =>
      this.#bubble.message(message, contact, continues, transfer),
    );
  }

  #suspect(contact: Contact): TemplateResult {
    // A person blocks by saying that the six digits differ; that code is otherwise of a message.
    const isDiffering = contact.reason === null || contact.reason === "NOT_AUTHENTIC";
    return html`<section class="banner tall" part="banner" data-level="stop" role="alert" data-testid="suspect">
      ${icon("stop")}
      <div>
        <strong>${this.t("suspect_title")}</strong>
        <p data-testid="reason">${isDiffering ? this.t("suspect_why") : this.host.words.error(contact.reason)}</p>
        <p>${this.t("suspect_help")}</p>
      </div>
      <button type="button" class="danger" data-testid="remove-contact" @click=${() => askToRemove(this.host, contact, "connect")}>${this.t("remove_reconnect")}</button>
    </section>`;
  }

  #readOnly(contact: Contact): TemplateResult {
    const text = this.t(contact.state === "suspect" ? "cannot_write_blocked" : "cannot_write_pending");
    return html`<p class="composer read-only" part="composer" data-testid="cannot-write">${text}</p>`;
  }

  #failed(thread: Thread): TemplateResult {
    return html`<p class="unreadable" role="alert">${this.host.words.error(thread.failure)}
      <button type="button" @click=${() => this.#act(() => Promise.resolve())}>${this.t("try_again")}</button></p>`;
  }

  #jump(thread: Thread): TemplateResult | typeof nothing {
    if (this.#isAtEnd || !this.#isPlaced) return nothing;
    const fresh = thread.messages.length - this.#seen;
    return html`<button type="button" class="jump" data-testid="jump" @click=${this.#toEnd}>${icon("down")} ${fresh > 0 ? this.t("new_below", { count: fresh }) : this.t("to_newest")}</button>`;
  }

  #scrollToEnd(scroller: HTMLElement): void {
    scroller.scrollTop = scroller.scrollHeight;
    this.#box = boxOf(scroller);
    this.#endTop = scroller.scrollTop;
  }

  /** A reader who is at the end and has not moved stays there. In another size the browser moves what is shown, not the reader. */
  #keepEnd(scroller: HTMLElement): void {
    if (!this.#isAtEnd || !this.#isPlaced) return;
    if (this.#box === boxOf(scroller) && scroller.scrollTop < this.#endTop) return;
    this.#scrollToEnd(scroller);
  }

  #toEnd = (): void => {
    const scroller = this.find(".scroller");
    if (scroller !== null) this.#scrollToEnd(scroller);
    this.find(".log")?.focus();
  };

  #older = async (): Promise<void> => {
    const scroller = this.find(".scroller");
    if (scroller !== null) this.#keepFromBottom = scroller.scrollHeight - scroller.scrollTop;
    await this.session.loadOlder(this.contactId);
    const seen = this.session.thread(this.contactId).messages.length;
    this.#seen = Math.max(this.#seen, seen);
    this.host.redraw();
  };

  #scrolled = (): void => {
    const scroller = this.find(".scroller");
    if (scroller === null) return;
    if (this.#isAtEnd && this.#box !== boxOf(scroller)) {
      this.#keepEnd(scroller);
      return;
    }
    this.#measure(scroller);
  };

  /** Whether the reader is at the end changes with a scroll, with the size, and with what is drawn. */
  #measure(scroller: HTMLElement): void {
    const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX;
    if (isAtEnd === this.#isAtEnd) return;
    this.#isAtEnd = isAtEnd;
    this.host.redraw();
  }

  /** What came into view is read. */
  #observe(scroller: HTMLElement): void {
    this.#observer ??= new IntersectionObserver((entries) => this.#sawUnread(entries), { root: scroller });
    this.#observer.disconnect();
    if (this.#sizes === null) {
      this.#sizes = new ResizeObserver(() => {
        this.#keepEnd(scroller);
        this.#measure(scroller);
      });
      for (const part of [scroller, scroller.querySelector(".log") as Element]) this.#sizes.observe(part);
    }
    for (const item of scroller.querySelectorAll(".message[data-unread]")) this.#observer.observe(item);
  }

  #sawUnread(entries: readonly IntersectionObserverEntry[]): void {
    if (document.visibilityState !== "visible" || document.querySelector("dialog:modal") !== null) return;
    const seen = entries
      .filter(({ isIntersecting }) => isIntersecting)
      .map(({ target }) => (target as HTMLElement).dataset["id"]);
    const last = this.session
      .thread(this.contactId)
      .messages.filter(({ id }) => seen.includes(id))
      .at(-1)?.id;
    if (last === undefined || last === this.#marking) return;
    this.#marking = last;
    void this.session.markRead(this.contactId, last);
  }

  #act(action: Parameters<typeof this.session.act>[0]): Promise<unknown> {
    return this.#action.run(() => this.session.act(action, this.contactId));
  }

  async #sendAgain(message: Message): Promise<void> {
    await this.#act(async (portal) => {
      const attachments = await Promise.all(
        message.attachments.map(async ({ contentType, filename, body }) => ({
          contentType,
          filename,
          body: await body(),
        })),
      );
      await portal.send(this.contactId, {
        text: message.text,
        attachments,
        ...(message.session === null ? {} : { session: message.session }),
      });
    });
  }
}

function boxOf({ clientWidth, clientHeight }: HTMLElement): string {
  return `${clientWidth} ${clientHeight}`;
}

function alertItem(alert: Alert): Item {
  return { kind: "alert", key: `alert ${alert.id}`, alert };
}

/** The header of a conversation: who it is, and one mark that says how that is known, unless there is a warning. */
export function threadTitle(contact: Contact, host: Host): TemplateResult {
  const { t } = host.words;
  const name = contact.name === "" ? html`${t("new_person")}` : foreign(contact.name);
  const isCalm = contact.state === "active" && !host.session.alerts.concern(contact.id);
  const checked = isCalm
    ? html`<span class="check" data-testid="checked" title=${t("checked")}>${icon("check")}<span class="hidden-text">${t("checked")}</span></span>`
    : nothing;
  return html`<h2 class="title" tabindex="-1" data-testid="thread-title">${name} ${checked}</h2>`;
}
