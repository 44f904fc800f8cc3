/** The people a person writes with: the newest first, what is unread, and what needs a look. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { kindOf, timeOf } from "../session/content.js";
import type { Contact, Message } from "../../index.js";
import { icon } from "./icons.js";
import { foreign, View } from "./view.js";

/** From so many people on, they can be searched. */
const SEARCH_FROM = 8;

export class Inbox extends View {
  #search = "";

  render(openId: string | null = null): TemplateResult {
    const { contacts } = this.session;
    const shown = this.#sorted().filter(({ name }) => matches(name, this.#search));
    const warned = new Set(this.session.alerts.open().map(({ contactId }) => contactId));
    return html`<nav class="inbox" aria-label=${[this.t("messages"), this.session.name].filter(Boolean).join(" · ")}>
      ${
        contacts.length >= SEARCH_FROM
          ? html`<input type="search" class="search" data-testid="search" aria-label=${this.t("search")} placeholder=${this.t("search")} .value=${this.#search} @input=${this.#typed} />`
          : nothing
      }
      ${
        contacts.length === 0
          ? this.#empty()
          : html`<ul class="rows" data-testid="contacts">
              ${repeat(
                shown,
                ({ id }) => id,
                (contact) => this.#row(contact, contact.id === openId, warned.has(contact.id)),
              )}
            </ul>`
      }
      <p class="hint nobody" role="status">${contacts.length > 0 && shown.length === 0 ? this.t("nobody_found") : nothing}</p>
    </nav>`;
  }

  #empty(): TemplateResult {
    return html`<div class="empty" data-testid="inbox-empty">
      <h2>${this.t("inbox_empty")}</h2>
      <p>${this.t("inbox_empty_help")}</p>
      <button type="button" class="primary" data-testid="add-first" @click=${() => this.host.go({ name: "connect" })}>${this.t("connect")}</button>
    </div>`;
  }

  #typed = (event: InputEvent): void => {
    this.#search = (event.target as HTMLInputElement).value;
    this.host.redraw();
  };

  #sorted(): Contact[] {
    const { session } = this;
    const rank = (contact: Contact): number => {
      if (contact.state !== "active") return Number.POSITIVE_INFINITY; // somebody has to do something
      const { last } = session.summary(contact.id);
      return last === null ? 0 : timeOf(last);
    };
    return [...session.contacts].reverse().sort((one, other) => rank(other) - rank(one) || 0);
  }

  #row(contact: Contact, isOpen: boolean, isWarned: boolean): TemplateResult {
    const { session } = this;
    const { last, unread, hasDraft } = session.summary(contact.id);
    return html`<li>
      <button type="button" class="person-row" part="row" data-testid="contact" data-name=${contact.name} data-state=${contact.state}
        data-verified=${contact.verified ?? "no"} aria-current=${isOpen}
        @click=${() => this.host.go({ name: "thread", contactId: contact.id })}>
        <span class="avatar" aria-hidden="true">${initials(contact.name)}</span>
        <span class="who">${contact.name === "" ? this.t("new_person") : foreign(contact.name)}</span>
        <span class="when hint">${last === null ? nothing : this.host.words.brief(timeOf(last))}</span>
        <span class="preview hint">${this.#preview(contact, last, hasDraft)}</span>
        <span class="marks">
          ${isWarned ? html`<span class="mark warn">${icon("warn")}<span class="hidden-text">${this.t("needs_look")}</span></span>` : nothing}
          ${unread > 0 ? html`<span class="badge" data-testid="unread">${unread > 99 ? "99+" : unread}<span class="hidden-text"> ${this.t("unread")}</span></span>` : nothing}
        </span>
      </button>
    </li>`;
  }

  #preview(contact: Contact, last: Message | null, hasDraft: boolean): TemplateResult | string {
    if (contact.state === "suspect") return html`<span class="mark stop">${icon("stop")} ${this.t("blocked")}</span>`;
    if (contact.state === "pending")
      return html`<span class="mark warn">${this.t(contact.sas === null ? "waiting_for_them" : "check_who")}</span>`;
    if (hasDraft) return html`<em>${this.t("draft")}</em>`;
    if (last === null) return this.t("no_messages");
    if (last.state === "undelivered")
      return html`<span class="mark warn">${icon("warn")} ${this.t("state_undelivered")}</span>`;
    if (last.state === "held") return this.t("state_held");
    const from = last.direction === "out" ? `${this.t("you")}: ` : "";
    if (last.text !== null && last.text !== "") return html`${from}${foreign(last.text.slice(0, 120))}`;
    const [file] = last.attachments;
    return `${from}${this.t(file === undefined ? "kind_other" : `kind_${kindOf(file)}`)}`;
  }
}

export function initials(name: string): string {
  const words = name.replace(/^(dr|dra|mr|ms|mrs|sr|sra)\.?\s/iu, "").split(/\s+/u);
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toLocaleUpperCase() ?? "")
    .join("");
}

/** Without regard to case and accents. */
function matches(name: string, search: string): boolean {
  const plain = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain(name).includes(plain(search.trim()));
}
