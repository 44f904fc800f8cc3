/** The access log of a portal: the newest entries, whether they are unaltered, and exports. */

import { h, keyed, saveFile } from "../dom";
import { currentLanguage, t, type TextKey } from "../i18n";
import type { Session } from "../session";
import { Outcome } from "./parts";
import type { AuditEntry, AuditFormat } from "tessera-portal";

/** Stands for the log in place of a contact's id. */
export const LOG = "log";

const PAGE = 50;
const FORMATS = {
  ndjson: { label: "NDJSON", file: "audit-log.ndjson", type: "application/x-ndjson" },
  csv: { label: "CSV", file: "audit-log.csv", type: "text/csv" },
  fhir: { label: "FHIR", file: "audit-log.fhir.json", type: "application/fhir+json" },
} as const satisfies Record<AuditFormat, { label: string; file: string; type: string }>;

export class LogView {
  readonly element: HTMLElement;
  readonly contactId = LOG;
  readonly name = "";
  readonly #list = h("ol", { class: "log-list", "aria-label": t("log_list"), tabindex: 0, testid: "log-list" });
  readonly #older = h(
    "button",
    { type: "button", class: "quiet", testid: "log-older", click: () => this.#more() },
    t("log_older"),
  );
  readonly #outcome = new Outcome();
  #entries: readonly AuditEntry[] = [];
  #wanted = PAGE;
  #reading = false;

  constructor(private readonly session: Session) {
    const exports = Object.entries(FORMATS).map(([format, { label }]) =>
      h(
        "button",
        {
          type: "button",
          testid: `log-export-${format}`,
          "aria-label": t("log_export_as", { format: label }),
          click: () => this.#export(format as AuditFormat),
        },
        label,
      ),
    );
    const checkpoint = h(
      "button",
      { type: "button", class: "quiet", testid: "log-checkpoint", click: () => this.#checkpoint() },
      t("log_checkpoint"),
    );
    this.element = h(
      "section",
      { class: "log-view", testid: "log-view" },
      h("h3", {}, t("log")),
      h("p", { class: "hint" }, t("log_help")),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          { type: "button", class: "primary", testid: "log-verify", click: () => this.#verify() },
          t("log_verify"),
        ),
        h("span", { class: "joined", role: "group", "aria-label": t("log_export") }, ...exports),
      ),
      this.#outcome.element,
      this.#list,
      this.#older,
      h(
        "div",
        { class: "row log-foot" },
        checkpoint,
        h("a", { href: "verify.html", target: "_blank", rel: "noopener" }, t("log_page")),
      ),
    );
    this.#older.hidden = true;
  }

  update(): void {
    void this.#read();
  }

  async #read(): Promise<void> {
    const { log } = this.session;
    if (log === null || this.#reading) return;
    this.#reading = true;
    try {
      this.#entries = (await log.entries({ limit: this.#wanted })).reverse();
    } catch {
      // `verify` reports what is wrong with it.
    } finally {
      this.#reading = false;
    }
    const words = (entry: AuditEntry): string => sentence(entry, this.session.contact(entry.contact ?? null)?.name);
    keyed(
      this.#list,
      this.#entries,
      ({ index }) => String(index),
      words,
      (entry) => item(entry, words(entry)),
    );
    this.#older.hidden = (this.#entries.at(-1)?.index ?? 0) === 0;
  }

  async #more(): Promise<void> {
    this.#wanted += PAGE;
    await this.#read();
  }

  async #verify(): Promise<void> {
    const found = await this.#outcome.attempt(async () => this.session.log?.verify());
    if (!found) return;
    if (found.intact) this.#outcome.say(t("log_intact", { count: found.entries }));
    else this.#outcome.fail(t("log_broken", { index: found.index ?? "" }), "AUDIT_INVALID");
  }

  async #export(format: AuditFormat): Promise<void> {
    const text = await this.#outcome.attempt(async () => this.session.log?.export(format));
    if (text === undefined) return;
    const { file, type } = FORMATS[format];
    saveFile(new TextEncoder().encode(text), file, type);
    this.#outcome.say(t("log_exported"));
    await this.#read();
  }

  async #checkpoint(): Promise<void> {
    const made = await this.#outcome.attempt(async () => this.session.log?.checkpoint());
    if (!made) return;
    saveFile(new TextEncoder().encode(made.text), `audit-checkpoint-${made.index}.ndjson`, "application/x-ndjson");
    this.#outcome.say(t("log_kept"));
    await this.#read();
  }
}

function item(entry: AuditEntry, words: string): HTMLElement {
  const time = new Date(entry.time * 1000);
  const shown = new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }).format(time);
  return h(
    "li",
    { class: `log-item log-${entry.event}`, testid: "log-item", "data-event": entry.event },
    h(
      "span",
      { class: "log-words" },
      words,
      entry.label !== undefined && h("span", { class: "log-label" }, entry.label),
    ),
    h("time", { datetime: time.toISOString() }, shown),
  );
}

/** The entry in words; its own fields fill the gaps. */
function sentence(entry: AuditEntry, name: string | undefined): string {
  const { event } = entry;
  const key: TextKey =
    event === "exported" ? "log_exported_as" : event === "checkpoint" ? "log_signed" : `log_${event}`;
  const values = Object.fromEntries(Object.entries(entry).map(([field, value]) => [field, String(value)]));
  return t(key, { ...values, name: name || t("log_someone") });
}
