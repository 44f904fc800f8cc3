/** One line of a result: a test, its value and what belongs to it. */

import { absentReason, conceptName } from "./concept.js";
import { formatDate, formatTime } from "./date.js";
import { statedFlags, interpretationAsSent, type Flag } from "./interpretation.js";
import { has, object, text, texts } from "./json.js";
import { nameOf, named, patientKey, type Reader } from "./people.js";
import { asSent, distinct, foreign, join, letters, phrase, type Phrase } from "./phrase.js";
import { computedFlag, formatRange } from "./range.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import { isSettled, isWithdrawn, statusPhrase, type Status } from "./status.js";
import { disagrees, hasOtherCode, ucumCode } from "./unit.js";
import { formatValue, hasSeveralValues } from "./value.js";
import type { Word } from "./words.js";

/** A labelled statement. `warning` and `note` are always visible; a `fact` may be one step away. */
export interface Line {
  readonly kind: "range" | "warning" | "note" | "fact";
  readonly label: string;
  readonly content: Phrase;
}

export interface Row {
  /** Headings above it, outermost first. */
  readonly path: readonly Phrase[];
  readonly name: Phrase;
  /** Null on a heading without a value, and where the interpretation is the result. */
  readonly value: Phrase | null;
  /** Whether `value` says why there is none. */
  readonly isAbsent: boolean;
  /** Whether rows of a panel follow, with a longer path. */
  readonly isPanel: boolean;
  readonly status: Status;
  /** The status in words where it is not simply final. */
  readonly statusText: Phrase | null;
  readonly flags: readonly Flag[];
  /** Ranges first, then warnings, notes and facts. */
  readonly lines: readonly Line[];
}

/** The context of a row. */
export interface Surroundings extends Reader {
  readonly path: readonly Phrase[];
  /** The effective status: the worst of the report's, the panel's and its own. */
  readonly status: Status;
  readonly isPanel: boolean;
  /** Whether a panel above has an interpretation, so that none is computed for its parts. */
  readonly isInterpreted: boolean;
  /** Whether something above it has an unknown modifier. */
  readonly isModified: boolean;
  readonly isInReport: boolean;
  /** The subject of the results. */
  readonly patient: string | null;
  /** What is shown above all rows: times, specimens and performers, not repeated in each row. */
  readonly above: ReadonlySet<string>;
}

/** The row of an observation, or of one of its components (`source`). */
export function rowOf(source: JsonObject, observation: JsonObject, name: Phrase, around: Surroundings): Row {
  const { formatter, status, isPanel } = around;
  const interpretation = statedFlags(source["interpretation"], formatter);
  const withdrawn = isWithdrawn(status);
  const value = formatValue(source, formatter);
  const reason = value === null ? absentReason(source, formatter.lang) : null;
  const isMissing = value === null && reason === null && !isPanel && interpretation.length === 0;
  // An extension may contain data that is not read here.
  const missing = isMissing ? [formatter.words(has(source, "extension") ? "other_kind" : "no_value")] : null;
  return {
    path: around.path,
    name,
    value: value ?? reason ?? missing,
    isAbsent: value === null,
    isPanel,
    status,
    statusText: source === observation ? ownStatus(observation, formatter) : null,
    flags: withdrawn ? [] : interpretation.length > 0 ? interpretation : computed(source, around),
    lines: lines(source, observation, withdrawn, around),
  };
}

/** The row of something that a report or a panel names and the document does not hold as an observation. */
export function missingRow(name: Phrase, isElsewhere: boolean, { path, status, formatter }: Surroundings): Row {
  const value = [formatter.words(isElsewhere ? "not_here" : "other_kind")];
  return { path, name, value, isAbsent: true, isPanel: false, status, statusText: null, flags: [], lines: [] };
}

function ownStatus(observation: JsonObject, formatter: Formatter): Phrase | null {
  return text(observation["status"]) === "final" ? null : statusPhrase(observation, formatter.lang);
}

function computed(source: JsonObject, { formatter, status, isInterpreted, isModified }: Surroundings): Flag[] {
  const isDoubtful = has(source, "dataAbsentReason") || hasSeveralValues(source, formatter);
  const isChanged = isModified || has(source, "modifierExtension");
  const silent = !isInterpreted && !has(source, "interpretation") && !isChanged && !isDoubtful;
  const flag = silent && isSettled(status) ? computedFlag(source, formatter) : null;
  return flag ? [flag] : [];
}

function lines(source: JsonObject, observation: JsonObject, withdrawn: boolean, around: Surroundings): Line[] {
  const { formatter } = around;
  /** The objects of a field, and what stands there as text. */
  const all = (kind: "range" | "note", field: string, format: (one: JsonObject) => Phrase | null): Line[] =>
    [...formatter.some(source[field]).map(format), ...texts(source[field]).map(foreign)].flatMap((content) =>
      line(kind, formatter.words(kind), content),
    );
  return [
    ...all("range", "referenceRange", (range) => formatRange(range, formatter)),
    ...warnings(source, withdrawn, around),
    ...all("note", "note", (note) => formatNote(note, observation, around)),
    ...(source === observation ? facts(observation, around) : []),
  ];
}

/** A line, if it has content. */
export function line(kind: Line["kind"], label: string, content: Phrase | null): Line[] {
  return content === null || content.length === 0 ? [] : [{ kind, label, content }];
}

function warnings(source: JsonObject, withdrawn: boolean, { formatter }: Surroundings): Line[] {
  const { words, lang } = formatter;
  const sentence = (word: Word): Line[] => line("warning", words("warning"), [words(word)]);
  const isExplained = has(source, "dataAbsentReason") && formatValue(source, formatter) !== null;
  return [
    ...(withdrawn ? interpretationAsSent(source["interpretation"], formatter) : []).flatMap((sent) =>
      line("note", words("withdrawn"), sent),
    ),
    ...quantities(source).flatMap((quantity) => {
      if (disagrees(quantity)) return line("warning", words("warning"), unitWarning(quantity, formatter));
      return hasOtherCode(quantity) ? line("fact", words("unit_code"), foreign(ucumCode(quantity) ?? "")) : [];
    }),
    ...(has(source, "modifierExtension") ? sentence("modifier_extension") : []),
    ...(has(source, "implicitRules") ? sentence("implicit_rules") : []),
    ...(hasSeveralValues(source, formatter) ? sentence("several_values") : []),
    ...(isExplained ? line("note", words("reason"), absentReason(source, lang)) : []),
  ];
}

/** Facts of an observation that are not already shown above all rows. */
function facts(observation: JsonObject, around: Surroundings): Line[] {
  const { formatter, resources, above, isInReport, patient } = around;
  const { words, lang } = formatter;
  const unlessAbove = (label: string, content: Phrase | null): Line[] =>
    content !== null && above.has(letters(content)) ? [] : line("fact", label, content);
  const minute = (field: string): string | undefined => text(observation[field])?.slice(0, 16);
  const issued = text(observation["issued"]);
  const isIssuedLater = !isInReport && issued !== null && minute("issued") !== minute("effectiveDateTime");
  const own = patientKey(observation, resources);
  const isOtherPatient = own !== null && patient !== null && own !== patient;
  return [
    ...(isOtherPatient ? line("warning", words("patient"), nameOf("subject", observation, around)) : []),
    // Not about the patient, but about a fetus, a donor or a device.
    ...line("note", words("about"), formatNames(observation["focus"], observation, around)),
    ...unlessAbove(words("effective"), formatTime(observation, "effective", formatter)),
    ...(isIssuedLater ? line("fact", words("issued"), formatDate(issued, formatter)) : []),
    ...unlessAbove(words("specimen"), nameOf("specimen", observation, around)),
    ...line("fact", words("body_site"), conceptName(observation["bodySite"], lang)),
    ...line("fact", words("method"), conceptName(observation["method"], lang)),
    ...line("fact", words("device"), nameOf("device", observation, around)),
    ...unlessAbove(words("performer"), formatNames(observation["performer"], observation, around)),
  ];
}

function unitWarning(quantity: JsonObject, { words }: Formatter): Phrase {
  const places = words("unit_differs", { unit: "\u0000", code: "\u0000" }).split("\u0000");
  const [before = "", between = "", after = ""] = places;
  return phrase(before, foreign(text(quantity["unit"]) ?? ""), between, foreign(ucumCode(quantity) ?? ""), after);
}

/** Every quantity whose unit a row shows. */
function quantities(source: JsonObject): JsonObject[] {
  const ratio = object(source["valueRatio"]);
  const range = object(source["valueRange"]);
  const all: (Json | undefined)[] = [
    source["valueQuantity"],
    range?.["low"],
    ratio?.["numerator"],
    ratio?.["denominator"],
  ];
  return all.map(object).filter((quantity) => quantity !== null);
}

/** A note with its author and time. */
function formatNote(note: JsonObject, from: JsonObject, reader: Reader): Phrase | null {
  const plain = asSent(note["text"]);
  if (plain === null) return null;
  const author = asSent(note["authorString"]) ?? named(note["authorReference"], from, reader)?.content;
  const time = text(note["time"]);
  const about = join([author ?? null, time === null ? null : formatDate(time, reader.formatter)], ", ");
  return phrase(plain, about && phrase(" (", about, ")"));
}

/** Several references by name, in one phrase. */
export function formatNames(source: Json | undefined, from: JsonObject, reader: Reader): Phrase | null {
  const names = reader.formatter.some(source).map((link) => named(link, from, reader)?.content ?? null);
  return join(distinct(names), ", ");
}
