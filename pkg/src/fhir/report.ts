/** A report: its facts, its rows, and its attachments. */

import { fromBase64 } from "../bytes.js";
import { conceptName } from "./concept.js";
import { formatDate, formatTime } from "./date.js";
import { decimal, has, list, text } from "./json.js";
import { hasNarrative, narrativeText } from "./narrative.js";
import type { Panels } from "./panel.js";
import { isOther, nameOf, named, formatPatient, type Named } from "./people.js";
import { asSent, foreign, join, letters, phrase, type Phrase } from "./phrase.js";
import { line, formatNames, type Line, type Row } from "./row.js";
import type { JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import { isSettled, statusOf, statusPhrase, statusSentence, type Status } from "./status.js";

/** A document that came with a report: to be saved, never rendered here. */
export interface Form {
  /** Title, type and size. */
  readonly content: Phrase;
  readonly contentType: string;
  readonly title: string | null;
  /** Its bytes; null if they are not in this file or damaged. */
  bytes(): Uint8Array | null;
}

export interface Report {
  readonly title: Phrase;
  /** Null for results that no report mentions. */
  readonly status: Status | null;
  readonly warnings: readonly Phrase[];
  readonly facts: readonly Line[];
  readonly rows: readonly Row[];
  /** The rows that must be read before all others. */
  readonly critical: readonly Row[];
  /** Conclusion, images. */
  readonly findings: readonly Line[];
  readonly forms: readonly Form[];
  /** The document's own words, where there are no coded results. */
  readonly narrative: Phrase | null;
  /** The names of its parts. */
  readonly labels: Readonly<Record<"critical" | "results" | "form" | "narrative", string>>;
}

export function readReport(report: JsonObject, panels: Panels): Report {
  const { formatter } = panels;
  const { words, lang } = formatter;
  const status = statusOf(report);
  const patient = named(report["subject"], report, panels);
  const facts = [
    ...line("fact", words("status"), statusPhrase(report, lang)),
    ...line("fact", words("patient"), patient && formatPatient(patient, formatter)),
    ...line("fact", words("effective"), formatTime(report, "effective", formatter)),
    ...line("fact", words("issued"), dateOf(report, "issued", formatter)),
    ...line("fact", words("performer"), formatNames(report["performer"], report, panels)),
    ...line("fact", words("interpreter"), formatNames(report["resultsInterpreter"], report, panels)),
    ...line("fact", words("specimen"), formatNames(report["specimen"], report, panels)),
  ];
  const above = new Set(facts.map(({ content }) => letters(content)));
  const rows = panels.linked(report, status, above);
  const narrative = rows.length === 0 ? narrativeText(report) : null;
  return {
    title: conceptName(report["code"], lang) ?? [words("result")],
    status,
    warnings: [
      statusSentence(status, lang),
      ...(isSettled(status) ? rowsSentences(rows, formatter) : []),
      has(report, "modifierExtension") ? words("modifier_extension") : null,
      has(report, "implicitRules") ? words("implicit_rules") : null,
      patient && isOther(patient, formatter) ? words("other_patient") : null,
      rows.length === 0 ? words("no_coded") : null,
    ].flatMap((sentence) => (sentence === null ? [] : [[sentence]])),
    facts,
    findings: findings(report, panels),
    forms: formatter.some(report["presentedForm"]).map((form) => readForm(form, formatter)),
    narrative: asSent(narrative),
    ...tableOf(rows, formatter),
  };
}

/** Results that no report mentions, all of one patient; `isAll` if there is nothing else in the document. */
export function looseResults(
  observations: readonly JsonObject[],
  patient: Named | null,
  isAll: boolean,
  panels: Panels,
): Report {
  const { formatter } = panels;
  const { words } = formatter;
  const specimen = same(observations, (one) => nameOf("specimen", one, panels));
  const performer = same(observations, (one) => formatNames(one["performer"], one, panels));
  // Facts that all rows share are shown once.
  const facts = [
    ...line("fact", words("patient"), patient && formatPatient(patient, formatter)),
    ...line("fact", words("specimen"), specimen),
    ...line("fact", words("performer"), performer),
  ];
  const above = new Set(facts.map(({ content }) => letters(content)));
  const rows = observations.flatMap((one) => (panels.shown.has(one) ? [] : panels.single(one, above)));
  return {
    title: [words(isAll ? "result" : "other_results")],
    status: null,
    warnings: [
      ...(patient && isOther(patient, formatter) ? [words("other_patient")] : []),
      ...rowsSentences(rows, formatter),
    ].map((sentence) => [sentence]),
    facts,
    findings: [],
    forms: [],
    narrative: null,
    ...tableOf(rows, formatter),
  };
}

function tableOf(rows: readonly Row[], { words }: Formatter): Pick<Report, "rows" | "critical" | "labels"> {
  return {
    rows,
    critical: rows.filter((row) => row.flags.some((flag) => flag.level === "critical")),
    labels: {
      critical: words("critical_results"),
      results: words("results"),
      form: words("form"),
      narrative: words("own_words"),
    },
  };
}

function same(
  observations: readonly JsonObject[],
  formatter: (observation: JsonObject) => Phrase | null,
): Phrase | null {
  const all = observations.map(formatter);
  const [first] = all;
  return first && all.every((one) => one && letters(one) === letters(first)) ? first : null;
}

/** Whether a report holds a text of its own that is not shown. */
export function hidesNarrative(report: JsonObject): boolean {
  return list(report["result"]).length > 0 && hasNarrative(report);
}

/** What is shown above rows of which some are not final. */
function rowsSentences(rows: readonly Row[], { words }: Formatter): string[] {
  const statuses = new Set(rows.map((row) => row.status));
  const found: string[] = [];
  if (statuses.delete("entered-in-error")) found.push(words("some_in_error"));
  if (statuses.delete("cancelled")) found.push(words("some_cancelled"));
  if (![...statuses].every(isSettled)) found.push(words("some_not_final"));
  return found;
}

function findings(report: JsonObject, panels: Panels): Line[] {
  const { formatter } = panels;
  const { words, lang } = formatter;
  return [
    ...line("note", words("conclusion"), asSent(report["conclusion"])),
    ...formatter
      .some(report["conclusionCode"])
      .flatMap((code) => line("note", words("diagnosis"), conceptName(code, lang))),
    ...formatter.some(report["media"]).flatMap((media) => {
      const names = [asSent(media["comment"]), named(media["link"], report, panels)?.content ?? null];
      return line("fact", words("image"), phrase(join(names, ", "), ` (${words("image_hidden")})`));
    }),
    ...formatter
      .some(report["imagingStudy"])
      .flatMap((study) => line("fact", words("image"), named(study, report, panels)?.content ?? null)),
  ];
}

function readForm(form: JsonObject, formatter: Formatter): Form {
  const { words } = formatter;
  const title = text(form["title"]);
  const contentType = text(form["contentType"]);
  const data = text(form["data"]);
  const isDamaged = data !== null && !isBase64(data);
  const size = data === null ? decimal(form["size"])?.value : base64Size(data);
  const measures = join(
    [
      asSent(contentType),
      size === undefined || isDamaged ? null : [formatSize(size, formatter)],
      data === null ? [words("form_elsewhere")] : isDamaged ? [words("form_damaged")] : null,
      asSent(form["url"]),
    ],
    ", ",
  );
  return {
    content: title === null ? phrase(measures) : phrase(foreign(title), " (", measures, ")"),
    contentType: contentType ?? "application/octet-stream",
    title,
    bytes: () => (data === null ? null : fromBase64(data)),
  };
}

function formatSize(size: number, formatter: Formatter): string {
  if (size < 1_024) return formatter.words("bytes", { count: formatter.count(size) });
  return formatter.words("kilobytes", {
    count: formatter.count(Math.round(size / 1_024)),
    bytes: formatter.count(size),
  });
}

function isBase64(data: string): boolean {
  const digits = data.replace(/\s/g, "");
  return digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
}

function base64Size(data: string): number {
  const digits = data.replace(/[\s=]/g, "").length;
  return Math.floor((digits * 3) / 4);
}

function dateOf(source: JsonObject, field: string, formatter: Formatter): Phrase | null {
  const sent = text(source[field]);
  return sent === null ? null : formatDate(sent, formatter);
}
