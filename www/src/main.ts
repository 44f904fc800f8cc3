/** The demo portal: everyone on one screen, or a single person with `?role=`. */

import "./styles/base.css";
import "./styles/pane.css";
import "./styles/conversation.css";
import "./styles/result.css";
import "./styles/log.css";
import "./styles/lock.css";
import "./styles/safety.css";
import "./styles/relay.css";
import { init } from "tessera-portal";
import { h } from "./dom";
import { Eavesdropper } from "./eavesdropper";
import { codeOf, codeSentence } from "./errors";
import { currentLanguage, roleName, setLanguage, t } from "./i18n";
import { takeOfferedInvitation } from "./invitation-text";
import { ON_SCREEN, PEOPLE, roleFrom, type Role } from "./people";
import { Session } from "./session";
import { languages } from "./view/languages";
import { Pane, PaneState } from "./view/pane";
import { RelayPane } from "./view/relay";

/** Minutes without use after which a vault is locked; `?idle=` overrides it. */
const IDLE_MINUTES = 10;

class App {
  readonly #root: HTMLElement;
  readonly #relay = new URL("/", location.href);
  readonly #idleMinutes = Number(new URLSearchParams(location.search).get("idle")) || IDLE_MINUTES;
  readonly #alone = roleFrom(new URLSearchParams(location.search).get("role"));
  readonly #sessions = new Map<Role, Session>();
  readonly #states = new Map<Role, PaneState>();
  readonly #ear = new Eavesdropper(this.#relay, () => this.#relayPane?.update());
  /** Created once: a redraw while the relay is unreachable could not fetch it again. */
  readonly #mark = h("img", { class: "mark", src: "/favicon.svg", alt: "" });
  #panes: Pane[] = [];
  #relayPane: RelayPane | null = null;
  #offered: string | null = null;
  #burnt = false;
  #failure: string | null = null;
  #loaded = false;

  constructor(root: HTMLElement) {
    this.#root = root;
    const asked = new URLSearchParams(location.search).get("lang") ?? navigator.language;
    setLanguage(asked.startsWith("es") ? "es" : "en");
  }

  async run(): Promise<void> {
    this.#takeOffer();
    addEventListener("hashchange", () => {
      this.#takeOffer();
      this.#draw();
    });
    for (const role of this.#alone ? [this.#alone] : ON_SCREEN) this.#add(role);
    this.#draw();
    try {
      await init();
      this.#loaded = true;
    } catch (error) {
      this.#failure = codeOf(error);
      this.#draw();
      return;
    }
    if (!this.#alone) this.#ear.start();
    await Promise.all([...this.#sessions.values()].map((session) => session.begin()));
  }

  #add(role: Role): void {
    if (this.#sessions.has(role)) return;
    const session = new Session(PEOPLE[role], this.#relay, this.#idleMinutes);
    this.#sessions.set(role, session);
    this.#states.set(role, new PaneState());
    if (this.#loaded) void session.begin();
  }

  #takeOffer(): void {
    const { text, burnt } = takeOfferedInvitation();
    this.#burnt ||= burnt;
    if (text === null) return;
    this.#offered = text;
    if (this.#alone) this.#giveOffer(this.#alone);
  }

  /** Shows the link's invitation to this person, who still has to accept it. */
  #giveOffer(role: Role): void {
    this.#add(role);
    const state = this.#states.get(role);
    if (state && this.#offered !== null) {
      state.acceptText = this.#offered;
      state.open = null;
    }
    this.#offered = null;
  }

  #draw(): void {
    for (const pane of this.#panes) pane.dispose();
    this.#panes = [...this.#sessions].map(
      ([role, session]) => new Pane(session, this.#states.get(role) ?? new PaneState(), this.#alone !== null),
    );
    this.#relayPane = this.#alone ? null : new RelayPane(this.#ear);
    this.#root.className = this.#alone ? "app app-alone" : `app app-of-${this.#panes.length}`;
    this.#root.replaceChildren(
      h("a", { class: "skip", href: "#people", click: (event) => this.#skip(event) }, t("skip")),
      this.#header(),
      ...(this.#failure
        ? [
            h(
              "p",
              { class: "fatal", role: "alert", testid: "fatal" },
              t("failed_to_start", { reason: codeSentence(this.#failure) }),
            ),
          ]
        : []),
      ...(this.#burnt ? [h("p", { class: "fatal", role: "alert", testid: "burnt" }, t("link_burnt"))] : []),
      ...(this.#offered ? [this.#offer()] : []),
      h("main", { id: "people", class: "people", tabindex: -1 }, ...this.#panes.map((pane) => pane.element)),
      ...(this.#relayPane ? [this.#relayPane.element] : []),
    );
  }

  /** The fragment belongs to invitations, so the skip link moves the focus itself. */
  #skip(event: Event): void {
    event.preventDefault();
    document.getElementById("people")?.focus();
  }

  #header(): HTMLElement {
    const specialist = this.#sessions.has("specialist");
    return h(
      "header",
      { class: "top" },
      this.#mark,
      h("div", { class: "brand" }, h("h1", {}, "Tessera"), h("p", {}, t("tagline"))),
      h("p", { class: "memory" }, t("kept_here")),
      this.#alone || specialist
        ? null
        : h(
            "button",
            { type: "button", testid: "add-specialist", click: () => this.#showSpecialist() },
            t("add_specialist"),
          ),
      languages(t("language"), currentLanguage(), (language) => {
        setLanguage(language);
        this.#draw();
      }),
    );
  }

  #showSpecialist(): void {
    this.#add("specialist");
    this.#draw();
  }

  #offer(): HTMLElement {
    const choose = (role: Role): void => {
      this.#giveOffer(role);
      this.#draw();
      document.querySelector<HTMLElement>(`[data-testid="pane-${role}"] [data-testid="accept-button"]`)?.focus();
    };
    return h(
      "section",
      { class: "offer", testid: "offer", "aria-labelledby": "offer-heading" },
      h("h2", { id: "offer-heading" }, t("offered_heading")),
      h("p", {}, t("offered_who")),
      h(
        "div",
        { class: "row" },
        ...Object.values(PEOPLE).map((person) =>
          h(
            "button",
            { type: "button", testid: `offer-${person.role}`, click: () => choose(person.role) },
            `${person.name} · ${roleName(person.role)}`,
          ),
        ),
      ),
    );
  }
}

const root = document.getElementById("app");
if (root) void new App(root).run();
