/** A fictional hospital's portal that embeds Tessera as any customer would: a page for each of its people, by address. */

import "./hospital.css";
import "tessera-portal/elements";
import type { TesseraPortal, UnreadEvent } from "tessera-portal/elements";
import { h } from "../dom";
import { askedLanguage, languages, type Language } from "../languages";
import { isStaff, PAGES, pageAt, PATIENT, STAFF_PASSPHRASE } from "./pages";
import { patientCards } from "./patient";
import { say, type TextKey } from "./words";

class Hospital {
  readonly #page = pageAt(location.pathname);
  readonly #header = h("header", { class: "top" });
  readonly #title = h("h1");
  /** What else the page shows, before the messages. */
  readonly #around = h("div", { class: "around" });
  readonly #messages = h("section", { class: "messages", id: "messages", tabindex: -1 });
  readonly #footer = h("footer", { class: "foot" });
  readonly #help = h("p", { slot: "help", class: "hint" });
  #language: Language = askedLanguage();
  #unread = 0;
  /** Draws a part of the page that has code of its own. */
  #drawPart: (language: Language) => void = () => {};

  constructor(root: HTMLElement) {
    root.className = `hospital hospital-${this.#page.name}`;
    root.append(this.#header, h("main", { class: "content" }, this.#title, this.#around, this.#messages), this.#footer);
    this.#draw();
    void this.#open();
  }

  #say = (key: TextKey, values: Record<string, string | number> = {}): string => say(key, this.#language, values);

  async #open(): Promise<void> {
    const people = Number(new URLSearchParams(location.search).get("people") ?? 0);
    if (this.#page.name === "text") this.#messages.append(h("tessera-text"));
    else if (this.#page.name === "lab") await this.#openLaboratory();
    else if (this.#page.name === "desk" && people > 0) await this.#fillDesk(people);
    else this.#messages.append(this.#portal());
  }

  #portal(): TesseraPortal {
    const portal = h("tessera-portal", {
      relay: "/",
      organization: "Riverside Clinic",
      "emergency-number": "911",
      "invite-url": "/",
      "verify-url": "verify.html",
      "receipt-delay-minutes": 0,
      ...this.#page.attributes,
    });
    portal.addEventListener("tessera-unread", (event) => {
      this.#unread = (event as UnreadEvent).detail.count;
      this.#drawHeader();
    });
    if (isStaff(this.#page)) {
      portal.firstPassphrase = STAFF_PASSPHRASE;
      portal.append(this.#help);
    }
    if (this.#page.name === "officer")
      void customElements.whenDefined("tessera-portal").then(() => portal.go({ name: "privacy" }));
    return portal;
  }

  async #openLaboratory(): Promise<void> {
    const { openLaboratory } = await import("./laboratory");
    const element = this.#portal();
    const laboratory = openLaboratory(element);
    this.#drawPart = (language) => laboratory.draw(language);
    this.#around.append(laboratory.element);
    this.#drawPart(this.#language);
    element.portal = await laboratory.opened;
    this.#messages.append(element);
  }

  /** Patients who run in this page connect with the desk and write. Afterwards the address is the desk's own. */
  async #fillDesk(people: number): Promise<void> {
    const { fillDesk } = await import("./fill-desk");
    const shown = h("p", { id: "filling", role: "status", testid: "filling" });
    const progress = h("progress", { max: people, value: 0, "aria-labelledby": "filling" });
    this.#around.append(shown, progress);
    await fillDesk(people, (count) => {
      progress.value = count;
      shown.textContent = this.#say("filling", { count, people });
    });
    location.replace("/desk");
  }

  /** Everything is drawn where it is: the messages keep their place, their state and the focus. */
  #draw(): void {
    const { name } = this.#page;
    document.documentElement.lang = this.#language;
    document.title = `${this.#say(name === "patient" ? "messages" : name)} · Riverside Clinic`;
    this.#title.textContent = this.#say(`${name}_title`, { first: PATIENT.split(" ", 1)[0] ?? "" });
    this.#help.textContent = this.#say("staff_passphrase", { passphrase: STAFF_PASSPHRASE });
    this.#messages.setAttribute("aria-label", this.#say("messages"));
    if (name === "patient") this.#around.replaceChildren(...patientCards(this.#language));
    this.#drawPart(this.#language);
    this.#drawHeader();
    this.#drawFooter();
  }

  #drawHeader(): void {
    const skip = (event: Event): void => {
      event.preventDefault(); // the fragment belongs to invitations
      this.#messages.focus();
    };
    this.#header.replaceChildren(
      h("a", { class: "skip", href: "#messages", click: skip }, this.#say("skip")),
      h("img", { class: "logo", src: "/favicon.svg", alt: "" }),
      h("p", { class: "clinic" }, "Riverside Clinic"),
      h("p", { class: "signed-in" }, this.#signedIn()),
      languages(this.#say("language"), this.#language, (language) => {
        this.#language = language;
        this.#draw();
      }),
    );
  }

  /** Who is signed in, and how many messages wait. */
  #signedIn(): string {
    const name = this.#page.attributes["name"];
    if (typeof name !== "string") return "";
    return this.#unread === 0 ? name : this.#say("signed_in_unread", { name, count: this.#unread });
  }

  #drawFooter(): void {
    const link = (path: string, name: TextKey): HTMLElement =>
      h("a", { href: path, "aria-current": path === this.#page.path ? "page" : null }, this.#say(name));
    this.#footer.replaceChildren(
      h("p", {}, this.#say("fictional")),
      h(
        "nav",
        { "aria-label": this.#say("see_as") },
        ...PAGES.map(({ path, name }) => link(path, name)),
        link("/desk?people=60", "full_desk"),
        link("/stage.html", "stage"),
        link("/verify.html", "verify"),
      ),
    );
  }
}

const root = document.getElementById("app");
if (root) new Hospital(root);
// Its downloads wait until the page has what it needs itself.
if ("serviceWorker" in navigator)
  addEventListener("load", () => void navigator.serviceWorker.register("/service-worker.js").catch(() => {}));
