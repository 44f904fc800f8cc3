/** Quantities, ranges and ratios in words, with the digits that were sent. */

import { decimal, object, text } from "./json.js";
import { foreign, phrase, type Phrase } from "./phrase.js";
import type { Json, JsonObject } from "./scanner.js";
import { unitOf } from "./unit.js";

/** `<0.06 ug/ml`; null if there is no number. */
export function formatQuantity(source: Json | undefined): Phrase | null {
  const quantity = object(source);
  const amount = quantity && formatAmount(quantity);
  return amount === null ? null : phrase(amount, formatUnit(quantity));
}

/** `<0.06` */
export function formatAmount(quantity: JsonObject): Phrase | null {
  const digits = decimal(quantity["value"])?.text;
  // A number that was sent as text is shown as sent; nothing is compared with it.
  const amount = digits ?? text(quantity["value"]);
  if (amount === null) return null;
  const comparator = text(quantity["comparator"]);
  const sign = comparator === null ? null : foreign(/^\w/.test(comparator) ? `${comparator} ` : comparator);
  return phrase(sign, digits === undefined ? foreign(amount) : amount);
}

/** The unit with a space before it. */
export function formatUnit(quantity: JsonObject | null): Phrase {
  const unit = quantity ? unitOf(quantity) : "";
  return unit === "" ? [] : phrase(" ", foreign(unit));
}

/** Both ends of a range, each with its unit; a unit that they share stands once if `shared`. */
export function formatLimits(source: JsonObject, shared: boolean): Phrase | null {
  const [low, high] = [object(source["low"]), object(source["high"])];
  const [from, to] = [low && formatAmount(low), high && formatAmount(high)];
  if (from && to) {
    const once = shared && low && high && unitOf(low) === unitOf(high);
    return phrase(from, once ? null : formatUnit(low), " – ", to, formatUnit(high));
  }
  if (from) return phrase("≥ ", from, formatUnit(low));
  return to ? phrase("≤ ", to, formatUnit(high)) : null;
}

/** `15 mg / 24 h` */
export function formatRatio(ratio: JsonObject): Phrase | null {
  const [above, below] = [formatQuantity(ratio["numerator"]), formatQuantity(ratio["denominator"])];
  return above && below ? phrase(above, " / ", below) : (above ?? below);
}
