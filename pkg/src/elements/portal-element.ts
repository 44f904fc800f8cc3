/** `<tessera-portal>`: everything. On a phone one page at a time, on a desk the inbox beside it. */

import { html, nothing, type CSSResultGroup, type TemplateResult } from "lit";
import type { Message } from "../index.js";
import { TesseraElement } from "./element.js";
import { Notifier } from "./notify.js";
import { CONDITION_LEVELS } from "./session/conditions.js";
import { takeOffer } from "./session/offer.js";
import type { Session } from "./session/session.js";
import { conversation } from "./styles/conversation.js";
import { fullHeight, layout } from "./styles/layout.js";
import { pages } from "./styles/pages.js";
import { result } from "./styles/result.js";
import { Banners, levelOf } from "./view/banners.js";
import { Connect } from "./view/connect.js";
import { icon } from "./view/icons.js";
import { Idle } from "./view/idle.js";
import { Inbox } from "./view/inbox.js";
import { Lock } from "./view/lock.js";
import { putPaperAway } from "./view/parts.js";
import { Person } from "./view/person.js";
import { ThreadView, threadTitle } from "./view/thread.js";
import type { View, Route } from "./view/view.js";
import { PageView } from "./view/page.js";

/** From these widths on, the inbox stands beside the page, and a person beside the conversation: 720 and 1200 px at the usual font size. */
const WIDE_REM = 45;
const PANEL_REM = 75;

export class TesseraPortal extends TesseraElement {
  static override styles: CSSResultGroup = [
    ...(TesseraElement.styles as []),
    fullHeight,
    layout,
    conversation,
    pages,
    result,
  ];

  static override properties = {
    ...TesseraElement.properties,
    officer: { type: Boolean },
    acceptInvitations: { type: Boolean, attribute: "accept-invitations" },
    notifications: { type: Boolean },
  };

  /** Offers the security officer's page. */
  declare officer: boolean;
  /** Takes an invitation out of the page's address and offers it. */
  declare acceptInvitations: boolean;
  /** Shows new messages, without content, in the title of the page and as notifications where the person allowed them. */
  declare notifications: boolean;

  #route: Route = { name: "inbox" };
  #main: View | null = null;
  #shownRoute: Route | null = null;
  #isWide = false;
  #hasPanel = false;
  /** The person beside the conversation, where there is room. */
  #panel: Person | null = null;
  #wasOpen = false;
  #offered: string | null = null;
  #unread = -1;
  #alerts: ReadonlySet<string> = new Set();
  #notifier: Notifier | null = null;
  #stopArrivals: (() => void) | null = null;
  readonly #inbox = new Inbox(this);
  readonly #banners = new Banners(this);
  readonly #idle = new Idle(this);
  readonly #size = new ResizeObserver(([entry]) => this.#resized(entry?.contentRect.width ?? 0));

  constructor() {
    super();
    this.officer = false;
    this.acceptInvitations = false;
    this.notifications = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#size.observe(this);
    addEventListener("hashchange", this.#takeOffer);
    for (const use of ["pointerdown", "keydown", "wheel"]) this.addEventListener(use, this.#touched, { passive: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#size.disconnect();
    removeEventListener("hashchange", this.#takeOffer);
    this.#stopArrivals?.();
    this.#notifier?.stop();
    this.#idle.close();
    this.#leave();
  }

  /** Opens a page; the conversation with a contact by the contact's id. */
  go(route: Route): void {
    this.#route = route;
    this.requestUpdate();
    void this.updateComplete.then(() => {
      const inMain = this.renderRoot.querySelector<HTMLElement>(".main .title, .head .title");
      (inMain ?? this.renderRoot.querySelector<HTMLElement>(".side button"))?.focus();
    });
  }

  /** Shows an invitation that the host took from somewhere else than the page's address; the person still has to answer it. */
  offer(invitation: string): void {
    this.#offered = invitation;
    this.#takeOffer();
  }

  protected override sessionChanged(session: Session): void {
    this.#takeOffer();
    this.#stopArrivals = session.onArrival((message) => this.#arrived(message));
    if (this.notifications) this.#notifier = new Notifier();
  }

  protected override render(): TemplateResult {
    if (!this.hasSession) return html`<p class="empty">${this.words.t("not_set_up")}</p>`;
    const { session } = this;
    const { t } = this.words;
    const isOpen = session.isOpen;
    this.#follow(isOpen);
    return html`<div class="portal" data-wide=${this.#isWide} data-access=${session.access} data-route=${this.#route.name}>
      ${this.#header(isOpen)}
      ${this.announcer()}
      ${isOpen ? this.#open() : html`<div class="main locked">${this.#main?.render() ?? html`<p class="empty">${t("loading")}</p>`}</div>`}
      <p class="emergency hint" part="emergency" data-testid="emergency"><slot name="emergency">${t("not_for_emergencies", { number: this.settings.emergencyNumber })}</slot></p>
      ${this.dialog.render()} ${this.#idle.render()}
    </div>`;
  }

  protected override updated(): void {
    if (!this.hasSession) return;
    this.#main?.updated();
    this.#tell();
    this.#idle.watch();
  }

  /** What the host hears of: how many messages are unread, and that something needs a look; never content. */
  #tell(): void {
    const { session } = this;
    const { unread } = session;
    if (session.isOpen && unread !== this.#unread) {
      this.#unread = unread;
      this.#notifier?.count(unread);
      this.#fire("tessera-unread", { count: unread });
    }
    const alerts = session.alerts.open();
    const told = [
      ...alerts.map((alert) => ({ id: alert.id, kind: alert.kind, level: levelOf(alert) })),
      ...session.conditions.all.map((code) => ({
        id: `condition ${code}`,
        kind: "condition",
        level: CONDITION_LEVELS[code],
      })),
    ];
    for (const { id, kind, level } of told) if (!this.#alerts.has(id)) this.#fire("tessera-alert", { kind, level });
    this.#alerts = new Set(told.map(({ id }) => id));
  }

  #fire(type: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  #arrived(message: Message): void {
    const isShown = this.#main instanceof ThreadView && this.#main.contactId === message.contactId;
    if (!isShown) this.announce(this.words.t("new_message"));
    this.#notifier?.arrived(this.words);
  }

  #header(isOpen: boolean): TemplateResult {
    const { t } = this.words;
    const { session } = this;
    const contactId = "contactId" in this.#route ? this.#route.contactId : null;
    const contact = isOpen ? session.contact(contactId) : undefined;
    const isPage = isOpen && this.#route.name !== "inbox";
    const title =
      contact !== undefined && (this.#route.name === "thread" || this.#hasPanel)
        ? html`<button type="button" class="quiet name" data-testid="open-person" aria-expanded=${this.#hasPanel ? String(this.#route.name === "person") : nothing}
            @click=${() => this.go({ name: this.#route.name === "thread" ? "person" : "thread", contactId: contact.id })}>${threadTitle(contact, this)}</button>`
        : html`<p class="product">${this.organization || t("messages")}<span class="hint">${session.name}</span></p>`;
    return html`<div class="head" part="header">
      ${isPage && !this.#isWide ? html`<button type="button" class="quiet round" data-testid="back" aria-label=${t("back")} @click=${() => this.go({ name: "inbox" })}>${icon("back")}</button>` : html`<slot name="logo"></slot>`}
      ${title}
      <p class="relay" role="status" data-testid="relay-state" data-relay=${session.conditions.has("RELAY_UNREACHABLE") ? "down" : "up"}>${isOpen && session.conditions.has("RELAY_UNREACHABLE") ? t("no_connection") : nothing}</p>
      ${isOpen ? this.#menu() : nothing}
    </div>`;
  }

  #menu(): TemplateResult {
    const { t } = this.words;
    const item = (name: "inbox" | "safety" | "audit" | "privacy", testid: string, label: string): TemplateResult =>
      html`<button type="button" data-testid=${testid} aria-current=${this.#route.name === name ? "page" : "false"} @click=${() => this.#choose({ name })}>${label}</button>`;
    return html`<button type="button" class="quiet round" data-testid="add-contact" aria-label=${t("connect")} title=${t("connect")} @click=${() => this.go({ name: "connect" })}>${icon("plus")}</button>
      <details class="more menu" data-testid="menu">
        <summary aria-label=${t("menu")}>${icon("menu")}</summary>
        <div class="menu-list">
          ${item("inbox", "open-inbox", t("messages"))} ${item("safety", "open-safety", t("safety"))} ${item("audit", "open-log", t("audit"))}
          ${this.officer ? item("privacy", "open-privacy", t("privacy")) : nothing}
          ${this.notifications && Notifier.canAsk ? html`<button type="button" data-testid="allow-notifications" @click=${this.#allow}>${t("allow_notifications")}</button>` : nothing}
          <slot name="menu"></slot>
          ${this.session.vault !== null ? html`<button type="button" data-testid="lock" @click=${() => this.#lock()}>${icon("lock")} ${t("lock")}</button>` : nothing}
        </div>
      </details>`;
  }

  #choose(route: Route): void {
    this.renderRoot.querySelector(".menu")?.removeAttribute("open");
    this.go(route);
  }

  #allow = async (): Promise<void> => {
    await Notification.requestPermission();
    this.requestUpdate();
  };

  async #lock(): Promise<void> {
    await this.session.lock();
    this.dialog.close();
  }

  #open(): TemplateResult {
    const openId = "contactId" in this.#route ? this.#route.contactId : null;
    const isThread = this.#route.name === "thread" || (this.#hasPanel && this.#route.name === "person");
    const isInbox = this.#route.name === "inbox";
    const hasPeople = this.session.contacts.length > 0;
    const inbox = this.#inbox.render(openId);
    const isBeside = this.#isWide ? hasPeople : isInbox;
    const side = isBeside ? html`<div class="side">${inbox}</div>` : nothing;
    const noMain = hasPeople ? html`<p class="empty">${this.words.t("choose_person")}</p>` : inbox;
    const main = isInbox ? (this.#isWide ? noMain : nothing) : (this.#main?.render() ?? nothing);
    return html`${this.#banners.render(null, isThread ? openId : null, this.#route.name)}
      <div class="body">${side}${main === nothing ? nothing : html`<div class="main">${main}</div>`}${this.#panel === null ? nothing : html`<aside class="panel" aria-label=${this.words.t("about_person")}>${this.#panel.render()}</aside>`}</div>`;
  }

  /** Chooses what stands in the main place. */
  #follow(isOpen: boolean): void {
    const { session } = this;
    if (!isOpen) {
      this.hush();
      if (this.#wasOpen) putPaperAway();
      if (this.#wasOpen || !(this.#main instanceof Lock)) {
        this.#leave();
        if (session.access !== "opening") this.#main = new Lock(this);
      }
      this.#wasOpen = false;
      return;
    }
    if (!this.#wasOpen) this.#enter(session);
    this.#wasOpen = true;
    const route = this.#route;
    if ("contactId" in route && session.contact(route.contactId) === undefined && session.contacts.length > 0)
      this.#route = { name: "inbox" };
    this.#showPanel();
    const shown: Route =
      this.#hasPanel && this.#route.name === "person" ? { ...this.#route, name: "thread" } : this.#route;
    if (isSame(this.#shownRoute, shown) && !(this.#main instanceof Lock)) return;
    this.#main?.close();
    this.#shownRoute = shown;
    this.#main = this.#viewOf(shown);
  }

  #showPanel(): void {
    const route = this.#route;
    const contactId = this.#hasPanel && route.name === "person" ? route.contactId : null;
    if (contactId === (this.#panel?.contactId ?? null)) return;
    this.#panel?.close();
    this.#panel = contactId === null ? null : new Person(this, contactId);
  }

  /** Opened, or unlocked: an invitation that came with the address, the only person there is, or the inbox. */
  #enter(session: Session): void {
    const [only] = session.contacts;
    if (session.offered !== null) this.#route = { name: "connect" };
    else if (this.#route.name === "inbox" && only !== undefined && session.contacts.length === 1)
      this.#route = { name: "thread", contactId: only.id };
  }

  #viewOf(route: Route): View | null {
    switch (route.name) {
      case "inbox":
        return null;
      case "thread":
        return new ThreadView(this, route.contactId);
      case "person":
        return new Person(this, route.contactId);
      case "connect":
        return new Connect(this);
      default:
        return new PageView(this, route.name);
    }
  }

  #leave(): void {
    this.#main?.close();
    this.#main = null;
    this.#panel?.close();
    this.#panel = null;
    this.#shownRoute = null;
  }

  #takeOffer = (): void => {
    if (!this.hasSession) return;
    const { session } = this;
    const handed = this.#offered;
    this.#offered = null;
    if (handed !== null) void session.offer(handed);
    else if (!this.acceptInvitations || !takeOffer(session)) return;
    if (session.isOpen) this.go({ name: "connect" });
  };

  #touched = (): void => {
    if (!this.hasSession) return;
    this.session.touch();
    this.#idle.used();
  };

  #resized(width: number): void {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    const [isWide, hasPanel] = [width >= WIDE_REM * rem, width >= PANEL_REM * rem];
    if (isWide === this.#isWide && hasPanel === this.#hasPanel) return;
    this.#isWide = isWide;
    this.#hasPanel = hasPanel;
    this.requestUpdate();
  }
}

function isSame(one: Route | null, other: Route): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
