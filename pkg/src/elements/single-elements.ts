/** One view as an element, for hosts that lay out the page themselves. What it would open elsewhere is an event, `tessera-open`. */

import { html, type CSSResultGroup, type TemplateResult } from "lit";
import { TesseraElement } from "./element.js";
import { takeOffer } from "./session/offer.js";
import type { Session } from "./session/session.js";
import { conversation } from "./styles/conversation.js";
import { fullHeight, layout } from "./styles/layout.js";
import { pages } from "./styles/pages.js";
import { result } from "./styles/result.js";
import { Connect } from "./view/connect.js";
import { Inbox } from "./view/inbox.js";
import { Lock } from "./view/lock.js";
import { PageView, type PageName } from "./view/page.js";
import { ThreadView, threadTitle } from "./view/thread.js";
import type { Route, View } from "./view/view.js";

abstract class SingleElement extends TesseraElement {
  static override styles: CSSResultGroup = [...(TesseraElement.styles as []), layout, conversation, pages, result];

  #view: View | null = null;
  #key = "";

  /** The view, and what it is made of: another key, another view. */
  protected abstract key(): string;
  protected abstract make(): View;

  protected heading(): TemplateResult {
    return html``;
  }

  go(route: Route): void {
    this.dispatchEvent(new CustomEvent("tessera-open", { detail: route, bubbles: true, composed: true }));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#replace("", null);
  }

  protected override render(): TemplateResult {
    if (!this.hasSession) return html`<p class="empty">${this.words.t("not_set_up")}</p>`;
    const { isOpen, access } = this.session;
    const key = isOpen ? `open ${this.key()}` : access === "opening" ? "opening" : "locked";
    if (!isOpen) this.hush();
    if (key !== this.#key) this.#replace(key, isOpen ? this.make() : access === "opening" ? null : new Lock(this));
    return html`<div class="portal single">
      ${isOpen ? this.heading() : ""}
      ${this.announcer()}
      <div class="main">${this.#view?.render() ?? html`<p class="empty">${this.words.t("loading")}</p>`}</div>
      ${this.dialog.render()}
    </div>`;
  }

  protected override updated(): void {
    this.#view?.updated();
  }

  #replace(key: string, view: View | null): void {
    this.#view?.close();
    this.#view = view;
    this.#key = key;
  }
}

/** `<tessera-inbox>`: the people, newest first. */
export class TesseraInbox extends SingleElement {
  protected override key = (): string => "inbox";
  protected override make = (): View => new Inbox(this);
}

/** `<tessera-thread contact="…">`: one conversation. */
export class TesseraThread extends SingleElement {
  static override styles: CSSResultGroup = [...(SingleElement.styles as []), fullHeight];
  static override properties = { ...TesseraElement.properties, contact: { type: String } };

  /** The contact's id. */
  declare contact: string;

  constructor() {
    super();
    this.contact = "";
  }

  protected override key = (): string => this.contact;
  protected override make = (): View => new ThreadView(this, this.contact);

  protected override heading(): TemplateResult {
    const contact = this.session.contact(this.contact);
    return contact === undefined ? html`` : html`<div class="head" part="header">${threadTitle(contact, this)}</div>`;
  }
}

/** `<tessera-connect>`: invitations to make and to answer. */
export class TesseraConnect extends SingleElement {
  protected override sessionChanged(session: Session): void {
    if (session.offered === null) takeOffer(session);
  }

  protected override key = (): string => "connect";
  protected override make = (): View => new Connect(this);
}

/** An element for a page that is downloaded when it is shown. */
function lazyElement(name: PageName): new () => SingleElement {
  return class extends SingleElement {
    protected override key = (): string => "page";
    protected override make = (): View => new PageView(this, name);
  };
}

/** `<tessera-safety>`: backup, recovery sheet, emergency cards. */
export const TesseraSafety = lazyElement("safety");
/** `<tessera-audit>`: what happened on this device. */
export const TesseraAudit = lazyElement("audit");
/** `<tessera-privacy>`: what a reader of the message service sees, for a security officer. */
export const TesseraPrivacy = lazyElement("privacy");
