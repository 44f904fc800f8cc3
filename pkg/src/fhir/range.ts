/** Reference ranges, and the flag that may be computed from one. */

import { conceptName, conceptNames } from "./concept.js";
import type { Flag } from "./interpretation.js";
import { decimal, has, list, object, text } from "./json.js";
import { asSent, join, phrase, type Phrase } from "./phrase.js";
import { formatAmount, formatLimits, formatUnit } from "./quantity.js";
import { compare, type Decimal, type JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import { comparableUnit, disagrees } from "./unit.js";

/** One range: what it means, whom it is for, its limits, and its text. */
export function formatRange(range: JsonObject, formatter: Formatter): Phrase | null {
  const { words, lang } = formatter;
  const body = join([formatLimits(range, true), asSent(range["text"])], "; ");
  const groups = join(conceptNames(formatter.some(range["appliesTo"]), lang), ", ");
  const type = conceptName(range["type"], lang);
  return join(
    [
      phrase(type, type && body ? ": " : null, body),
      groups && phrase(`${words("applies_to")} `, groups),
      formatAge(object(range["age"]), formatter),
      areSwapped(range) ? [words("limits_swapped")] : null,
    ],
    " · ",
  );
}

function formatAge(age: JsonObject | null, { words }: Formatter): Phrase | null {
  if (!age) return null;
  const side = (word: "from" | "to", end: JsonObject | null): Phrase => {
    const amount = end && formatAmount(end);
    return amount ? phrase(` ${words(word)} `, amount, formatUnit(end)) : [];
  };
  const limits = phrase(side("from", object(age["low"])), side("to", object(age["high"])));
  return limits.length > 0 ? phrase(words("age"), limits) : null;
}

function areSwapped(range: JsonObject): boolean {
  const [low, high] = [limit(range, "low"), limit(range, "high")];
  return low !== null && high !== null && compare(low, high) > 0;
}

function limit(range: JsonObject, side: "low" | "high"): Decimal | null {
  return decimal(object(range[side])?.["value"]);
}

const NORMAL_SYSTEM = "http://terminology.hl7.org/CodeSystem/referencerange-meaning";

/**
 * Whether a value is within its only range, where the two can be compared without a doubt. The caller has made sure
 * that the laboratory gave no interpretation and that the result is final.
 */
export function computedFlag(source: JsonObject, { words }: Formatter): Flag | null {
  const quantity = object(source["valueQuantity"]);
  const ranges = list(source["referenceRange"]);
  const [range] = ranges;
  if (!quantity || !range || ranges.length > 1 || !isPlain(range)) return null;
  const amount = decimal(quantity["value"]);
  if (amount === null || has(quantity, "comparator") || disagrees(quantity)) return null;
  const ends = [object(range["low"]), object(range["high"])].filter((end) => end !== null);
  const comparable = ends.every(
    (end) => !has(end, "comparator") && !disagrees(end) && comparableUnit(end) === comparableUnit(quantity),
  );
  const [low, high] = [limit(range, "low"), limit(range, "high")];
  const numbers = [amount, low ?? amount, high ?? amount].map(({ value }) => value);
  if (!comparable || areSwapped(range) || (low === null && high === null) || !numbers.every(Number.isFinite))
    return null;
  const word = (level: Flag["level"], content: string): Flag => ({ level, words: [`${content}*`], computed: true });
  if (high !== null && compare(amount, high) > 0) return word("abnormal", words("flag_high"));
  if (low !== null && compare(amount, low) < 0) return word("abnormal", words("flag_low"));
  return word("normal", words("flag_in_range"));
}

/** A range for everyone, of the ordinary kind, with nothing beside its limits. */
function isPlain(range: JsonObject): boolean {
  if (["appliesTo", "age", "text", "modifierExtension"].some((field) => has(range, field))) return false;
  if (!has(range, "type")) return true;
  return list(object(range["type"])?.["coding"]).some(
    (coding) => text(coding["system"]) === NORMAL_SYSTEM && text(coding["code"]) === "normal",
  );
}
