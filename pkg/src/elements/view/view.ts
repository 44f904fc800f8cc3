/** What every view has: the session, the words, and a way to be drawn again. */

import { html, nothing, type TemplateResult } from "lit";
import type { Contact } from "../../index.js";
import type { Session } from "../session/session.js";
import type { Language, TextKey } from "../words/language.js";
import type { Dialog } from "./dialog.js";

/** Where a view is shown. */
export interface Host {
  readonly session: Session;
  readonly words: Language;
  readonly settings: Settings;
  /** Asks before something that cannot be undone. */
  readonly dialog: Dialog;
  /** The root that the view is drawn into. */
  readonly view: ParentNode;
  redraw(): void;
  /** Resolves once what was changed is on the screen. */
  readonly updateComplete: Promise<boolean>;
  go(route: Route): void;
  /** Moves the focus to the next control if nothing in the element has it. */
  restoreFocus(): void;
  /** Reads a sentence to those who cannot see it. */
  announce(text: string): void;
}

/** What a host says by attributes. */
export interface Settings {
  /** Whom to call in an emergency. */
  readonly emergencyNumber: string;
  /** Whom to call about a message; none, no button. */
  readonly phone: string | null;
  /** The page that an invitation opens. */
  invitePage(): string;
  /** The page that verifies an exported log; none, no link. */
  readonly verifyUrl: string | null;
  /** Whether messages may carry the label of a visit. */
  readonly hasLabels: boolean;
  /** Who runs the portal, as its people call it. */
  readonly organization: string;
  /** The message service's address. */
  service(): string;
}

export type Route =
  | { readonly name: "inbox" | "connect" | "safety" | "audit" | "privacy" }
  | { readonly name: "thread" | "person"; readonly contactId: string };

/** A piece of a view. */
export abstract class Part {
  constructor(readonly host: Host) {}

  get session(): Session {
    return this.host.session;
  }

  get t(): (key: TextKey, values?: Record<string, string | number>) => string {
    return this.host.words.t;
  }

  find<T extends HTMLElement>(selector: string): T | null {
    return this.host.view.querySelector<T>(selector);
  }
}

export abstract class View extends Part {
  abstract render(): TemplateResult;

  /** After it was drawn. */
  updated(): void {}

  /** It is no longer shown. */
  close(): void {}
}

/** One thing at a time that a person asked for: whether it runs, and what came of it. */
export class Action extends Part {
  isBusy = false;
  #text = "";
  #code = "";
  #state: "" | "done" | "failed" = "";

  get hasFailed(): boolean {
    return this.#state === "failed";
  }

  /** Runs it and shows in words why it failed, if it failed. */
  async run<T>(action: () => Promise<T>): Promise<T | undefined> {
    if (this.isBusy) return undefined;
    this.isBusy = true;
    this.#show("", "", "");
    try {
      return await action();
    } catch (error) {
      const { words } = this.host;
      this.#show("failed", codeIn(error), words.error(error));
      return undefined;
    } finally {
      this.isBusy = false;
      this.host.redraw();
    }
  }

  say(text: string): void {
    this.#show("done", "", text);
  }

  fail(text: string, code = ""): void {
    this.#show("failed", code, text);
  }

  clear(): void {
    if (this.#state !== "") this.#show("", "", "");
  }

  /** Always there, so that a screen reader hears each change once. `id`: for the field that it is about. */
  render(id: string | typeof nothing = nothing): TemplateResult {
    return html`<p class="outcome" id=${id} role="status" data-testid="outcome" data-state=${this.#state} data-code=${this.#code}>${this.#text || nothing}</p>`;
  }

  #show(state: "" | "done" | "failed", code: string, text: string): void {
    this.#state = state;
    this.#code = code;
    this.#text = text;
    this.host.redraw();
  }
}

function codeIn(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "UNKNOWN";
}

/** The fields of a form, which this page alone takes. */
export function submitted(event: SubmitEvent): (name: string) => string {
  event.preventDefault();
  const fields = new FormData(event.target as HTMLFormElement);
  return (name) => String(fields.get(name) ?? "");
}

/** Of a contact that has not said its name yet, too. */
export function nameOf({ name }: Contact, { words }: Host): string {
  return name || words.t("this_person");
}

/** What stands over an invitation that came with the address. */
export function offerTitle({ words, settings: { organization } }: Host): string {
  return organization === "" ? words.t("offered") : words.t("offered_by", { organization });
}

/** Text that somebody else wrote, isolated so that its direction moves nothing around it. */
export function foreign(text: string): TemplateResult {
  return html`<bdi dir="auto">${text}</bdi>`;
}
