/** Quantities, ranges and ratios in words, with the digits that were sent. */

import { decimal, object, text } from "./json.js";
import { foreign, phrase, type Phrase } from "./phrase.js";
import type { Json, JsonObject } from "./scanner.js";
import { unitOf } from "./unit.js";

/** `<0.06 ug/ml`; null if there is no number. */
export function quantitySaid(source: Json | undefined): Phrase | null {
  const quantity = object(source);
  const amount = quantity && amountSaid(quantity);
  return amount === null ? null : phrase(amount, unitSaid(quantity));
}

/** `<0.06` */
export function amountSaid(quantity: JsonObject): Phrase | null {
  const amount = decimal(quantity["value"]);
  if (amount === null) return null;
  const comparator = text(quantity["comparator"]);
  return phrase(comparator === null ? null : foreign(comparator), amount.text);
}

/** The unit with a space before it. */
export function unitSaid(quantity: JsonObject | null): Phrase {
  const unit = quantity ? unitOf(quantity) : "";
  return unit === "" ? [] : phrase(" ", foreign(unit));
}

/** Both ends of a range, each with its unit; a unit that they share stands once if `shared`. */
export function limitsSaid(source: JsonObject, shared: boolean): Phrase | null {
  const [low, high] = [object(source["low"]), object(source["high"])];
  const [from, to] = [low && amountSaid(low), high && amountSaid(high)];
  if (from && to) {
    const once = shared && low && high && unitOf(low) === unitOf(high);
    return phrase(from, once ? null : unitSaid(low), " – ", to, unitSaid(high));
  }
  if (from) return phrase("≥ ", from, unitSaid(low));
  return to ? phrase("≤ ", to, unitSaid(high)) : null;
}

/** `15 mg / 24 h` */
export function ratioSaid(ratio: JsonObject): Phrase | null {
  const [above, below] = [quantitySaid(ratio["numerator"]), quantitySaid(ratio["denominator"])];
  return above && below ? phrase(above, " / ", below) : (above ?? below);
}
