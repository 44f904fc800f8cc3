/**
 * The audit log as a FHIR R4 Bundle of AuditEvent resources. `type` and `subtype` are codes of DICOM PS3.16 (CID 400, 401), the
 * rest is of the value sets FHIR names for AuditEvent. What these cannot say stands word for word in `entity.detail`.
 */

import { parsed } from "./entry.js";
import type { LoggedEntry } from "../portal/engine.js";
import type { AuditEntry, AuditEventName } from "../portal/types.js";

type Json = { readonly [key: string]: unknown };

const DCM = "http://dicom.nema.org/resources/ontology/DCM";
const ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role";
const SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type";
const URI = "urn:ietf:rfc:3986";

/** Codes of DICOM PS3.16, CID 400 and 401, and roles of CID 402, as the value sets of FHIR R4 display them. */
const DISPLAY = {
  110100: "Application Activity",
  110101: "Audit Log Used",
  110106: "Export",
  110107: "Import",
  110113: "Security Alert",
  110114: "User Authentication",
  110122: "Login",
  110123: "Logout",
  110127: "Emergency Override Started",
  110129: "Security Configuration",
  110134: "Audit Recording Started",
  110135: "Object Security Attributes Changed",
  110137: "User security Attributes Changed",
  110138: "Emergency Override Stopped",
  110150: "Application",
  110152: "Destination Role ID",
  110153: "Source Role ID",
} as const;
type Code = keyof typeof DISPLAY;

/** Type, subtype, action; who is the source of what flows, or else who asked for it; "4": a minor failure. */
type Meaning = readonly [
  type: Code,
  subtype: Code | null,
  action: "C" | "R" | "U" | "D" | "E",
  by: "owner" | "contact" | "device",
  outcome?: "4",
];

const MEANING: Readonly<Record<AuditEventName, Meaning>> = {
  began: [110100, 110134, "C", "device"],
  invited: [110113, 110137, "C", "owner"],
  withdrawn: [110113, 110137, "D", "owner"],
  accepted: [110113, 110137, "C", "owner"],
  enrolled: [110113, 110137, "C", "device"],
  verified: [110113, 110137, "U", "owner"],
  suspect: [110113, 110137, "U", "device", "4"],
  removed: [110113, 110137, "D", "owner"],
  sent: [110106, null, "R", "owner"],
  delivered: [110106, null, "E", "contact"],
  undelivered: [110106, null, "E", "device", "4"],
  cancelled: [110106, null, "D", "owner"],
  received: [110107, null, "C", "contact"],
  held: [110107, null, "C", "contact"],
  released: [110107, null, "U", "device"],
  rejected: [110113, null, "E", "device", "4"],
  gap: [110113, null, "E", "device", "4"],
  rotated: [110113, 110129, "U", "device"],
  shredded: [110113, 110135, "D", "device"],
  locked: [110114, 110123, "E", "owner"],
  unlocked: [110114, 110122, "E", "owner"],
  rekeyed: [110113, 110129, "U", "owner"],
  backedUp: [110106, null, "R", "owner"],
  restored: [110107, null, "C", "owner"],
  breakGlassStarted: [110113, 110127, "E", "owner"],
  breakGlassEnded: [110113, 110138, "E", "owner"],
  sharesCreated: [110113, 110129, "C", "owner"],
  exported: [110101, null, "R", "owner"],
  checkpoint: [110101, null, "R", "device"],
};

/** An event that this version does not know. */
const UNKNOWN: Meaning = [110100, null, "E", "device"];

/** A Bundle of type `collection`, in pieces. */
export async function* auditBundle(
  pages: AsyncIterable<readonly LoggedEntry[]>,
  owner: Uint8Array,
  time: number,
  checkpoint: string,
): AsyncGenerator<string, void, undefined> {
  const fingerprint = Array.from(owner, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const { head } = JSON.parse(checkpoint) as { head: string };
  const bundle = {
    resourceType: "Bundle",
    identifier: { system: URI, value: `urn:uuid:${uuid(head)}` },
    type: "collection",
    timestamp: instant(time),
  };
  yield `${JSON.stringify(bundle).slice(0, -1)},"entry":[`;
  let comma = "";
  for await (const entries of pages) {
    const events = entries.map((logged) => auditEvent(parsed(logged), fingerprint));
    yield comma +
      events.map((resource) => JSON.stringify({ fullUrl: `urn:uuid:${resource["id"] as string}`, resource })).join(",");
    comma = ",";
  }
  yield "]}";
}

function auditEvent(entry: AuditEntry, owner: string): Json {
  const [type, subtype, action, by, outcome = "0"] = Object.hasOwn(MEANING, entry.event)
    ? MEANING[entry.event]
    : UNKNOWN;
  return {
    resourceType: "AuditEvent",
    id: uuid(entry.head),
    type: dcm(type),
    ...(subtype === null ? {} : { subtype: [dcm(subtype)] }),
    action,
    recorded: instant(entry.time),
    outcome: entry["closed"] === true ? "0" : outcome,
    ...(entry.code === undefined ? {} : { outcomeDesc: entry.code }),
    agent: agents(entry, owner, by, type === 110106 || type === 110107),
    source: { observer: device(owner), type: [{ system: SOURCE_TYPE, code: "1", display: "User Device" }] },
    entity: [...message(entry), logged(entry)],
  };
}

/** The owner's device or the owner, and the contact where one is concerned; what flows has a source and a destination. */
function agents(entry: AuditEntry, owner: string, by: Meaning[3], flows: boolean): Json[] {
  const incoming = flows && by === "contact" && entry.event !== "delivered";
  const role = (source: boolean): Json => (flows ? { type: { coding: [dcm(source ? 110153 : 110152)] } } : {});
  const own =
    by === "device"
      ? { type: { coding: [dcm(110150)] }, who: device(owner), requestor: false }
      : { ...role(!incoming), who: person(owner), requestor: by === "owner" };
  if (entry.contact === undefined) return [own];
  const who =
    entry.fingerprint === undefined
      ? { display: `contact ${entry.contact}` }
      : { ...person(entry.fingerprint), display: `contact ${entry.contact}` };
  return [own, { ...role(incoming), who, requestor: by === "contact" }];
}

function message({ session, label, digest }: AuditEntry): Json[] {
  if (session === undefined) return [];
  return [
    {
      what: { identifier: { system: URI, value: `urn:uuid:${dashed(session)}` } },
      type: { system: ENTITY_TYPE, code: "2", display: "System Object" },
      role: { system: OBJECT_ROLE, code: "4", display: "Domain Resource" },
      ...(label === undefined ? {} : { name: label }),
      ...(digest === undefined ? {} : { detail: [{ type: "sha256", valueString: digest }] }),
    },
  ];
}

/** The log's own entry, field by field. */
function logged(entry: AuditEntry): Json {
  const { index, time: _, ...fields } = entry;
  return {
    what: { identifier: { system: URI, value: `urn:uuid:${uuid(entry.head)}` } },
    type: { system: ENTITY_TYPE, code: "2", display: "System Object" },
    role: { system: OBJECT_ROLE, code: "13", display: "Security Resource" },
    name: `audit log entry ${index}`,
    detail: Object.entries(fields)
      .filter(([, value]) => value !== "")
      .map(([type, value]) => ({ type, valueString: String(value) })),
  };
}

function dcm(code: Code): Json {
  return { system: DCM, code: String(code), display: DISPLAY[code] };
}

function person(fingerprint: string): Json {
  return { identifier: { system: URI, value: `tessera-fingerprint:${fingerprint}` } };
}

function device(fingerprint: string): Json {
  return { ...person(fingerprint), display: "Tessera portal" };
}

function instant(time: number): string {
  return new Date(time * 1000).toISOString();
}

/** A UUID (RFC 9562, version 8) of the first 16 bytes of a head. */
function uuid(head: string): string {
  const variant = ((parseInt(head.slice(16, 17), 16) & 3) | 8).toString(16);
  return dashed(`${head.slice(0, 12)}8${head.slice(13, 16)}${variant}${head.slice(17, 32)}`);
}

function dashed(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}
