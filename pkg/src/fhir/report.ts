/** A report: what it says about itself, its rows, and what is attached. */

import { conceptName } from "./concept.js";
import { dateSaid, timeSaid } from "./date.js";
import { decimal, has, list, text } from "./json.js";
import { hasNarrative, narrativeText } from "./narrative.js";
import type { Panels } from "./panel.js";
import { isOther, named, patientSaid, type Named } from "./people.js";
import { foreign, join, letters, phrase, type Phrase } from "./phrase.js";
import { line, namesSaid, type Line, type Row } from "./row.js";
import type { JsonObject } from "./scanner.js";
import type { Say } from "./say.js";
import { isSettled, statusOf, statusPhrase, statusSentence, type Status } from "./status.js";

/** A document that came with a report: to be saved, never rendered here. */
export interface Form {
  /** Title, type and size. */
  readonly said: Phrase;
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
  /** Those of the rows that need a look before all others. */
  readonly critical: readonly Row[];
  /** Conclusion, images. */
  readonly findings: readonly Line[];
  readonly forms: readonly Form[];
  /** The document's own words, where there are no coded results. */
  readonly narrative: Phrase | null;
  /** What its parts are called. */
  readonly labels: Readonly<Record<"critical" | "results" | "form" | "narrative", string>>;
}

export function readReport(report: JsonObject, panels: Panels): Report {
  const { resources, say } = panels;
  const { words, lang } = say;
  const status = statusOf(report);
  const patient = named(report["subject"], report, resources, say);
  const facts = [
    ...line("fact", words("status"), statusPhrase(report, lang)),
    ...line("fact", words("patient"), patient && patientSaid(patient, say)),
    ...line("fact", words("effective"), timeSaid(report, "effective", say)),
    ...line("fact", words("issued"), dateOf(report, "issued", say)),
    ...line("fact", words("performer"), namesSaid(report["performer"], report, panels)),
    ...line("fact", words("interpreter"), namesSaid(report["resultsInterpreter"], report, panels)),
    ...line("fact", words("specimen"), namesSaid(report["specimen"], report, panels)),
  ];
  const above = new Set(facts.map(({ said }) => letters(said)));
  const rows = panels.linked(report, status, above);
  const narrative = rows.length === 0 ? narrativeText(report) : null;
  return {
    title: conceptName(report["code"], lang) ?? [words("result")],
    status,
    warnings: [
      statusSentence(status, lang),
      ...(isSettled(status) ? rowsSentences(rows, say) : []),
      has(report, "modifierExtension") ? words("modifier_extension") : null,
      has(report, "implicitRules") ? words("implicit_rules") : null,
      patient && isOther(patient, say) ? words("other_patient") : null,
      rows.length === 0 ? words("no_coded") : null,
    ].flatMap((sentence) => (sentence === null ? [] : [[sentence]])),
    facts,
    findings: findings(report, panels),
    forms: list(report["presentedForm"]).map((form) => readForm(form, say)),
    narrative: narrative === null ? null : foreign(narrative),
    ...tableOf(rows, say),
  };
}

/** Results that no report mentions, all of one patient; `isAll` if there is nothing else in the document. */
export function looseResults(
  observations: readonly JsonObject[],
  patient: Named | null,
  isAll: boolean,
  panels: Panels,
): Report {
  const { say } = panels;
  const { words } = say;
  const specimen = same(observations, (one) => named(one["specimen"], one, panels.resources, say)?.said ?? null);
  const performer = same(observations, (one) => namesSaid(one["performer"], one, panels));
  // What is the same for all is said once.
  const facts = [
    ...line("fact", words("patient"), patient && patientSaid(patient, say)),
    ...line("fact", words("specimen"), specimen),
    ...line("fact", words("performer"), performer),
  ];
  const above = new Set(facts.map(({ said }) => letters(said)));
  const rows = observations.flatMap((one) => (panels.shown.has(one) ? [] : panels.single(one, above)));
  return {
    title: [words(isAll ? "result" : "other_results")],
    status: null,
    warnings: [...(patient && isOther(patient, say) ? [words("other_patient")] : []), ...rowsSentences(rows, say)].map(
      (sentence) => [sentence],
    ),
    facts,
    findings: [],
    forms: [],
    narrative: null,
    ...tableOf(rows, say),
  };
}

function tableOf(rows: readonly Row[], { words }: Say): Pick<Report, "rows" | "critical" | "labels"> {
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

function same(observations: readonly JsonObject[], say: (observation: JsonObject) => Phrase | null): Phrase | null {
  const all = observations.map(say);
  const [first] = all;
  return first && all.every((one) => one && letters(one) === letters(first)) ? first : null;
}

/** Whether a report holds a text of its own that is not shown. */
export function hidesNarrative(report: JsonObject): boolean {
  return list(report["result"]).length > 0 && hasNarrative(report);
}

/** What is said above rows of which some are not final. */
function rowsSentences(rows: readonly Row[], { words }: Say): string[] {
  const statuses = new Set(rows.map((row) => row.status));
  const found: string[] = [];
  if (statuses.delete("entered-in-error")) found.push(words("some_in_error"));
  if (statuses.delete("cancelled")) found.push(words("some_cancelled"));
  if (![...statuses].every(isSettled)) found.push(words("some_not_final"));
  return found;
}

function findings(report: JsonObject, panels: Panels): Line[] {
  const { say, resources } = panels;
  const { words, lang } = say;
  const conclusion = text(report["conclusion"]);
  return [
    ...line("note", words("conclusion"), conclusion === null ? null : foreign(conclusion)),
    ...list(report["conclusionCode"]).flatMap((code) => line("note", words("diagnosis"), conceptName(code, lang))),
    ...list(report["media"]).flatMap((media) => {
      const comment = text(media["comment"]);
      const names = [
        comment === null ? [] : foreign(comment),
        named(media["link"], report, resources, say)?.said ?? [],
      ];
      const said = names.filter((name) => name.length > 0);
      return line("fact", words("image"), phrase(join(said, ", "), ` (${words("image_hidden")})`));
    }),
    ...list(report["imagingStudy"]).flatMap((study) =>
      line("fact", words("image"), named(study, report, resources, say)?.said ?? null),
    ),
  ];
}

function readForm(form: JsonObject, say: Say): Form {
  const { words } = say;
  const title = text(form["title"]);
  const contentType = text(form["contentType"]);
  const data = text(form["data"]);
  const url = text(form["url"]);
  const size = data === null ? decimal(form["size"])?.value : base64Size(data);
  const measures = join(
    [
      contentType === null ? [] : foreign(contentType),
      size === undefined ? [] : [sizeSaid(size, say)],
      data === null ? [words("form_elsewhere")] : [],
      url === null ? [] : foreign(url),
    ].filter((part) => part.length > 0),
    ", ",
  );
  return {
    said: title === null ? measures : phrase(foreign(title), " (", measures, ")"),
    contentType: contentType ?? "application/octet-stream",
    title,
    bytes: () => (data === null ? null : fromBase64(data)),
  };
}

function sizeSaid(size: number, say: Say): string {
  if (size < 1_024) return say.words("bytes", { count: say.count(size) });
  return say.words("kilobytes", { count: say.count(Math.round(size / 1_024)), bytes: say.count(size) });
}

function base64Size(data: string): number {
  const digits = data.replace(/[\s=]/g, "").length;
  return Math.floor((digits * 3) / 4);
}

function fromBase64(data: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(data.replace(/\s/g, "")), (byte) => byte.charCodeAt(0));
  } catch {
    return null;
  }
}

function dateOf(source: JsonObject, field: string, say: Say): Phrase | null {
  const sent = text(source[field]);
  return sent === null ? null : dateSaid(sent, say);
}
