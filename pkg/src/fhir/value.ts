/** `value[x]` in words. */

import { conceptName } from "./concept.js";
import { formatDate, formatPeriod } from "./date.js";
import { decimal, object, text } from "./json.js";
import { foreign, join, phrase, type Phrase } from "./phrase.js";
import { formatAmount, formatLimits, formatQuantity, formatRatio, formatUnit } from "./quantity.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";

/** The value of an observation or component; null if it states none. FHIR allows one; more are shown together. */
export function formatValue(source: JsonObject, formatter: Formatter): Phrase | null {
  return join(formatValues(source, formatter), "; ");
}

/** Whether the sender gave more than one value, of which only one can be meant. */
export function hasSeveralValues(source: JsonObject, formatter: Formatter): boolean {
  return formatValues(source, formatter).length > 1;
}

function formatValues(source: JsonObject, formatter: Formatter): Phrase[] {
  return Object.entries(source).flatMap(([field, value]) => {
    const kind = /^value([A-Z]\w*)$/.exec(field)?.[1];
    const content = kind === undefined || value === null ? null : formatKind(kind, value, formatter);
    return content === null ? [] : [content];
  });
}

function formatKind(kind: string, value: Json, formatter: Formatter): Phrase | null {
  const parts = object(value);
  if (parts === null) return formatPrimitive(kind, value, formatter);
  switch (kind) {
    case "Quantity":
      return formatQuantity(parts);
    case "CodeableConcept":
      return conceptName(parts, formatter.lang);
    case "Range":
      return formatLimits(parts, false);
    case "Ratio":
      return formatRatio(parts);
    case "Period":
      return formatPeriod(parts, formatter);
    case "SampledData":
      return formatWaveform(parts, formatter);
    default:
      return phrase(foreign(kind), ` (${formatter.words("other_kind")})`);
  }
}

function formatPrimitive(kind: string, value: Json, formatter: Formatter): Phrase | null {
  const digits = decimal(value);
  if (digits !== null) return [digits.text];
  if (typeof value === "boolean") return [formatter.words(value ? "yes" : "no")];
  const sent = text(value);
  if (sent === null) return null;
  return kind === "DateTime" ? formatDate(sent, formatter) : foreign(sent);
}

/** A waveform by its measures; its samples are in the original. */
function formatWaveform(source: JsonObject, formatter: Formatter): Phrase {
  const { words } = formatter;
  const samples = (text(source["data"]) ?? "").split(/\s+/).filter((sample) => sample !== "").length;
  const [period, interval] = [decimal(source["period"]), decimal(source["interval"])];
  const origin = object(source["origin"]);
  const unit = formatUnit(origin);
  const start = origin && formatAmount(origin);
  return phrase(
    `${words("waveform")}: ${words("samples", { count: samples })}`,
    period && `, ${words("period")} ${period.text} ms`,
    interval && phrase(`, ${words("interval")} ${interval.text} `, foreign(text(source["intervalUnit"]) ?? "")),
    start && unit.length > 0 ? phrase(`, ${words("unit")}`, unit) : null,
  );
}
