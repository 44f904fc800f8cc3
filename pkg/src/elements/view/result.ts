/** A result: cards on a phone, a table where there is room; critical results first, by word. */

import { html, nothing, type TemplateResult } from "lit";
import type { Form, Line, Phrase, Report, ResultDocument, Row } from "../../fhir/index.js";
import { remembered } from "../../remembered.js";
import { openPdf, saveFile } from "../media/files.js";
import { icon } from "./icons.js";
import { foreign, Part, type Host } from "./view.js";

/** What reads results; only people who get one download it. */
let fhir: typeof import("../../fhir/index.js");

/** Gives what shows a result, once what reads it is here. */
export async function readableResults(): Promise<typeof resultView> {
  fhir = await import("../../fhir/index.js");
  return resultView;
}

const documents = new WeakMap<Uint8Array, { readonly lang: string; readonly document: ResultDocument }>();

/** All that a file says; `readResult` decides what that is. */
function resultView(bytes: Uint8Array, filename: string, host: Host): TemplateResult {
  const document = read(bytes, host.words.tag);
  const view = new ResultView(host);
  return html`<div class="result" data-testid="result" data-kind=${document.kind}>
    ${document.kind === "results" ? nothing : html`<p class="file-name">${icon("file")} ${foreign(filename)}</p>`}
    ${document.warnings.map((warning) => html`<p class="result-warning">${words(warning)}</p>`)}
    ${document.plain ? html`<pre class="result-plain" tabindex="0">${words(document.plain)}</pre>` : nothing}
    ${document.reports.map((report) => view.report(report))}
    ${document.hints.map((hint) => html`<p class="hint">${words(hint)}</p>`)}
  </div>`;
}

/** Read once per language: a conversation is drawn again and again. */
function read(bytes: Uint8Array, lang: string): ResultDocument {
  const known = documents.get(bytes);
  if (known?.lang === lang) return known.document;
  const document = fhir.readResult(bytes, { lang });
  documents.set(bytes, { lang, document });
  return document;
}

/** Isolates foreign text, so that its direction moves nothing around it. */
function words(phrase: Phrase): (string | TemplateResult)[] {
  return phrase.map((part) => (part instanceof fhir.Foreign ? html`<bdi>${part.text}</bdi>` : part));
}

/** Deeper panels are not moved further in. */
const DEEPEST = 4;

/** Stays the same when a report is drawn again. */
const titleIds = new WeakMap<Report, string>();
let reports = 0;

function titleIdOf(report: Report): string {
  return remembered(titleIds, report, () => `report-${reports++}`);
}

class ResultView extends Part {
  report(report: Report): TemplateResult {
    const titleId = titleIdOf(report);
    const { critical, labels, rows } = report;
    return html`<section class="report" data-testid="report" aria-labelledby=${titleId} data-status=${report.status ?? nothing}>
      <h3 id=${titleId}>${words(report.title)}</h3>
      ${report.warnings.map((warning) => html`<p class="result-warning" data-testid="report-warning">${words(warning)}</p>`)}
      ${critical.length > 0 ? this.#critical(labels.critical, critical) : nothing}
      ${facts(report.facts)}
      ${rows.length > 0 ? this.#table(rows, titleId) : nothing}
      ${report.findings.map(({ label, content }) => html`<p class="finding"><strong>${label}: </strong>${words(content)}</p>`)}
      ${report.forms.map((form) => this.#form(labels.form, form))}
      ${
        report.narrative
          ? html`<details class="narrative"><summary>${labels.narrative}</summary><p>${words(report.narrative)}</p></details>`
          : nothing
      }
    </section>`;
  }

  #critical(label: string, rows: readonly Row[]): TemplateResult {
    return html`<div class="critical" data-testid="critical">
      <strong>${icon("stop")} ${label}</strong>
      <ul>${rows.map((row) => html`<li>${words(row.name)}: ${words(row.value ?? [])} ${flags(row)}</li>`)}</ul>
    </div>`;
  }

  /** A table whose roles are spelled out: laid out as cards, it is still one for a screen reader. */
  #table(rows: readonly Row[], titleId: string): TemplateResult {
    const columns = (["col_test", "col_result", "col_flag", "col_range"] as const).map(
      (key) => html`<th role="columnheader" scope="col">${this.t(key)}</th>`,
    );
    return html`<table class="tests" role="table" data-testid="fhir-table" aria-labelledby=${titleId}>
      <thead role="rowgroup"><tr role="row">${columns}</tr></thead>
      <tbody role="rowgroup">${rows.map((row) => this.#row(row, columns.length))}</tbody>
    </table>`;
  }

  #row(row: Row, columns: number): TemplateResult {
    const level = row.flags[0]?.level ?? "none";
    const depth = Math.min(row.path.length, DEEPEST);
    const value = row.value ? words(row.value) : [];
    const struck = row.status === "entered-in-error" && row.value !== null;
    const ranges = row.lines.filter(({ kind }) => kind === "range");
    const more = this.#more(row);
    const path = row.path.flatMap((heading) => [...words(heading), " › "]);
    return html`<tr role="row" class="test" data-testid="fhir-row" data-level=${level} data-depth=${depth} ?data-panel=${row.isPanel} data-status=${row.status}>
        <th role="rowheader" scope="row">${
          path.length > 0 ? html`<span class="hidden-text">${path}</span>` : nothing
        }<span>${words(row.name)}</span>${row.statusText ? html`<span class="row-status">${words(row.statusText)}</span>` : nothing}</th>
        <td role="cell" class=${row.isAbsent ? "value absent" : "value"}>${struck ? html`<s>${value}</s>` : value}</td>
        <td role="cell" class="flags">${flags(row)}</td>
        <td role="cell" class="ranges">${ranges.map((range) => html`<span>${words(range.content)}</span>`)}</td>
      </tr>
      ${
        more.length > 0
          ? html`<tr role="row" class="test-more" data-level=${level} data-depth=${depth} data-status=${row.status}><td role="cell" colspan=${columns}>${more}</td></tr>`
          : nothing
      }`;
  }

  /** Warnings and notes in sight, facts one step away. */
  #more(row: Row): TemplateResult[] {
    const labelled = (className: string, { label, content }: Line): TemplateResult =>
      html`<p class=${className}><strong>${label}: </strong>${words(content)}</p>`;
    const known = row.lines.filter(({ kind }) => kind === "fact");
    return [
      ...row.lines.filter(({ kind }) => kind === "warning").map((line) => labelled("result-warning", line)),
      ...row.lines.filter(({ kind }) => kind === "note").map((line) => labelled("note", line)),
      ...(known.length > 0 ? [html`<details><summary>${this.t("test_more")}</summary>${facts(known)}</details>`] : []),
    ];
  }

  /** A document that came with the report: it is saved, or a PDF opened by itself; markup is never rendered here. */
  #form(label: string, form: Form): TemplateResult {
    const bytes = form.bytes();
    const type = form.contentType.split(";")[0]?.trim().toLowerCase() ?? "";
    const name = `${plainName(form.title) || "attachment"}.${EXTENSIONS[type] ?? "bin"}`;
    return html`<p class="form row">
      <span><strong>${label}: </strong>${words(form.content)}</span>
      ${bytes && type === "application/pdf" ? html`<button type="button" class="quiet" data-testid="open_form" @click=${() => openPdf(bytes)}>${this.t("open")}</button>` : nothing}
      ${bytes ? html`<button type="button" class="quiet" data-testid="save_form" @click=${() => saveFile(bytes, name, "application/octet-stream")}>${this.t("save")}</button>` : nothing}
    </p>`;
  }
}

function facts(lines: readonly Line[]): TemplateResult {
  return html`<dl class="report-facts">${lines.map(({ label, content }) => html`<div><dt>${label}</dt><dd>${words(content)}</dd></div>`)}</dl>`;
}

function flags(row: Row): TemplateResult[] {
  return row.flags.map(
    ({ level, words: said, computed }) =>
      html`<span class="flag" data-level=${level} ?data-computed=${computed}><span>${words(said)}</span></span>`,
  );
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  "application/pdf": "pdf",
  "application/xhtml": "html",
  "application/xhtml+xml": "html",
  "text/html": "html",
  "text/plain": "txt",
  "image/jpeg": "jpg",
  "image/png": "png",
};

/** A title as part of a file name. */
function plainName(title: string | null): string {
  return (title ?? "")
    .normalize("NFC")
    .replace(/[^\p{Letter}\p{Mark}\p{Number} _-]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 80);
}
