/** Units of measure: how they are shown, and whether a unit and its UCUM code can both be true. */

import { text } from "./json.js";
import type { JsonObject } from "./scanner.js";

const UCUM = "http://unitsofmeasure.org";

/** The unit to show: the laboratory's own, else the code; UCUM's `1` is no unit, braces are no letters. */
export function unitOf(quantity: JsonObject): string {
  const unit = text(quantity["unit"]) ?? text(quantity["code"]) ?? "";
  return unit === "1" ? "" : unit.replace(/[{}]/g, "");
}

/** What two quantities must share to be compared: the UCUM code, or the unit where there are no codes. */
export function comparableUnit(quantity: JsonObject): string {
  const code = ucumCode(quantity);
  return code === null ? `unit ${text(quantity["unit"]) ?? ""}` : `code ${code}`;
}

/** The UCUM code, if a quantity has one. */
export function ucumCode(quantity: JsonObject): string | null {
  const system = text(quantity["system"]);
  return system === null || system === UCUM ? text(quantity["code"]) : null;
}

/** Whether the unit is shown to readers in letters other than its code. */
export function hasOtherCode(quantity: JsonObject): boolean {
  const [unit, code] = [text(quantity["unit"]), ucumCode(quantity)];
  return unit !== null && code !== null && bare(unit) !== bare(code);
}

/** Whether unit and code are both understood and mean different units: `mmol/L` beside `mg/dL`. */
export function disagrees(quantity: JsonObject): boolean {
  if (!hasOtherCode(quantity)) return false;
  const [unit, code] = [factors(text(quantity["unit"]) ?? ""), factors(ucumCode(quantity) ?? "")];
  return unit !== null && code !== null && unit !== code;
}

/** Spellings of the same unit: `x10^9/L`, `10*9/L`; `mm[Hg]`, `mmHg`; `µmol/l`, `umol/L`. */
function bare(unit: string): string {
  return unit
    .normalize("NFKC")
    .replace(/\{[^}]*\}|[[\]\s]/g, "")
    .replace(/[µμ]/g, "u")
    .replace(/×/g, "x")
    .toLowerCase()
    .replace(/^x?10(?:\*|\^|e)?(?=\d)/, "10*")
    .replace(/^k\/(?=ul|mm3|cumm)/, "10*3/")
    .replace(/^m\/(?=ul|mm3|cumm)/, "10*6/");
}

const ATOM =
  /^(?:10\*\d+|(?:da|[kcdmunpfg])?(?:mol|osm|eq|cel|cal|kat|bar|iu|hg|pa|hz|bq|gy|sv|g|l|m|s|u|v|j|k)|mmhg|mo|min|sec|hr?|d|wk|yr?|a|%)(\d*)$/;
const SAME: Readonly<Record<string, string>> = { iu: "u", sec: "s", hr: "h", y: "a", yr: "a" };

/** The factors of a unit in one spelling; null where a part is not known here, which leaves the comparison open. */
function factors(unit: string): string | null {
  const [above = "", ...below] = bare(unit).split("/");
  const part = (words: string): string[] | null => {
    const atoms = words === "" || words === "1" ? [] : words.split(/[.·]/);
    return atoms.every((atom) => ATOM.test(atom)) ? atoms.map((atom) => SAME[atom] ?? atom).sort() : null;
  };
  const parts = [above, below.join(".")].map(part);
  return parts.includes(null) ? null : parts.map((atoms) => (atoms ?? []).join(".")).join("/");
}
