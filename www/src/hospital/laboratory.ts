/** The laboratory's outbox: results that can be sent, and what became of each that was. */

import { indexedDbStore, isTesseraError, Portal, type Contact, type Message } from "tessera-portal";
import type { TesseraPortal } from "tessera-portal/elements";
import { h, keyed, section } from "../dom";
import type { Language } from "../languages";
import { STAFF_PASSPHRASE } from "./pages";
import { say, type TextKey } from "./words";

const READY = [
  ["potassium-critical.json", "ready_potassium"],
  ["hba1c.json", "ready_hba1c"],
  ["urine-culture-preliminary.json", "ready_culture"],
  ["creatinine-corrected.json", "ready_creatinine"],
] as const satisfies readonly (readonly [string, TextKey])[];

const SHOWN = 100;
/** A laboratory's own system locks its screen. */
const IDLE_MINUTES = 480;

/** A result that was not accepted for sending. */
interface Refused {
  readonly id: string;
  readonly title: string;
  readonly contactId: string;
  readonly code: string;
  readonly time: number;
}

export interface Laboratory {
  readonly element: HTMLElement;
  readonly opened: Promise<Portal>;
  draw(language: Language): void;
}

/** Opens the laboratory's portal here, so that the outbox and `element` show the same one. */
export function openLaboratory(element: TesseraPortal): Laboratory {
  return new Outbox(element);
}

class Outbox implements Laboratory {
  readonly element = h("div", { class: "outbox" });
  readonly opened: Promise<Portal>;
  readonly #element: TesseraPortal;
  readonly #ready = h("section", { class: "card", "aria-labelledby": "ready-title" });
  readonly #rows = h("ol", { class: "outbox-rows", testid: "outbox" });
  readonly #empty = h("p", { class: "hint" });
  readonly #title = h("h2", { id: "outbox-title" });
  readonly #outbox = h(
    "section",
    { class: "card", "aria-labelledby": "outbox-title" },
    this.#title,
    this.#empty,
    this.#rows,
  );
  readonly #status = h("p", { role: "status", testid: "outbox-status" });
  /** Fetched at once, so that a result can be sent while there is no connection. */
  readonly #files = new Map<string, Promise<File>>(READY.map(([file]) => [file, fetched(file)]));
  #portal: Portal | null = null;
  /** What is sent and to whom is known: until then, while it is locked and when it is open elsewhere, an outbox would look empty. */
  #isOpen = false;
  #language: Language = "en";
  #contacts: readonly Contact[] = [];
  #messages: readonly Message[] = [];
  #refused: readonly Refused[] = [];
  /** Messages that could not be taken back. */
  readonly #leaving = new Set<string>();
  #to = "";
  #reading: Promise<void> = Promise.resolve();

  constructor(element: TesseraPortal) {
    this.#element = element;
    this.element.append(this.#ready, this.#outbox, this.#status);
    this.#draw();
    this.opened = this.#open(false);
  }

  draw(language: Language): void {
    this.#language = language;
    this.#draw();
  }

  #say = (key: TextKey, values: Record<string, string | number> = {}): string => say(key, this.#language, values);

  async #open(takeOver: boolean): Promise<Portal> {
    const store = indexedDbStore("riverside-lab");
    try {
      const portal = await Portal.open({
        relay: new URL("/", location.href),
        store,
        passphrase: STAFF_PASSPHRASE,
        name: "Northside Laboratory",
        create: true,
        takeOver,
        idleMinutes: IDLE_MINUTES,
        receiptDelayMinutes: 0,
      });
      this.#portal = portal;
      this.#status.replaceChildren();
      for (const event of ["state", "contact", "message", "relay", "locked", "unlocked", "stopped"] as const)
        portal.addEventListener(event, () => this.#read());
      await portal.start();
      this.#read();
      return portal;
    } catch (error) {
      if (takeOver || !isTesseraError(error) || error.code !== "VAULT_IN_USE") throw error;
      await this.#isWanted();
      return this.#open(true);
    }
  }

  /** Another tab has the outbox: resolves once the person wants it here. */
  #isWanted(): Promise<void> {
    return new Promise((resolve) =>
      this.#status.replaceChildren(
        this.#say("open_elsewhere"),
        " ",
        h("button", { type: "button", click: () => resolve() }, this.#say("move_here")),
      ),
    );
  }

  /** One after the other, so that an older list never replaces a newer one. */
  #read(): void {
    this.#reading = this.#reading.then(async () => {
      const portal = this.#portal;
      if (portal === null) return;
      try {
        const contacts = await portal.contacts();
        const lists = await Promise.all(contacts.map(({ id }) => portal.messages(id, { limit: SHOWN })));
        this.#isOpen = true;
        this.#contacts = contacts;
        this.#messages = lists
          .flat()
          .filter(({ direction, attachments }) => direction === "out" && attachments.length > 0);
      } catch (error) {
        if (!isTesseraError(error)) throw error;
        this.#isOpen = false;
        [this.#contacts, this.#messages] = [[], []]; // no name stays on the screen, nor what goes with it
      }
      this.#draw();
    });
  }

  #draw(): void {
    for (const card of [this.#ready, this.#outbox]) card.hidden = !this.#isOpen;
    this.#title.textContent = this.#say("outbox");
    this.#drawReady();
    const rows = [
      ...this.#messages.map((message) => this.#sent(message)),
      ...(this.#isOpen ? this.#refused : []).map((refused) => this.#failed(refused)),
    ];
    this.#empty.textContent = rows.length === 0 ? this.#say("outbox_empty") : "";
    keyed(
      this.#rows,
      rows.toSorted((one, other) => other.time - one.time),
      ({ id }) => id,
      ({ state, key, values }) => [state, key, values, this.#language],
      (row) => this.#row(row),
    );
  }

  #drawReady(): void {
    const active = this.#contacts.filter(({ state }) => state === "active");
    section(this.#ready, [this.#language, active.map(({ id, name }) => [id, name])], () => {
      if (active.length === 0)
        return [
          h("h2", { id: "ready-title" }, this.#say("ready")),
          h("p", {}, this.#say("connect_first")),
          h(
            "button",
            { type: "button", testid: "lab-connect", click: () => this.#element.go({ name: "connect" }) },
            this.#say("connect_clinic"),
          ),
        ];
      if (!active.some(({ id }) => id === this.#to)) this.#to = active[0]?.id ?? "";
      const choose = (event: Event): void => {
        this.#to = (event.target as HTMLSelectElement).value;
      };
      return [
        h("h2", { id: "ready-title" }, this.#say("ready")),
        h(
          "label",
          { class: "to" },
          h("span", {}, this.#say("send_to")),
          h(
            "select",
            { testid: "send-to", change: choose },
            ...active.map(({ id, name }) => h("option", { value: id, selected: id === this.#to }, name)),
          ),
        ),
        h(
          "ul",
          { class: "ready-rows" },
          ...READY.map(([file, title]) => {
            const id = `ready-${file}`;
            return h(
              "li",
              {},
              h("span", { id }, this.#say(title)),
              h(
                "button",
                {
                  type: "button",
                  testid: "send-result",
                  "data-file": file,
                  "aria-describedby": id,
                  click: () => this.#sendReady(file),
                },
                this.#say("send"),
              ),
            );
          }),
        ),
        h(
          "label",
          { class: "other" },
          this.#say("send_file"),
          h("input", { type: "file", testid: "send-file", change: (event) => this.#sendChosen(event) }),
        ),
      ];
    });
  }

  async #sendReady(file: string): Promise<void> {
    await this.#send(await (this.#files.get(file) as Promise<File>));
  }

  async #sendChosen(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    const [file] = input.files ?? [];
    if (file) await this.#send(file);
    input.value = "";
  }

  async #send(file: File): Promise<void> {
    const to = this.#contact(this.#to);
    if (this.#portal === null || to === undefined) return;
    try {
      await this.#portal.send(to.id, { attachments: [file] });
    } catch (error) {
      if (!isTesseraError(error)) throw error;
      const refused = {
        id: crypto.randomUUID(),
        title: file.name,
        contactId: to.id,
        code: error.code,
        time: Date.now() / 1000,
      };
      this.#refused = [...this.#refused, refused];
    }
    this.#read();
  }

  #contact(contactId: string): Contact | undefined {
    return this.#contacts.find(({ id }) => id === contactId);
  }

  #nameOf(contactId: string): string {
    return this.#contact(contactId)?.name ?? "";
  }

  #sent(message: Message): Row {
    const { id, contactId, attachments, sentAt, state, leavesBy } = message;
    const time = leavesBy === undefined ? "" : this.#clock(leavesBy);
    const waiting = time === "" ? "state_queued" : "state_leaves";
    return {
      id,
      title: attachments[0]?.filename ?? this.#say("a_file"),
      to: this.#nameOf(contactId),
      time: sentAt,
      state,
      key: state !== "queued" ? `state_${state as SentState}` : this.#leaving.has(id) ? "state_leaving" : waiting,
      values: { time },
      again: state === "undelivered" || state === "cancelled" ? () => this.#sendAgain(message) : null,
      takeBack: state === "queued" ? () => this.#takeBack(id) : null,
    };
  }

  #failed({ id, title, contactId, code, time }: Refused): Row {
    const key = code === "MESSAGE_TOO_LARGE" ? "failed_too_large" : "failed_other";
    return {
      id,
      title,
      to: this.#nameOf(contactId),
      time,
      state: "failed",
      key,
      values: { code },
      again: null,
      takeBack: null,
    };
  }

  #row({ title, to, time, state, key, values, again, takeBack }: Row): HTMLElement {
    return h(
      "li",
      { "data-state": state, testid: "outbox-row" },
      h("strong", {}, title),
      h("span", { class: "hint" }, this.#say("sent_to", { name: to, time: this.#clock(time) })),
      h("span", { class: "state", testid: "outbox-state" }, this.#say(key, values)),
      again && h("button", { type: "button", testid: "send-again", click: again }, this.#say("send_again")),
      takeBack && h("button", { type: "button", testid: "take-back", click: takeBack }, this.#say("take_back")),
    );
  }

  async #sendAgain({ attachments }: Message): Promise<void> {
    for (const { body, filename, contentType } of attachments)
      await this.#send(new File([(await body()) as Uint8Array<ArrayBuffer>], filename ?? "", { type: contentType }));
  }

  async #takeBack(id: string): Promise<void> {
    try {
      await this.#portal?.cancel(id);
    } catch (error) {
      if (!isTesseraError(error)) throw error;
      this.#leaving.add(id);
    }
    this.#read();
  }

  #clock(seconds: number): string {
    return new Intl.DateTimeFormat(this.#language, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);
  }
}

async function fetched(file: string): Promise<File> {
  const response = await fetch(`/results/${file}`);
  return new File([await response.blob()], file, { type: "application/fhir+json" });
}

type SentState = "queued" | "sent" | "delivered" | "undelivered" | "cancelled" | "stopped";

interface Row {
  readonly id: string;
  readonly title: string;
  readonly to: string;
  readonly time: number;
  readonly state: string;
  readonly key: TextKey;
  readonly values: Record<string, string>;
  readonly again: (() => unknown) | null;
  readonly takeBack: (() => unknown) | null;
}
