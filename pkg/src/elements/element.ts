/** What all elements have: the session they belong to, the reader's language, and the host's settings. */

import { html, LitElement, type CSSResultGroup, type PropertyValues, type TemplateResult } from "lit";
import type { BackupHook, Portal } from "../index.js";
import { sessionOfPortal, sessionOfVault } from "./session/registry.js";
import type { Session } from "./session/session.js";
import { base } from "./styles/base.js";
import { tokens } from "./styles/tokens.js";
import { Dialog } from "./view/dialog.js";
import type { Host, Route, Settings } from "./view/view.js";
import { Language, type Strings } from "./words/language.js";

const IDLE_MINUTES = 10;
/** A sentence stays in the live region for so long after the next one was said: two in a row are both read. */
const SAID_MS = 5_000;
/** Where the focus goes on when what had it is gone, in this order. */
const FOCUS_NEXT = [
  "dialog[open] button",
  ".banner button",
  ".main .title",
  ".log",
  ".head .title",
  ".side button",
  "button",
];

export abstract class TesseraElement extends LitElement implements Host {
  static override styles: CSSResultGroup = [tokens, base];

  static override properties = {
    relay: { type: String },
    vault: { type: String },
    name: { type: String },
    lang: { type: String },
    timeZone: { type: String, attribute: "time-zone" },
    idleMinutes: { type: Number, attribute: "idle-minutes" },
    receiptDelayMinutes: { type: Number, attribute: "receipt-delay-minutes" },
    emergencyNumber: { type: String, attribute: "emergency-number" },
    phone: { type: String },
    organization: { type: String },
    inviteUrl: { type: String, attribute: "invite-url" },
    verifyUrl: { type: String, attribute: "verify-url" },
    visitLabels: { type: Boolean, attribute: "visit-labels" },
    strings: { attribute: false },
    portal: { attribute: false },
    firstPassphrase: { attribute: false },
    backup: { attribute: false },
  };

  /** The message service's URL; relative ones are allowed. Not needed with `portal`. */
  declare relay: string;
  /** Name of the database in this browser; elements that name the same share one portal. */
  declare vault: string;
  /** What contacts see of a person whose vault is made here. Asked for if left out. */
  declare name: string;
  declare timeZone: string;
  declare idleMinutes: number;
  /** How long receipts wait on average: a day if left out. The shorter, the more a reader of the service can guess of who answers whom. */
  declare receiptDelayMinutes: number | null;
  declare emergencyNumber: string;
  /** The clinic's phone number, for the button beside a warning. */
  declare phone: string;
  declare organization: string;
  declare inviteUrl: string;
  declare verifyUrl: string;
  declare visitLabels: boolean;
  /** Sentences of the host's own, by key. */
  declare strings: Strings;
  /** A portal that the host opened and will dispose of. */
  declare portal: Portal | null;
  /** Makes a vault under this passphrase without asking: for demonstrations. */
  declare firstPassphrase: string | null;
  /** Is given a backup after changes. */
  declare backup: BackupHook | undefined;

  readonly dialog: Dialog = new Dialog(this);
  words: Language = Language.now("en");
  #session: Session | null = null;
  #unwatch: (() => void) | null = null;
  #page: MutationObserver | null = null;

  constructor() {
    super();
    this.vault = "tessera";
    this.relay = "";
    this.name = "";
    this.idleMinutes = IDLE_MINUTES;
    this.receiptDelayMinutes = null;
    this.organization = "";
    this.visitLabels = false;
    this.strings = {};
    this.portal = null;
    this.firstPassphrase = null;
    this.backup = undefined;
  }

  get session(): Session {
    if (this.#session === null) throw new Error("the element has neither a relay nor a portal");
    return this.#session;
  }

  /** Whether there is a session to show. */
  get hasSession(): boolean {
    return this.#session !== null;
  }

  get view(): ParentNode {
    return this.renderRoot;
  }

  get settings(): Settings {
    return {
      emergencyNumber: this.emergencyNumber || this.words.t("emergency_number"),
      phone: this.phone || null,
      invitePage: () => absolute(this.inviteUrl || "/"),
      verifyUrl: this.verifyUrl || null,
      hasLabels: this.visitLabels,
      organization: this.organization,
      service: () => absolute(this.relay),
    };
  }

  redraw(): void {
    this.requestUpdate();
  }

  abstract go(route: Route): void;

  /** Reads a sentence to those who cannot see it: after the update that may be under way, which has drawn the old one. */
  announce(text: string): void {
    void this.updateComplete.then(() => {
      const region = this.#announcer;
      // A node of its own for each: it is read once, also if it is the same as the last. A node that moves is read again.
      const sentence = Object.assign(document.createElement("p"), { textContent: text });
      for (const old of [...(region?.children ?? [])])
        if (Number((old as HTMLElement).dataset["at"]) < Date.now() - SAID_MS) old.remove();
      sentence.dataset["at"] = String(Date.now());
      region?.append(sentence);
    });
  }

  /** Always there, for a region that comes into the page with its words may stay unread. */
  protected announcer(): TemplateResult {
    return html`<div class="hidden-text announcer" aria-live="polite" data-testid="announcer"></div>`;
  }

  /** Takes what was said off the page: it may quote a message. */
  protected hush(): void {
    this.#announcer?.replaceChildren();
  }

  get #announcer(): Element | null {
    return this.renderRoot?.querySelector(".announcer") ?? null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("click", this.#closeMenus);
    this.addEventListener("keydown", this.#closeMenus);
    // On the root: the host does not hear of a focus that moves within it.
    this.renderRoot.addEventListener("focusin", this.#closeMenus);
    this.#page = new MutationObserver(() => this.#speak());
    this.#page.observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
    this.#speak();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#page?.disconnect();
    this.#unwatch?.();
    this.#unwatch = null;
    this.#session = null;
  }

  /** Keyboard focus never falls out of the element because what had it is gone. */
  protected override update(changed: PropertyValues): void {
    const root = this.shadowRoot;
    const hadFocus = root?.activeElement !== null && root?.activeElement !== undefined;
    super.update(changed);
    if (hadFocus) this.restoreFocus();
  }

  /** Moves the focus to the next control if nothing in the element has it. */
  restoreFocus(): void {
    const root = this.shadowRoot;
    for (const selector of FOCUS_NEXT) {
      if (root === null || root.activeElement !== null) return;
      root.querySelector<HTMLElement>(selector)?.focus();
    }
  }

  /** A menu closes when something else is used or has the focus, and with the Escape key. */
  #closeMenus = (event: Event): void => {
    if (event instanceof KeyboardEvent && event.key !== "Escape") return;
    const target = event.composedPath()[0];
    for (const menu of this.renderRoot.querySelectorAll<HTMLDetailsElement>("details.more[open]")) {
      const isInside = target instanceof Node && menu.contains(target);
      if (event.type !== "keydown" && isInside) continue;
      menu.open = false;
      if (event.type === "keydown" && isInside) menu.querySelector("summary")?.focus();
    }
  };

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has("lang") || changed.has("strings") || changed.has("timeZone")) this.#speak();
    if (this.#session === null && this.isConnected) this.#connect();
  }

  /** Called with each session that the element comes to show. */
  protected sessionChanged(_session: Session): void {}

  #connect(): void {
    const { portal, relay, vault, idleMinutes, receiptDelayMinutes, name, firstPassphrase, backup } = this;
    if (portal === null && relay === "") return;
    this.#session =
      portal !== null
        ? sessionOfPortal(portal)
        : sessionOfVault({
            relay: new URL(absolute(relay)),
            vault,
            idleMinutes,
            receiptDelayMinutes,
            name: name === "" ? null : name,
            firstPassphrase,
            backup,
          });
    this.#unwatch = this.#session.watch(() => this.requestUpdate());
    this.sessionChanged(this.#session);
  }

  /** The language of the element, else of the page around it. */
  #speak(): void {
    const tag =
      this.lang || this.closest<HTMLElement>("[lang]")?.lang || document.documentElement.lang || navigator.language;
    this.words = Language.now(tag, this.strings, this.timeZone || undefined);
    this.requestUpdate();
    void Language.load(tag).then((isNew) => isNew && this.#speak());
  }
}

/** Against the page's own address, which a frame without one has from the page around it. */
function absolute(url: string): string {
  return new URL(url, document.baseURI).href;
}
