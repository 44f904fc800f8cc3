/** A FHIR document as results: every report, and every observation that no report mentions. */

import { object, text } from "./json.js";
import { MAX_DEPTH, Panels } from "./panel.js";
import { named, patientKey, type Named } from "./people.js";
import { Foreign, foreign, join, phrase, type Phrase } from "./phrase.js";
import { Resources } from "./reference.js";
import { hidesNarrative, looseResults, readReport, type Report } from "./report.js";
import { scan, type JsonObject } from "./scanner.js";
import { Formatter, type ResultOptions } from "./formatter.js";

/** `results`, or why there are none: another kind of FHIR, another format, or an unreadable file. */
export type DocumentKind = "results" | "other" | "xml" | "ndjson" | "hl7v2" | "empty" | "unreadable";

export interface ResultDocument {
  readonly kind: DocumentKind;
  /** Shown before any result; for other kinds than `results`, what the file is. */
  readonly warnings: readonly Phrase[];
  readonly reports: readonly Report[];
  /** Shown after the results. */
  readonly hints: readonly Phrase[];
  /** The message itself, if it is HL7 v2. */
  readonly plain: Phrase | null;
}

/**
 * The content of a file, in words. Foreign text is unchanged; no content of a file makes this fail.
 * Options of a wrong type throw `INVALID_ARGUMENT`.
 */
export function readResult(bytes: Uint8Array, options: ResultOptions = {}): ResultDocument {
  const formatter = new Formatter(options);
  try {
    return isHl7v2(bytes) ? readHl7v2(bytes, formatter) : readText(utf8(bytes), formatter);
  } catch {
    return without("unreadable", [formatter.words("unreadable")]);
  }
}

function readText(source: string, formatter: Formatter): ResultDocument {
  const { words } = formatter;
  const start = source.slice(0, 4_096).trimStart();
  if (start === "") return without("empty", [words("empty_file")]);
  if (start.startsWith("<") && source.includes("http://hl7.org/fhir")) return without("xml", [words("xml")]);
  try {
    const { root, repeated } = scan(source);
    const resource = object(root);
    if (resource === null || text(resource["resourceType"]) === null)
      return without("unreadable", [words("unreadable")]);
    return readResource(resource, repeated, formatter);
  } catch (error) {
    if (error instanceof SyntaxError && isNdjson(source)) return without("ndjson", [words("ndjson")]);
    throw error;
  }
}

/** A message or a batch, with or without the frame in which it travels over TCP. */
export function isHl7v2(bytes: Uint8Array): boolean {
  return /^\s*(?:MSH|FHS|BHS)[^\w\s]/.test(LATIN1.decode(bytes.subarray(0, 64)));
}

/** HL7 v2 as text, in the character set that its MSH-18 names; UTF-8 where it is valid. */
function readHl7v2(bytes: Uint8Array, { words }: Formatter): ResultDocument {
  const plain = foreign(decodeHl7v2(bytes));
  const document = { ...without("hl7v2", [words("hl7v2")]), plain };
  return holdsCut(plain) ? { ...document, warnings: [...document.warnings, [words("more_text")]] } : document;
}

function decodeHl7v2(bytes: Uint8Array): string {
  try {
    return utf8(bytes);
  } catch {
    const header =
      LATIN1.decode(bytes)
        .trimStart()
        .split(/[\r\n]/, 1)[0] ?? "";
    const [, part] = /^8859\/(\d{1,2})/.exec(header.split(header.charAt(3))[17] ?? "") ?? [];
    return part === undefined ? LATIN1.decode(bytes) : new TextDecoder(`iso-8859-${part}`).decode(bytes);
  }
}

const LATIN1 = new TextDecoder("latin1");

function utf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

/** Several resources, each on its line. */
function isNdjson(source: string): boolean {
  const [first = "", second = ""] = source.split("\n", 2);
  return [first, second].every((line) => line.trim() !== "" && object(scan(line).root)?.["resourceType"] !== undefined);
}

function readResource(root: JsonObject, repeated: number, formatter: Formatter): ResultDocument {
  const { words } = formatter;
  const resources = new Resources(root);
  const panels = new Panels(resources, formatter);
  const sources = ofType(resources, "DiagnosticReport");
  const observations = ofType(resources, "Observation");
  const reports = sources.map((report) => readReport(report, panels));
  const loose = looseGroups(observations, reports.length === 0, panels);
  if (reports.length + loose.length === 0 && resources.skippedBundles === 0)
    return without("other", phrase(words("no_result"), " ", join(types(resources), ", ")));
  const warnings: string[] = [];
  if (repeated > 0) warnings.push(words("repeated_names"));
  if (resources.isModified) warnings.push(words("document_rules"));
  const patients = new Set([...sources, ...observations].flatMap((source) => patientKey(source, resources) ?? []));
  if (patients.size > 1) warnings.push(words("several_patients"));
  const unseen = observations.filter((observation) => !panels.shown.has(observation)).length;
  const missed = Math.max(unseen, panels.refused);
  if (missed > 0)
    warnings.push(missed === 1 ? words("more_rows_one") : words("more_rows", { count: formatter.count(missed) }));
  if (panels.isTooDeep) warnings.push(words("more_levels", { count: MAX_DEPTH }));
  if (resources.skippedBundles > 0) warnings.push(words("more_bundles", { count: resources.skippedBundles }));
  const all = [...reports, ...loose];
  if (formatter.hasCut || holdsCut(all)) warnings.push(words("more_text"));
  const hints: string[] = [];
  if (all.some(({ rows }) => rows.some((row) => row.flags.some((flag) => flag.computed))))
    hints.push(words("computed_hint"));
  if (sources.some(hidesNarrative)) hints.push(words("narrative_hidden"));
  const content = (sentence: string): Phrase => [sentence];
  return { kind: "results", warnings: warnings.map(content), reports: all, hints: hints.map(content), plain: null };
}

/** Observations that no report shows, by patient; a panel's member stands below its panel. */
function looseGroups(observations: readonly JsonObject[], isAll: boolean, panels: Panels): Report[] {
  const left = observations.filter((observation) => !panels.shown.has(observation));
  const members = panels.membersOf(left);
  const groups = new Map<string, { patient: Named | null; observations: JsonObject[] }>();
  for (const isMember of [false, true]) {
    for (const observation of left) {
      if (members.has(observation) !== isMember) continue;
      const key = patientKey(observation, panels.resources) ?? "";
      const group = groups.get(key) ?? {
        patient: named(observation["subject"], observation, panels),
        observations: [],
      };
      group.observations.push(observation);
      groups.set(key, group);
    }
  }
  return [...groups.values()]
    .map((group) => looseResults(group.observations, group.patient, isAll, panels))
    .filter(({ rows }) => rows.length > 0);
}

/** Whether some text of the model goes on in the original. */
function holdsCut(value: unknown): boolean {
  if (value instanceof Foreign) return value.isCut;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsCut);
}

function ofType(resources: Resources, type: string): JsonObject[] {
  return resources.all.filter((resource) => resource["resourceType"] === type);
}

/** What kinds of resources a document holds, most of them first. */
function types(resources: Resources): Phrase[] {
  const counts = new Map<string, number>();
  for (const resource of resources.all) {
    const type = text(resource["resourceType"]) ?? "?";
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  const most = [...counts].sort(([, one], [, other]) => other - one).slice(0, 12);
  return most.map(([type, count]) => (count === 1 ? foreign(type) : [...foreign(type), ` (${count})`]));
}

function without(kind: Exclude<DocumentKind, "results">, content: Phrase): ResultDocument {
  return { kind, warnings: [content], reports: [], hints: [], plain: null };
}
