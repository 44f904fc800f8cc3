/** `value[x]` in words. */

import { conceptName } from "./concept.js";
import { dateSaid, periodSaid } from "./date.js";
import { decimal, object, text } from "./json.js";
import { foreign, phrase, type Phrase } from "./phrase.js";
import { amountSaid, limitsSaid, quantitySaid, ratioSaid, unitSaid } from "./quantity.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Say } from "./say.js";

/** The value of an observation or component; null if it states none. */
export function valueSaid(source: JsonObject, say: Say): Phrase | null {
  for (const [field, value] of Object.entries(source)) {
    const kind = /^value([A-Z]\w*)$/.exec(field)?.[1];
    const said = kind === undefined || value === null ? null : ofKind(kind, value, say);
    if (said !== null) return said;
  }
  return null;
}

function ofKind(kind: string, value: Json, say: Say): Phrase | null {
  const parts = object(value);
  if (parts === null) return plainSaid(kind, value, say);
  switch (kind) {
    case "Quantity":
      return quantitySaid(parts);
    case "CodeableConcept":
      return conceptName(parts, say.lang);
    case "Range":
      return limitsSaid(parts, false);
    case "Ratio":
      return ratioSaid(parts);
    case "Period":
      return periodSaid(parts, say);
    case "SampledData":
      return waveformSaid(parts, say);
    default:
      return phrase(foreign(kind), ` (${say.words("other_kind")})`);
  }
}

function plainSaid(kind: string, value: Json, say: Say): Phrase | null {
  const digits = decimal(value);
  if (digits !== null) return [digits.text];
  if (typeof value === "boolean") return [say.words(value ? "yes" : "no")];
  const sent = text(value);
  if (sent === null) return null;
  return kind === "DateTime" ? dateSaid(sent, say) : foreign(sent);
}

/** A waveform by its measures; its samples are in the original. */
function waveformSaid(source: JsonObject, say: Say): Phrase {
  const { words } = say;
  const samples = (text(source["data"]) ?? "").split(/\s+/).filter((sample) => sample !== "").length;
  const [period, interval] = [decimal(source["period"]), decimal(source["interval"])];
  const origin = object(source["origin"]);
  const unit = unitSaid(origin);
  const start = origin && amountSaid(origin);
  return phrase(
    `${words("waveform")}: ${words("samples", { count: samples })}`,
    period && `, ${words("period")} ${period.text} ms`,
    interval && phrase(`, ${words("interval")} ${interval.text} `, foreign(text(source["intervalUnit"]) ?? "")),
    start && unit.length > 0 ? phrase(`, ${words("unit")}`, unit) : null,
  );
}
