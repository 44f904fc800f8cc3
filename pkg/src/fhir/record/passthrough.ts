/** The results of a laboratory as resources of the record: reports, observations and specimens, as they were sent. */

import { invalid } from "../../errors.js";
import { list, object, text } from "../json.js";
import { Resources } from "../reference.js";
import { Decimal, scan, type Json, type JsonObject } from "../scanner.js";
import { entryUrl } from "./identifier.js";
import type { Resource, TransactionEntry } from "./resource.js";
import type { RecordAttachment, RecordMap, RecordMessage } from "./input.js";

const TYPES = new Set(["DiagnosticReport", "Observation", "Specimen"]);

/**
 * An entry for each report, observation and specimen that has a business identifier. Patient and performer are the
 * map's; ids and `meta` are the sender's server's and go. A reference to another resource that is filed here points to
 * it; any other becomes words, for in this server the same id may be something else.
 */
export function passedThrough(
  message: RecordMessage,
  attachments: readonly RecordAttachment[],
  map: RecordMap,
): TransactionEntry[] {
  if (message.direction !== "in" || message.state !== "verified")
    throw invalid("options.passthrough is for a message that came in and is verified");
  if (!map.subject) throw invalid("options.passthrough needs map.subject");
  return attachments.flatMap((attachment) => entriesOf(attachment, map));
}

function entriesOf({ body }: RecordAttachment, map: RecordMap): TransactionEntry[] {
  const resources = new Resources(readJson(body));
  const urls = new Map<JsonObject, string>();
  for (const resource of resources.all) {
    const identifier = businessIdentifier(resource);
    const type = text(resource["resourceType"]) ?? "";
    if (identifier !== null && TYPES.has(type)) urls.set(resource, entryUrl(`${type}?${identifier}`, "passthrough"));
  }
  return [...urls].map(([resource, fullUrl]) => {
    const resourceType = text(resource["resourceType"]) ?? "";
    return {
      fullUrl,
      resource: { ...copied(resource, resources, urls), ...people(resource, map), resourceType },
      request: { method: "POST", url: resourceType, ifNoneExist: `identifier=${businessIdentifier(resource)}` },
    };
  });
}

function readJson(body: Uint8Array): JsonObject {
  try {
    const root = object(scan(new TextDecoder("utf-8", { fatal: true }).decode(body)).root);
    if (root) return root;
  } catch {
    // Said below.
  }
  throw invalid("options.passthrough needs a body that is FHIR JSON");
}

/** `system|value` of the first identifier that has both. */
function businessIdentifier(resource: JsonObject): string | null {
  for (const identifier of list(resource["identifier"])) {
    const [system, value] = [text(identifier["system"]), text(identifier["value"])];
    if (system !== null && value !== null) return `${encodeURIComponent(system)}|${encodeURIComponent(value)}`;
  }
  return null;
}

function people(resource: JsonObject, map: RecordMap): Partial<Resource> {
  const hasPerformer = ["DiagnosticReport", "Observation"].includes(text(resource["resourceType"]) ?? "");
  return { subject: map.subject, ...(hasPerformer ? { performer: [map.sender] } : {}) };
}

function copied(
  from: JsonObject,
  resources: Resources,
  urls: ReadonlyMap<JsonObject, string>,
): Record<string, unknown> {
  const { id: _, meta: __, ...kept } = from;
  const copy = (value: Json): unknown => {
    if (value instanceof Decimal) return numberOf(value);
    if (Array.isArray(value)) return value.map(copy);
    const parts = object(value);
    if (!parts) return value;
    const reference = text(parts["reference"]);
    return reference === null ? copyAll(parts) : { ...copyAll(parts), ...pointing(reference, parts) };
  };
  const copyAll = (parts: JsonObject): Record<string, unknown> =>
    Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, copy(value)]));
  const pointing = (reference: string, link: JsonObject): Record<string, unknown> => {
    if (reference.startsWith("#")) return { reference };
    const meant = resources.resolve(reference, from);
    const url = meant && urls.get(meant);
    return url ? { reference: url } : { reference: undefined, display: text(link["display"]) ?? reference };
  };
  return copyAll(kept);
}

/** A plain number if it prints as sent; otherwise an object with its digits, which `transactionJson` writes. */
function numberOf(sent: Decimal): number | Decimal {
  return String(sent.value) === sent.text ? sent.value : sent;
}

/** A transaction as JSON, with the digits of every number as a laboratory sent them: 2.0 stays 2.0. */
export function transactionJson(value: unknown): string {
  if (value instanceof Decimal) return value.text;
  if (Array.isArray(value)) return `[${value.map((one) => transactionJson(one)).join(",")}]`;
  if (typeof value === "bigint") throw invalid("value holds what JSON cannot");
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${transactionJson(one)}`).join(",")}}`;
}
