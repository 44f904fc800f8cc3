/** The stage: everyone on one screen, or a single person with `?role=`, and what anyone can read of the message service. */

import "../base.css";
import "./stage.css";
import "./relay.css";
import { takeOfferedInvitation, type TesseraPortal } from "tessera-portal/elements";
import { h } from "../dom";
import { askedLanguage, languages } from "../languages";
import { Eavesdropper } from "./eavesdropper";
import { ON_SCREEN, PEOPLE, roleFrom, STAGE_PASSPHRASE, type Role } from "./people";
import { RelayPane } from "./relay";
import { currentLanguage, roleName, setLanguage, t } from "./words";

/** Minutes without use after which a portal locks; `?idle=` has it otherwise. */
const IDLE_MINUTES = 10;

class Stage {
  readonly #root: HTMLElement;
  readonly #alone = roleFrom(new URLSearchParams(location.search).get("role"));
  readonly #idle = new URLSearchParams(location.search).get("idle") ?? String(IDLE_MINUTES);
  readonly #ear = new Eavesdropper(new URL("/", location.href), () => this.#relayPane?.update());
  readonly #portals = new Map<Role, TesseraPortal>();
  readonly #people = h("main", { id: "people", class: "people", tabindex: -1 });
  #relayPane: RelayPane | null = null;
  #offered: string | null = null;

  constructor(root: HTMLElement) {
    this.#root = root;
    setLanguage(askedLanguage());
  }

  run(): void {
    this.#takeOffer();
    addEventListener("hashchange", () => {
      this.#takeOffer();
      this.#draw();
    });
    for (const role of this.#alone ? [this.#alone] : ON_SCREEN) this.#add(role);
    this.#draw();
    if (!this.#alone) this.#ear.start();
  }

  /** Made once: a portal stays where it is when the page around it is drawn again. */
  #add(role: Role): TesseraPortal {
    const known = this.#portals.get(role);
    if (known) return known;
    const help = h("p", { slot: "help", class: "hint" });
    const portal = h(
      "tessera-portal",
      {
        relay: "/",
        vault: `tessera-stage-${role}`,
        name: PEOPLE[role],
        "invite-url": "/stage.html",
        "verify-url": "verify.html",
        "visit-labels": true,
        "idle-minutes": this.#idle,
        "receipt-delay-minutes": 0,
      },
      help,
    );
    portal.firstPassphrase = STAGE_PASSPHRASE;
    this.#portals.set(role, portal);
    const heading = h("h2", { id: `name-${role}` }, PEOPLE[role]);
    this.#people.append(
      h(
        "section",
        { class: "pane", testid: `pane-${role}`, "aria-labelledby": heading.id },
        h(
          "header",
          { class: "pane-head" },
          heading,
          h("p", { class: "hint", "data-role": role }),
          this.#alone === null &&
            h("a", { href: `?role=${role}`, target: "_blank", rel: "noopener", "data-alone": PEOPLE[role] }, "↗"),
        ),
        portal,
      ),
    );
    return portal;
  }

  #takeOffer(): void {
    const { text } = takeOfferedInvitation();
    if (text === null) return;
    this.#offered = text;
    if (this.#alone) this.#give(this.#alone);
  }

  /** Shows the link's invitation to this person, who still has to answer it. */
  #give(role: Role): void {
    if (this.#offered !== null) this.#add(role).offer(this.#offered);
    this.#offered = null;
  }

  #draw(): void {
    for (const element of this.#people.querySelectorAll<HTMLElement>("[data-role]"))
      element.textContent = roleName(element.dataset["role"] as Role);
    for (const link of this.#people.querySelectorAll<HTMLElement>("[data-alone]"))
      link.setAttribute("aria-label", t("open_alone", { name: link.dataset["alone"] ?? "" }));
    for (const help of this.#people.querySelectorAll("[slot=help]"))
      help.textContent = t("demo_passphrase", { passphrase: STAGE_PASSPHRASE });
    this.#relayPane = this.#alone ? null : new RelayPane(this.#ear);
    this.#root.className = `stage stage-of-${this.#portals.size}`;
    this.#root.replaceChildren(
      h("a", { class: "skip", href: "#people", click: (event) => this.#skip(event) }, t("skip")),
      this.#header(),
      ...(this.#offered === null ? [] : [this.#offer()]),
      this.#people,
      ...(this.#relayPane ? [this.#relayPane.element] : []),
    );
  }

  /** The fragment belongs to invitations, so the skip link moves the focus itself. */
  #skip(event: Event): void {
    event.preventDefault();
    this.#people.focus();
  }

  #header(): HTMLElement {
    const add = (): void => {
      this.#add("specialist");
      this.#draw();
    };
    return h(
      "header",
      { class: "top" },
      h("img", { class: "mark", src: "/favicon.svg", alt: "" }),
      h("div", { class: "brand" }, h("h1", {}, "Tessera"), h("p", {}, t("tagline"))),
      this.#alone === null &&
        !this.#portals.has("specialist") &&
        h("button", { type: "button", testid: "add-specialist", click: add }, t("add_specialist")),
      languages(t("language"), currentLanguage(), (language) => {
        setLanguage(language);
        this.#draw();
      }),
    );
  }

  #offer(): HTMLElement {
    const choose = (role: Role): void => {
      this.#give(role);
      this.#draw();
    };
    return h(
      "section",
      { class: "offer", testid: "offer", "aria-labelledby": "offer-heading" },
      h("h2", { id: "offer-heading" }, t("offered_heading")),
      h("p", {}, t("offered_who")),
      h(
        "div",
        { class: "row" },
        ...(Object.keys(PEOPLE) as Role[]).map((role) =>
          h(
            "button",
            { type: "button", testid: `offer-${role}`, click: () => choose(role) },
            `${PEOPLE[role]} · ${roleName(role)}`,
          ),
        ),
      ),
    );
  }
}

const root = document.getElementById("app");
if (root) new Stage(root).run();
