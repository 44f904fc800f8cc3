/**
 * Reads a FHIR R4 DiagnosticReport, Observation or Bundle into rows. Nothing is guessed: what the document does not
 * say is shown as missing, and a flag that is computed here says so. The narrative (`text.div`) is never rendered:
 * it is foreign markup, and may differ from the structured values.
 */

export type Flag = "high" | "low" | "normal" | "abnormal" | null;

export interface Row {
  readonly test: string;
  readonly value: string | null;
  readonly unit: string;
  readonly range: string;
  readonly flag: Flag;
  /** True when the flag was derived from the range rather than stated by the laboratory. */
  readonly computed: boolean;
}

export interface Report {
  readonly title: string;
  readonly status: string;
  readonly effective: string | null;
  readonly issued: string | null;
  readonly performer: string | null;
  readonly rows: readonly Row[];
}

/** A JSON number that keeps the digits it was written with: in FHIR, 2.0 says more than 2. */
class Decimal {
  constructor(
    readonly value: number,
    readonly text: string,
  ) {}
}

type Json = Record<string, unknown>;

/** The reports in a document, or null if it is not FHIR that a table can show. */
export function readReports(bytes: Uint8Array): Report[] | null {
  let root: unknown;
  try {
    root = parseKeepingDecimals(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  if (!isObject(root)) return null;
  const index = new Map<string, Json>();
  const resources = collect(root, index);
  const reports = resources.filter((resource) => resource["resourceType"] === "DiagnosticReport");
  const shown = reports.map((report) => fromReport(report, index));
  if (shown.length > 0) return shown;
  const observations = resources.filter((resource) => resource["resourceType"] === "Observation");
  if (observations.length === 0) return null;
  return [{ title: "", status: text(observations[0]?.["status"]) ?? "", effective: null, issued: null, performer: null, rows: observations.flatMap(fromObservation) }];
}

function parseKeepingDecimals(source: string): unknown {
  // The third argument exists in current engines; without it the number's shortest form is shown.
  const reviver = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" ? new Decimal(value, context?.source ?? String(value)) : value;
  return JSON.parse(source, reviver as (key: string, value: unknown) => unknown);
}

function collect(root: Json, index: Map<string, Json>): Json[] {
  const found: Json[] = [];
  const add = (resource: Json, fullUrl: string | null): void => {
    found.push(resource);
    const id = text(resource["id"]);
    if (id) index.set(`${String(resource["resourceType"])}/${id}`, resource);
    if (fullUrl) index.set(fullUrl, resource);
    for (const contained of list(resource["contained"])) {
      const inner = text(contained["id"]);
      if (inner) index.set(`#${inner}`, contained);
    }
  };
  if (root["resourceType"] === "Bundle") {
    for (const entry of list(root["entry"])) {
      if (isObject(entry["resource"])) add(entry["resource"], text(entry["fullUrl"]));
    }
  } else {
    add(root, null);
  }
  return found;
}

function fromReport(report: Json, index: Map<string, Json>): Report {
  const rows = list(report["result"]).flatMap((link): Row[] => {
    const reference = text(link["reference"]);
    const observation = reference === null ? undefined : index.get(reference);
    if (observation) return fromObservation(observation);
    return [{ test: text(link["display"]) ?? reference ?? "?", value: null, unit: "", range: "", flag: null, computed: false }];
  });
  const performers = list(report["performer"]).map((performer) => text(performer["display"])).filter((name) => name !== null);
  return {
    title: concept(report["code"]) ?? "",
    status: text(report["status"]) ?? "",
    effective: text(report["effectiveDateTime"]),
    issued: text(report["issued"]),
    performer: performers.length > 0 ? performers.join(", ") : null,
    rows,
  };
}

function fromObservation(observation: Json): Row[] {
  const own = row(observation, concept(observation["code"]) ?? "?");
  const parts = list(observation["component"]).map((part) => row(part, `${own.test} · ${concept(part["code"]) ?? "?"}`));
  return own.value === null && parts.length > 0 ? parts : [own, ...parts];
}

function row(source: Json, test: string): Row {
  const quantity = isObject(source["valueQuantity"]) ? source["valueQuantity"] : null;
  const ranges = list(source["referenceRange"]);
  const stated = statedFlag(source["interpretation"]);
  const computed = stated === null && quantity ? flagFromRange(quantity, ranges) : null;
  return {
    test,
    value: value(source),
    unit: quantity ? (text(quantity["unit"]) ?? text(quantity["code"]) ?? "") : "",
    range: ranges.map(rangeText).filter(Boolean).join("; "),
    flag: stated ?? computed,
    computed: computed !== null,
  };
}

function value(source: Json): string | null {
  const quantity = source["valueQuantity"];
  if (isObject(quantity)) {
    const amount = quantity["value"];
    return amount instanceof Decimal ? `${text(quantity["comparator"]) ?? ""}${amount.text}` : null;
  }
  if (source["valueInteger"] instanceof Decimal) return source["valueInteger"].text;
  if (typeof source["valueBoolean"] === "boolean") return String(source["valueBoolean"]);
  const range = source["valueRange"];
  if (isObject(range)) return rangeText(range) || null;
  for (const key of ["valueString", "valueDateTime", "valueTime"]) {
    const plain = text(source[key]);
    if (plain !== null) return plain;
  }
  return concept(source["valueCodeableConcept"]) ?? concept(source["dataAbsentReason"]);
}

function rangeText(range: Json): string {
  const plain = text(range["text"]);
  if (plain !== null) return plain;
  const low = isObject(range["low"]) ? range["low"]["value"] : null;
  const high = isObject(range["high"]) ? range["high"]["value"] : null;
  if (low instanceof Decimal && high instanceof Decimal) return `${low.text} – ${high.text}`;
  if (low instanceof Decimal) return `≥ ${low.text}`;
  return high instanceof Decimal ? `≤ ${high.text}` : "";
}

const STATED: Readonly<Record<string, Flag>> = {
  H: "high", HH: "high", HU: "high", L: "low", LL: "low", LU: "low", N: "normal", A: "abnormal", AA: "abnormal",
};

function statedFlag(interpretation: unknown): Flag {
  for (const entry of list(interpretation)) {
    for (const coding of list(entry["coding"])) {
      const code = text(coding["code"]);
      if (code !== null && Object.hasOwn(STATED, code)) return STATED[code] ?? null;
    }
  }
  return null;
}

/** Compares only where it is safe: one range, the same unit on both sides, and no comparator ("<5"). */
function flagFromRange(quantity: Json, ranges: Json[]): Flag {
  const range = ranges.length === 1 ? ranges[0] : undefined;
  const amount = quantity["value"];
  if (!range || !(amount instanceof Decimal) || text(quantity["comparator"]) !== null) return null;
  const bound = (side: "low" | "high"): number | null => {
    const end = range[side];
    return isObject(end) && end["value"] instanceof Decimal && unitOf(end) === unitOf(quantity) ? end["value"].value : null;
  };
  const low = bound("low");
  const high = bound("high");
  if (low === null && high === null) return null;
  if (high !== null && amount.value > high) return "high";
  return low !== null && amount.value < low ? "low" : "normal";
}

function unitOf(quantity: Json): string {
  return text(quantity["code"]) ?? text(quantity["unit"]) ?? "";
}

function concept(source: unknown): string | null {
  if (!isObject(source)) return null;
  const plain = text(source["text"]);
  if (plain !== null) return plain;
  for (const coding of list(source["coding"])) {
    const name = text(coding["display"]) ?? text(coding["code"]);
    if (name !== null) return name;
  }
  return null;
}

function text(source: unknown): string | null {
  return typeof source === "string" && source !== "" ? source : null;
}

function list(source: unknown): Json[] {
  return Array.isArray(source) ? source.filter(isObject) : [];
}

function isObject(source: unknown): source is Json {
  return typeof source === "object" && source !== null && !Array.isArray(source) && !(source instanceof Decimal);
}
