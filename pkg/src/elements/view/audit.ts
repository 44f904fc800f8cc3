/** What happened on this device, the newest first; whether the log is unaltered; and exports. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { AuditEntry, AuditFormat } from "../../index.js";
import { saveFile } from "../media/files.js";
import { Action, View, type Host } from "./view.js";

const PAGE = 50;
const FORMATS = {
  ndjson: { label: "NDJSON", file: "audit-log.ndjson", type: "application/x-ndjson" },
  csv: { label: "CSV", file: "audit-log.csv", type: "text/csv" },
  fhir: { label: "FHIR", file: "audit-log.fhir.json", type: "application/fhir+json" },
} as const satisfies Record<AuditFormat, { label: string; file: string; type: string }>;

export class Audit extends View {
  readonly #action = new Action(this.host);
  readonly #unwatch = this.session.watch(() => void this.#read());
  #entries: readonly AuditEntry[] = [];
  #wanted = PAGE;
  #isReading = false;

  constructor(host: Host) {
    super(host);
    void this.#read();
  }

  render(): TemplateResult {
    const { verifyUrl } = this.host.settings;
    const formats = Object.keys(FORMATS) as AuditFormat[];
    return html`<div class="page audit" data-testid="log-view">
      <h2 class="title" tabindex="-1">${this.t("audit")}</h2>
      <p>${this.t("audit_help")}</p>
      <div class="row">
        <button type="button" class="primary" data-testid="log-verify" @click=${this.#verify}>${this.t("audit_verify")}</button>
        <span role="group" class="row" aria-label=${this.t("audit_export")}><span class="hint" aria-hidden="true">${this.t("audit_export")}</span>${formats.map(
          (format) =>
            html`<button type="button" data-testid="log-export-${format}" aria-label=${this.t("audit_export_as", { format: FORMATS[format].label })} @click=${() => this.#export(format)}>${FORMATS[format].label}</button>`,
        )}</span>
      </div>
      ${this.#action.render()}
      <ol class="log-list" aria-label=${this.t("audit_list")} data-testid="log-list">
        ${repeat(
          this.#entries,
          ({ index }) => index,
          (entry) => this.#item(entry),
        )}
      </ol>
      ${(this.#entries.at(-1)?.index ?? 0) === 0 ? nothing : html`<button type="button" class="quiet" data-testid="log-older" @click=${this.#more}>${this.t("audit_older")}</button>`}
      <div class="row">
        <button type="button" class="quiet" data-testid="log-checkpoint" @click=${this.#checkpoint}>${this.t("audit_checkpoint")}</button>
        ${verifyUrl === null ? nothing : html`<a href=${verifyUrl} target="_blank" rel="noopener">${this.t("audit_page")}</a>`}
      </div>
    </div>`;
  }

  override close(): void {
    this.#unwatch();
  }

  #item(entry: AuditEntry): TemplateResult {
    const time = new Date(entry.time * 1000);
    return html`<li class="log-item" data-testid="log-item" data-event=${entry.event}>
      <span>${this.#sentence(entry)} ${entry.label === undefined ? nothing : html`<bdi class="label">${entry.label}</bdi>`}</span>
      <time class="hint" datetime=${time.toISOString()}>${this.host.words.dayAndTime(entry.time)}</time>
    </li>`;
  }

  /** The entry in words; its own fields fill the places. */
  #sentence(entry: AuditEntry): string {
    const values = Object.fromEntries(Object.entries(entry).map(([field, value]) => [field, String(value)]));
    const contact = entry.contact === undefined ? undefined : this.session.contact(entry.contact);
    const event = entry.event === "device" && entry.contact !== undefined ? "device_of" : entry.event;
    return this.t(`event_${event}`, { ...values, name: contact?.name || this.t("audit_someone") });
  }

  async #read(): Promise<void> {
    if (this.#isReading || !this.session.isOpen) return;
    this.#isReading = true;
    try {
      const found = (await this.session.portal.audit.entries({ limit: this.#wanted })).reverse();
      const isSame = found[0]?.head === this.#entries[0]?.head && found.length === this.#entries.length;
      this.#entries = found;
      if (!isSame) this.host.redraw();
    } catch {
      // `verify` says what is wrong with it.
    } finally {
      this.#isReading = false;
    }
  }

  #more = (): void => {
    this.#wanted += PAGE;
    void this.#read();
  };

  #verify = async (): Promise<void> => {
    const found = await this.#action.run(() => this.session.portal.audit.verify());
    if (found === undefined) return;
    if (found.intact) this.#action.say(this.t("audit_intact", { count: found.entries }));
    else this.#action.fail(this.t("audit_broken", { index: found.index ?? "" }), "AUDIT_INVALID");
  };

  async #export(format: AuditFormat): Promise<void> {
    const text = await this.#action.run(() => this.session.portal.audit.export(format));
    if (text === undefined) return;
    saveFile(text, FORMATS[format].file, FORMATS[format].type);
    this.#action.say(this.t("audit_exported"));
    await this.#read();
  }

  #checkpoint = async (): Promise<void> => {
    const made = await this.#action.run(() => this.session.portal.audit.checkpoint());
    if (made === undefined) return;
    saveFile(made.text, `audit-checkpoint-${made.index}.ndjson`, "application/x-ndjson");
    this.#action.say(this.t("audit_kept"));
    await this.#read();
  };
}
