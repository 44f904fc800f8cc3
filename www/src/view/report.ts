/** A result: cards on a phone, a table where there is room; critical results first. */

import {
  Foreign,
  type Form,
  type Line,
  type Phrase,
  type Report,
  type ResultDocument,
  type Row,
} from "tessera-portal/fhir";
import { freshId, h, openPdf, saveFile, type Child } from "../dom";
import { t, type TextKey } from "../i18n";

/** All that a document says; `readResult` of the package decides what that is. */
export function resultView(document: ResultDocument): HTMLElement {
  return h(
    "div",
    { class: "result", testid: "result", "data-kind": document.kind },
    ...document.warnings.map((warning) => h("p", { class: "result-warning" }, ...phraseNodes(warning))),
    document.plain && h("pre", { class: "result-plain", tabindex: 0 }, ...phraseNodes(document.plain)),
    ...document.reports.map(reportView),
    ...document.hints.map((hint) => h("p", { class: "hint" }, ...phraseNodes(hint))),
  );
}

/** Foreign text stands by itself, so that its direction moves nothing around it. */
function phraseNodes(phrase: Phrase): Child[] {
  return phrase.map((part) => (part instanceof Foreign ? h("bdi", {}, part.text) : part));
}

function reportView(report: Report): HTMLElement {
  const titleId = freshId("report");
  const { critical, labels } = report;
  return h(
    "section",
    { class: "report", testid: "report", "aria-labelledby": titleId, "data-status": report.status },
    h("h4", { id: titleId }, ...phraseNodes(report.title)),
    ...report.warnings.map((warning) =>
      h("p", { class: "result-warning", testid: "report-warning" }, ...phraseNodes(warning)),
    ),
    critical.length > 0 && criticalView(labels.critical, critical),
    factList(report.facts),
    report.rows.length > 0 && table(report.rows, titleId),
    ...report.findings.map((finding) =>
      h("p", { class: "finding" }, h("strong", {}, `${finding.label}: `), ...phraseNodes(finding.content)),
    ),
    ...report.forms.map((form) => formView(labels.form, form)),
    report.narrative &&
      h(
        "details",
        { class: "narrative" },
        h("summary", {}, labels.narrative),
        h("p", {}, ...phraseNodes(report.narrative)),
      ),
  );
}

function criticalView(label: string, rows: readonly Row[]): HTMLElement {
  return h(
    "div",
    { class: "critical", testid: "critical" },
    h("strong", {}, label),
    h(
      "ul",
      {},
      ...rows.map((row) =>
        h("li", {}, ...phraseNodes(row.name), ": ", ...phraseNodes(row.value ?? []), " ", ...flags(row)),
      ),
    ),
  );
}

function factList(facts: readonly Line[]): HTMLElement {
  return h(
    "dl",
    { class: "report-facts" },
    ...facts.map(({ label, content: fact }) => h("div", {}, h("dt", {}, label), h("dd", {}, ...phraseNodes(fact)))),
  );
}

const COLUMNS = ["col_test", "col_result", "col_flag", "col_range"] as const satisfies readonly TextKey[];

/** A table whose roles are spelled out: laid out as cards, it is still one for a screen reader. */
function table(rows: readonly Row[], titleId: string): HTMLElement {
  return h(
    "table",
    { class: "tests", role: "table", testid: "fhir-table", "aria-labelledby": titleId },
    h(
      "thead",
      { role: "rowgroup" },
      h("tr", { role: "row" }, ...COLUMNS.map((column) => h("th", { role: "columnheader", scope: "col" }, t(column)))),
    ),
    h("tbody", { role: "rowgroup" }, ...rows.flatMap(tableRows)),
  );
}

/** Deeper panels are not moved further in. */
const DEEPEST = 4;

function tableRows(row: Row): HTMLElement[] {
  const level = row.flags[0]?.level ?? "none";
  const isError = row.status === "entered-in-error";
  const attributes = {
    role: "row",
    "data-level": level,
    "data-depth": Math.min(row.path.length, DEEPEST),
    "data-panel": row.isPanel,
    "data-status": row.status,
  };
  const value = row.value ? phraseNodes(row.value) : [];
  const ranges = row.lines.filter(({ kind }) => kind === "range");
  const main = h(
    "tr",
    { ...attributes, class: "test", testid: "fhir-row" },
    h(
      "th",
      { role: "rowheader", scope: "row" },
      row.path.length > 0 &&
        h("span", { class: "visually-hidden" }, ...row.path.flatMap((heading) => [...phraseNodes(heading), " › "])),
      h("span", {}, ...phraseNodes(row.name)),
      row.statusText && h("span", { class: "row-status" }, ...phraseNodes(row.statusText)),
    ),
    h(
      "td",
      { role: "cell", class: row.isAbsent ? "value absent" : "value" },
      ...(isError && row.value ? [h("s", {}, ...value)] : value),
    ),
    h("td", { role: "cell", class: "flags" }, ...flags(row)),
    h("td", { role: "cell", class: "ranges" }, ...ranges.map((range) => h("span", {}, ...phraseNodes(range.content)))),
  );
  const more = moreOf(row);
  if (more.length === 0) return [main];
  const cell = h("td", { role: "cell", colspan: COLUMNS.length }, ...more);
  return [main, h("tr", { ...attributes, class: "test-more" }, cell)];
}

/** Warnings and notes in sight, facts one step away. */
function moreOf(row: Row): HTMLElement[] {
  const labelled = (className: string, { label, content: words }: Line): HTMLElement =>
    h("p", { class: className }, h("strong", {}, `${label}: `), ...phraseNodes(words));
  const facts = row.lines.filter(({ kind }) => kind === "fact");
  return [
    ...row.lines.filter(({ kind }) => kind === "warning").map((line) => labelled("result-warning", line)),
    ...row.lines.filter(({ kind }) => kind === "note").map((line) => labelled("note", line)),
    ...(facts.length > 0 ? [h("details", {}, h("summary", {}, t("test_more")), factList(facts))] : []),
  ];
}

function flags(row: Row): HTMLElement[] {
  return row.flags.map(({ level, words, computed }) =>
    h("span", { class: "flag", "data-level": level, "data-computed": computed }, h("span", {}, ...phraseNodes(words))),
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

/** A document that came with the report: it is saved, or a PDF opened by itself; markup is never rendered here. */
function formView(label: string, form: Form): HTMLElement {
  const bytes = form.bytes();
  const type = form.contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  const name = `${plainName(form.title) || "attachment"}.${EXTENSIONS[type] ?? "bin"}`;
  const button = (key: TextKey, click: () => void): HTMLElement =>
    h("button", { type: "button", class: "quiet", testid: key, click }, t(key));
  return h(
    "p",
    { class: "form" },
    h("span", {}, h("strong", {}, `${label}: `), ...phraseNodes(form.content)),
    bytes && type === "application/pdf" && button("open_form", () => openPdf(bytes)),
    bytes && button("save_form", () => saveFile(bytes, name, "application/octet-stream")),
  );
}

/** A title as part of a file name. */
function plainName(title: string | null): string {
  return (title ?? "")
    .normalize("NFC")
    .replace(/[^\p{Letter}\p{Mark}\p{Number} _-]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 80);
}
