/** One conversation: checking who it is, the messages, and writing. */

import { h, keyed, section, type Child } from "../dom";
import { codeSentence } from "../errors";
import { t } from "../i18n";
import type { Session } from "../session";
import { Composer } from "./composer";
import { messageItem, messageSignature, updateState } from "./message";
import type { PaneState } from "./pane";
import { Outcome, ownFingerprint } from "./parts";
import { Transfers } from "./transfers";
import type { Contact } from "tessera-portal";

export class ContactView {
  readonly element: HTMLElement;
  readonly #check = h("div", { class: "check", testid: "check" });
  readonly #log: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #composer: Composer;
  readonly #outcome = new Outcome();
  readonly #transfers: Transfers;
  readonly name: string;
  #shown = 0;

  constructor(
    private readonly session: Session,
    state: PaneState,
    readonly contactId: string,
  ) {
    this.name = session.contact(contactId)?.name ?? "";
    this.#log = h("ol", {
      class: "log",
      role: "log",
      "aria-live": "polite",
      "aria-label": t("messages_with", { name: this.name || t("someone") }),
      tabindex: 0,
      testid: "log",
    });
    this.#empty = h("p", { class: "empty" }, t("no_messages"));
    this.#transfers = new Transfers(session, contactId, (action) => this.#outcome.attempt(action));
    this.#composer = new Composer(session, state, contactId);
    this.element = h(
      "div",
      { class: "contact-view" },
      this.#check,
      this.#outcome.element,
      this.#empty,
      this.#log,
      this.#transfers.element,
      this.#composer.element,
    );
  }

  update(): void {
    const contact = this.session.contact(this.contactId);
    if (!contact) return;
    section(this.#check, [contact, this.session.fingerprintQrSvg === null], () => this.#checkContent(contact));
    this.#check.hidden = this.#check.childElementCount === 0;
    const messages = this.session.messages.get(contact.id) ?? [];
    const signature = (message: (typeof messages)[number]): unknown => messageSignature(message, contact, this.session);
    keyed(
      this.#log,
      messages,
      (message) => message.id,
      signature,
      (message) => messageItem(message, contact, this.session),
    );
    for (const message of messages) {
      const item = this.#log.querySelector<HTMLElement>(`[data-key="${CSS.escape(message.id)}"]`);
      if (item) updateState(item, message, contact, this.session);
    }
    this.#empty.hidden = messages.length > 0 || contact.state !== "active";
    if (messages.length !== this.#shown) this.#showLast();
    this.#shown = messages.length;
    this.#transfers.update(contact.name || t("someone"));
    this.#composer.update(contact);
  }

  /** Scrolls to the newest message, or to its beginning if it does not fit. */
  #showLast(): void {
    const last = this.#log.lastElementChild;
    if (last instanceof HTMLElement)
      this.#log.scrollTop = Math.min(this.#log.scrollHeight, last.offsetTop - this.#log.offsetTop - 12);
  }

  #checkContent(contact: Contact): Child[] {
    if (contact.state === "suspect") {
      return [
        h(
          "section",
          { class: "card card-suspect", testid: "suspect", role: "alert" },
          h("h3", {}, t("suspect_heading")),
          contact.reason && h("p", { testid: "reason" }, codeSentence(contact.reason)),
          h("p", {}, t("suspect_help")),
          h("div", { class: "row" }, this.#removeButton(contact, "danger")),
        ),
      ];
    }
    if (contact.state === "active") return [];
    return [
      h(
        "section",
        { class: "card card-check" },
        h("h3", {}, t("check_heading", { name: contact.name || t("someone") })),
        ...(contact.sas === null
          ? [h("p", { class: "hint", testid: "sas-wait" }, t("sas_wait"))]
          : this.#digits(contact, contact.sas)),
        ownFingerprint(this.session),
        h("div", { class: "row" }, this.#removeButton(contact, "quiet")),
      ),
    ];
  }

  #removeButton(contact: Contact, className: string): HTMLElement {
    return h(
      "button",
      {
        type: "button",
        class: className,
        testid: "remove-contact",
        click: () => this.#act(() => this.session.removeContact(contact.id)),
      },
      t("remove_contact"),
    );
  }

  #digits(contact: Contact, sas: string): Child[] {
    const spoken = t("sas_label", { digits: [...sas].join(" ") });
    return [
      h("p", { class: "hint" }, t("check_help")),
      h(
        "p",
        { class: "sas", testid: "sas", "data-digits": sas, role: "img", "aria-label": spoken },
        h("span", {}, sas.slice(0, 3)),
        h("span", {}, sas.slice(3)),
      ),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          {
            type: "button",
            class: "primary",
            testid: "sas-match",
            click: () => this.#act(() => this.session.confirmSas(contact.id)),
          },
          t("sas_match"),
        ),
        h(
          "button",
          {
            type: "button",
            class: "danger",
            testid: "sas-differ",
            click: () => this.#act(() => this.session.rejectSas(contact.id)),
          },
          t("sas_differ"),
        ),
      ),
    ];
  }

  #act(action: () => Promise<unknown>): void {
    void this.#outcome.attempt(action);
  }
}
