/** A fictional hospital's portal that embeds Tessera as any customer would: a page for each of its people, by address. */

import "./hospital.css";
import "tessera-portal/elements";
import type { TesseraPortal } from "tessera-portal/elements";
import { h } from "../dom";
import { askedLanguage, languages, type Language } from "../languages";
import { say, type TextKey } from "./words";

/** Staff sign in with the hospital's own account; here that is one passphrase for all of them. */
const STAFF_PASSPHRASE = "tessera demo";

interface Page {
  readonly path: string;
  readonly name: Extract<TextKey, "patient" | "desk" | "lab" | "officer">;
  readonly attributes: Readonly<Record<string, string | boolean>>;
  /** Staff have a name here; patients give their own. */
  readonly isStaff: boolean;
}

const PAGES: readonly Page[] = [
  {
    path: "/",
    name: "patient",
    attributes: { vault: "riverside-patient", "accept-invitations": true, notifications: true },
    isStaff: false,
  },
  {
    path: "/desk",
    name: "desk",
    attributes: { vault: "riverside-desk", name: "Dr. Rivera", "visit-labels": true, notifications: true },
    isStaff: true,
  },
  { path: "/lab", name: "lab", attributes: { vault: "riverside-lab", name: "Northside Laboratory" }, isStaff: true },
  {
    path: "/officer",
    name: "officer",
    attributes: { vault: "riverside-desk", name: "Dr. Rivera", officer: true },
    isStaff: true,
  },
];

class Hospital {
  readonly #root: HTMLElement;
  readonly #page = PAGES.find(({ path }) => path === location.pathname) ?? (PAGES[0] as Page);
  readonly #portal: TesseraPortal;
  readonly #help = h("p", { slot: "help", class: "hint" });
  #language: Language = askedLanguage();

  constructor(root: HTMLElement) {
    this.#root = root;
    const { attributes, isStaff } = this.#page;
    this.#portal = h("tessera-portal", {
      relay: "/",
      organization: "Riverside Clinic",
      "invite-url": "/",
      "verify-url": "verify.html",
      "receipt-delay-minutes": 0,
      id: "messages",
      tabindex: -1,
      ...attributes,
    });
    if (isStaff) {
      this.#portal.firstPassphrase = STAFF_PASSPHRASE;
      this.#portal.append(this.#help);
    }
    this.#draw();
    if (this.#page.name === "officer")
      void customElements.whenDefined("tessera-portal").then(() => this.#portal.go({ name: "privacy" }));
  }

  #say = (key: TextKey, values: Record<string, string> = {}): string => say(key, this.#language, values);

  #draw(): void {
    const { name } = this.#page;
    document.documentElement.lang = this.#language;
    this.#help.textContent = this.#say("staff_passphrase", { passphrase: STAFF_PASSPHRASE });
    this.#root.className = `hospital hospital-${name}`;
    this.#root.replaceChildren(
      this.#header(),
      h(
        "main",
        { class: "content" },
        h("h1", {}, this.#say(name === "patient" ? "patient_title" : `${name}_title`)),
        name === "patient" && this.#cards(),
        this.#portal,
      ),
      this.#footer(),
    );
  }

  #skip(event: Event): void {
    event.preventDefault();
    this.#portal.focus();
  }

  #header(): HTMLElement {
    return h(
      "header",
      { class: "top" },
      h("a", { class: "skip", href: "#messages", click: (event) => this.#skip(event) }, this.#say("skip")),
      h("img", { class: "logo", src: "/favicon.svg", alt: "" }),
      h("p", { class: "clinic" }, "Riverside Clinic"),
      languages(this.#say("language"), this.#language, (language) => {
        this.#language = language;
        this.#draw();
      }),
    );
  }

  /** What else a patient's home page shows. */
  #cards(): HTMLElement {
    const card = (title: TextKey, text: TextKey): HTMLElement =>
      h("section", { class: "card" }, h("h2", {}, this.#say(title)), h("p", {}, this.#say(text)));
    return h("div", { class: "cards" }, card("next_visit", "visit_what"), card("medicine_list", "medicine_what"));
  }

  #footer(): HTMLElement {
    const link = (path: string, name: TextKey): HTMLElement =>
      h("a", { href: path, "aria-current": path === this.#page.path ? "page" : null }, this.#say(name));
    return h(
      "footer",
      { class: "foot" },
      h("p", {}, this.#say("fictional")),
      h(
        "nav",
        { "aria-label": this.#say("see_as") },
        ...PAGES.map(({ path, name }) => link(path, name)),
        link("/stage.html", "stage"),
      ),
    );
  }
}

const root = document.getElementById("app");
if (root) new Hospital(root);
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/service-worker.js").catch(() => {});
