/**
 * Reads a FHIR R4 DiagnosticReport, Observation or Bundle into rows. Nothing is guessed: what the document does not
 * say is shown as missing, and a flag that is computed here says so. The narrative (`text.div`) is never rendered:
 * it is foreign markup, and may differ from the structured values.
 */

export type Flag = "high" | "low" | "normal" | "abnormal" | null;

export interface Row {
  readonly test: string;
  readonly value: string | typeof SEE_ORIGINAL | null;
  readonly unit: string;
  readonly range: string;
  readonly flag: Flag;
  /** True when the flag was derived from the range rather than stated by the laboratory. */
  readonly computed: boolean;
  /** The observation's status where it is not a plain final result: "preliminary", "entered-in-error". */
  readonly status: string | null;
}

export interface Report {
  readonly title: string;
  readonly status: string;
  readonly effective: string | null;
  readonly issued: string | null;
  readonly performer: string | null;
  readonly conclusion: string | null;
  /** True when the document holds more than a table can show: attached forms, values of other types. */
  readonly more: boolean;
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
  const used = new Set<Json>();
  const reports = resources
    .filter((resource) => resource["resourceType"] === "DiagnosticReport")
    .map((report) => fromReport(report, index, used));
  // An observation that no report mentions is a result all the same.
  const loose = resources.filter((resource) => resource["resourceType"] === "Observation" && !used.has(resource));
  const rows = loose.flatMap((observation) => (used.has(observation) ? [] : fromObservation(observation, index, used)));
  if (rows.length > 0)
    reports.push({
      title: "",
      status: "",
      effective: null,
      issued: null,
      performer: null,
      conclusion: null,
      more: hasMore(rows),
      rows,
    });
  return reports.length > 0 ? reports : null;
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

function fromReport(report: Json, index: Map<string, Json>, used: Set<Json>): Report {
  const rows = linked(report["result"], index, used);
  const performers = list(report["performer"])
    .map((performer) => text(performer["display"]))
    .filter((name) => name !== null);
  return {
    title: concept(report["code"]) ?? "",
    status: text(report["status"]) ?? "",
    effective: text(report["effectiveDateTime"]),
    issued: text(report["issued"]),
    performer: performers.length > 0 ? performers.join(", ") : null,
    conclusion: text(report["conclusion"]),
    more: list(report["presentedForm"]).length > 0 || hasMore(rows),
    rows,
  };
}

/** The rows of the observations that a report or a panel points to; one that is not in the document shows as missing. */
function linked(links: unknown, index: Map<string, Json>, used: Set<Json>): Row[] {
  return list(links).flatMap((link): Row[] => {
    const reference = text(link["reference"]);
    const observation = reference === null ? undefined : index.get(reference);
    if (observation) return used.has(observation) ? [] : fromObservation(observation, index, used);
    return [
      {
        test: text(link["display"]) ?? reference ?? "?",
        value: null,
        unit: "",
        range: "",
        flag: null,
        computed: false,
        status: null,
      },
    ];
  });
}

function fromObservation(observation: Json, index: Map<string, Json>, used: Set<Json>): Row[] {
  used.add(observation);
  const status = text(observation["status"]);
  const unusual = status === null || PLAIN.has(status) ? null : status;
  const own = row(observation, concept(observation["code"]) ?? "?", unusual);
  const parts = list(observation["component"]).map((part) =>
    row(part, `${own.test} · ${concept(part["code"]) ?? "?"}`, unusual),
  );
  const members = linked(observation["hasMember"], index, used);
  return own.value === null && parts.length + members.length > 0 ? [...parts, ...members] : [own, ...parts, ...members];
}

const PLAIN = new Set(["final", "amended", "corrected"]);

/** What a value is shown as when it is of a type that a table does not show. */
export const SEE_ORIGINAL = Symbol("see the original");

function hasMore(rows: readonly Row[]): boolean {
  return rows.some((row) => row.value === SEE_ORIGINAL);
}

function row(source: Json, test: string, status: string | null): Row {
  const quantity = isObject(source["valueQuantity"]) ? source["valueQuantity"] : null;
  const ranges = list(source["referenceRange"]);
  const stated = statedFlag(source["interpretation"]);
  const computed = stated === null && quantity ? flagFromRange(quantity, ranges) : null;
  return {
    test,
    value: value(source),
    unit: quantity ? (text(quantity["unit"]) ?? text(quantity["code"]) ?? "") : "",
    range: ranges
      .map((range) => rangeText(range, quantity))
      .filter(Boolean)
      .join("; "),
    flag: stated ?? computed,
    computed: computed !== null,
    status,
  };
}

function value(source: Json): Row["value"] {
  const quantity = source["valueQuantity"];
  if (isObject(quantity)) {
    const amount = quantity["value"];
    return amount instanceof Decimal ? `${text(quantity["comparator"]) ?? ""}${amount.text}` : null;
  }
  if (source["valueInteger"] instanceof Decimal) return source["valueInteger"].text;
  if (typeof source["valueBoolean"] === "boolean") return String(source["valueBoolean"]);
  const range = source["valueRange"];
  if (isObject(range)) return rangeText(range, null) || null;
  for (const key of ["valueString", "valueDateTime", "valueTime"]) {
    const plain = text(source[key]);
    if (plain !== null) return plain;
  }
  const coded = concept(source["valueCodeableConcept"]);
  if (coded !== null) return coded;
  return Object.keys(source).some((key) => /^value[A-Z]/.test(key))
    ? SEE_ORIGINAL
    : concept(source["dataAbsentReason"]);
}

/** A range in words; its unit is added where it is not that of the value beside it. */
function rangeText(range: Json, beside: Json | null): string {
  const plain = text(range["text"]);
  if (plain !== null) return plain;
  const end = (side: "low" | "high"): string | null => {
    const bound = range[side];
    if (!isObject(bound) || !(bound["value"] instanceof Decimal)) return null;
    const unit = beside && unitOf(bound) === unitOf(beside) ? "" : (text(bound["unit"]) ?? text(bound["code"]) ?? "");
    return unit === "" ? bound["value"].text : `${bound["value"].text} ${unit}`;
  };
  const [low, high] = [end("low"), end("high")];
  if (low !== null && high !== null) return `${low} – ${high}`;
  if (low !== null) return `≥ ${low}`;
  return high !== null ? `≤ ${high}` : "";
}

const STATED: Readonly<Record<string, Flag>> = {
  H: "high",
  HH: "high",
  HU: "high",
  L: "low",
  LL: "low",
  LU: "low",
  N: "normal",
  A: "abnormal",
  AA: "abnormal",
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
  const ends = [range["low"], range["high"]].filter(isObject);
  if (ends.length === 0 || ends.some((end) => !(end["value"] instanceof Decimal) || unitOf(end) !== unitOf(quantity)))
    return null;
  const bound = (end: unknown): number | null =>
    isObject(end) && end["value"] instanceof Decimal ? end["value"].value : null;
  const [low, high] = [bound(range["low"]), bound(range["high"])];
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
