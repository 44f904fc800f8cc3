/** One message: what it says, when, and its state in words where there is something to know. */

import { html, nothing, type TemplateResult } from "lit";
import type { Contact, Message, Transfer } from "../../index.js";
import { saveFile } from "../media/files.js";
import type { Attachments } from "./attachment.js";
import { boundary } from "./boundary.js";
import { icon } from "./icons.js";
import { foreign, nameOf, Part, type Host } from "./view.js";

/** More text than this would hold up the page. */
const MOST_TEXT = 50_000;

/** What a person can do about a message. */
export interface BubbleActions {
  sendAgain(message: Message): void;
  takeBack(message: Message): void;
  remove(message: Message): void;
}

export class Bubble extends Part {
  readonly #attachments: Attachments;
  readonly #actions: BubbleActions;

  constructor(host: Host, attachments: Attachments, actions: BubbleActions) {
    super(host);
    this.#attachments = attachments;
    this.#actions = actions;
  }

  /** `continues`: the message before it is of the same side and minute. */
  message(message: Message, contact: Contact, continues: boolean, transfer: Transfer | undefined): TemplateResult {
    const isOwn = message.direction === "out";
    return html`<li class="message" part="bubble" data-testid="message" data-id=${message.id} data-direction=${message.direction} data-state=${message.state} ?data-continues=${continues} ?data-unread=${!message.read && message.state === "verified"}>
      <div class="bubble">
        <p class="hidden-text">${isOwn ? this.t("you") : html`${this.t("from")} ${foreign(contact.name)}`}</p>
        ${message.session ? this.#visit(message.session, continues) : nothing}
        ${boundary(
          () => this.#content(message, contact),
          () => html`<p class="unreadable" data-testid="unreadable">${this.t("cannot_show")}</p>`,
        )}
        ${transfer === undefined ? nothing : this.#transfer(transfer)}
        <p class="meta hint">
          ${this.#time(message.sentAt)}
          <span data-testid="message-state">${this.#state(message, contact)}</span>
        </p>
        ${this.#buttons(message)}
      </div>
    </li>`;
  }

  /** One that goes on arriving: there is no message yet. */
  arriving(transfer: Transfer): TemplateResult {
    return html`<li class="message" data-direction="in" data-testid="transfer"><div class="bubble">${this.#transfer(transfer)}</div></li>`;
  }

  /** Once above those that stand together; for the ear with each. */
  #visit(label: string, continues: boolean): TemplateResult {
    return html`<p class=${continues ? "hidden-text" : "label"} title=${this.t("visit")}>${icon("visit")}<span class="hidden-text">${this.t("visit")}: </span><bdi dir="auto" data-testid="message-label">${label}</bdi></p>`;
  }

  #content(message: Message, contact: Contact): TemplateResult {
    const { text, attachments, problem } = message;
    const from = message.direction === "out" ? this.t("you") : contact.name;
    return html`
      ${problem === null ? nothing : html`<p class="unreadable" data-testid="unreadable">${this.t(`problem_${problem}`)}</p>`}
      ${text === null || text === "" ? nothing : this.#text(text)}
      ${message.state === "held" ? nothing : attachments.map((file, index) => this.#attachments.file(`${message.id} ${index}`, file, from))}
    `;
  }

  #text(text: string): TemplateResult {
    const shown = html`<p class="text" dir="auto" data-testid="message-text">${text.slice(0, MOST_TEXT)}</p>`;
    if (text.length <= MOST_TEXT) return shown;
    return html`${shown}
      <p class="unreadable">${this.t("text_goes_on")}</p>
      <button type="button" class="quiet" data-testid="download" @click=${() => saveFile(text, "message.txt", "text/plain")}>${this.t("save_text")}</button>`;
  }

  /** The time of sending as the sender gave it. */
  #time(seconds: number): TemplateResult {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return html`<span>${seconds}</span>`;
    const { words } = this.host;
    return html`<time datetime=${date.toISOString()} title=${words.dayAndTime(seconds)}>${words.clock(seconds)}</time>`;
  }

  #state(message: Message, contact: Contact): TemplateResult | string {
    const { session, words } = this.host;
    const name = nameOf(contact, this.host);
    switch (message.state) {
      case "verified":
        return "";
      case "queued": {
        if (session.conditions.has("RELAY_UNREACHABLE")) return this.t("state_waiting");
        const { leavesBy } = message;
        return leavesBy === undefined ? this.t("state_queued") : this.t("state_leaves", { time: words.soon(leavesBy) });
      }
      case "undelivered":
      case "stopped":
      case "held":
        return html`<span class="mark warn">${icon("warn")} ${this.t(`state_${message.state}`, { name })}</span>`;
      default:
        return this.t(`state_${message.state}`, { name });
    }
  }

  #transfer({ direction, bytes, totalBytes }: Transfer): TemplateResult {
    const percent = Math.floor((bytes / totalBytes) * 100);
    const text = this.t(direction === "in" ? "transfer_in" : "transfer_out", { percent });
    return html`<p class="transfer">${text}<progress max=${totalBytes} value=${bytes} aria-label=${text}></progress></p>`;
  }

  #buttons(message: Message): TemplateResult {
    const { state, direction } = message;
    const failed = direction === "out" && (state === "undelivered" || state === "cancelled" || state === "stopped");
    return html`<div class="bubble-buttons row">
      ${state === "undelivered" ? html`<button type="button" data-testid="send-again" @click=${() => this.#actions.sendAgain(message)}>${this.t("send_again")}</button>` : nothing}
      ${state === "queued" ? html`<button type="button" class="quiet" data-testid="take-back" @click=${() => this.#actions.takeBack(message)}>${this.t("take_back")}</button>` : nothing}
      ${
        state === "held" || state === "queued"
          ? nothing
          : html`<details class="more" @toggle=${reveal}>
              <summary aria-label=${this.t("more_about_message")}>${icon("more")}</summary>
              <div class="menu-list">
                ${failed && state !== "undelivered" ? html`<button type="button" @click=${() => this.#actions.sendAgain(message)}>${this.t("send_again")}</button>` : nothing}
                <button type="button" data-testid="delete-message" @click=${() => this.#actions.remove(message)}>${this.t("delete_here")}</button>
              </div>
            </details>`
      }
    </div>`;
  }
}

/** A menu that was opened at the end of a conversation comes into view. */
function reveal({ target }: Event): void {
  if (target instanceof HTMLDetailsElement && target.open) target.scrollIntoView({ block: "nearest" });
}
