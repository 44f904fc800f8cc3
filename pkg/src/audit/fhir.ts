/**
 * The audit log as a FHIR R4 Bundle of AuditEvent resources. `type` and `subtype` are codes of DICOM PS3.16 (CID 400, 401) and
 * of ISO 21089, the others are from the value sets of AuditEvent. Fields without a code are copied to `entity.detail`.
 * No profile is claimed: those of IHE BALP require the network address of each agent, which is not known here.
 */

import { parsed } from "./entry.js";
import { dashed, hex, uuid } from "../bytes.js";
import { instant } from "../fhir/record/resource.js";
import { FINGERPRINT } from "../fhir/sid.js";
import type { LoggedEntry } from "../portal/engine.js";
import type { AuditEntry, AuditEventName, AuditExportOptions, AuditSubject } from "../portal/types.js";

type Json = { readonly [key: string]: unknown };

const LIFECYCLE_SYSTEM = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
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
  110126: "Node Authentication",
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

/** Type, subtype, action; the source of the data, or the requestor; a minor failure is 4, a serious one 8. */
type Meaning = readonly [
  type: Code,
  subtype: Code | null,
  action: "C" | "R" | "U" | "D" | "E",
  by: "owner" | "contact" | "device",
  outcome?: "4" | "8",
];

const MEANING: Readonly<Record<AuditEventName, Meaning>> = {
  began: [110100, 110134, "C", "device"],
  invited: [110113, 110137, "C", "owner"],
  withdrawn: [110113, 110137, "D", "owner"],
  accepted: [110113, 110137, "C", "owner"],
  enrolled: [110113, 110137, "C", "device"],
  verified: [110113, 110126, "U", "owner"],
  suspect: [110113, 110126, "U", "device", "8"],
  removed: [110113, 110137, "D", "owner"],
  sent: [110106, null, "R", "owner"],
  delivered: [110106, null, "E", "owner"],
  undelivered: [110106, null, "E", "device", "4"],
  cancelled: [110106, null, "D", "owner"],
  deleted: [110107, null, "D", "owner"],
  received: [110107, null, "C", "contact"],
  held: [110107, null, "C", "contact"],
  released: [110107, null, "U", "device"],
  filed: [110106, null, "R", "owner"],
  filingFailed: [110106, null, "R", "owner", "4"],
  rejected: [110113, null, "E", "device", "4"],
  gap: [110113, null, "E", "device", "4"],
  device: [110113, null, "E", "device", "4"],
  rotated: [110113, 110129, "U", "device"],
  shredded: [110113, 110135, "D", "device"],
  locked: [110114, 110123, "E", "owner"],
  unlockFailed: [110114, 110122, "E", "device", "4"],
  unlocked: [110114, 110122, "E", "owner"],
  rekeyed: [110113, 110137, "U", "owner"],
  backedUp: [110106, null, "R", "owner"],
  restored: [110107, null, "C", "owner"],
  breakGlassStarted: [110113, 110127, "E", "owner"],
  breakGlassEnded: [110113, 110138, "E", "owner"],
  sharesCreated: [110113, 110129, "C", "owner"],
  exported: [110101, null, "R", "owner"],
  checkpoint: [110101, null, "R", "device"],
};

/** What happened to the content of a record, in the words of ISO 21089. */
const LIFECYCLE = {
  sent: ["transmit", "Transmit Record Lifecycle Event"],
  received: ["receive", "Receive/Retain Record Lifecycle Event"],
  held: ["hold", "Add Legal Hold Record Lifecycle Event"],
  released: ["unhold", "Remove Legal Hold Record Lifecycle Event"],
  shredded: ["destroy", "Destroy/Delete Record Lifecycle Event"],
  removed: ["destroy", "Destroy/Delete Record Lifecycle Event"],
  backedUp: ["archive", "Archive Record Lifecycle Event"],
  restored: ["restore", "Restore Record Lifecycle Event"],
  exported: ["report", "Report (Output) Record Lifecycle Event"],
  checkpoint: ["attest", "Attest Record Lifecycle Event"],
} as const satisfies Partial<Record<AuditEventName, readonly [code: string, display: string]>>;

/** Replaces the code `transmit` if the host names the patient. */
const DISCLOSE = ["disclose", "Disclose Record Lifecycle Event"] as const;

/** An event that this version does not know. */
const UNKNOWN: Meaning = [110100, null, "E", "device"];

/** A Bundle, in pieces: a `collection`, or a `batch` that a server files, each event under its own id. */
export async function* auditBundle(
  pages: AsyncIterable<readonly LoggedEntry[]>,
  owner: Uint8Array,
  time: number,
  checkpoint: string,
  options: AuditExportOptions,
): AsyncGenerator<string, void, undefined> {
  const fingerprint = hex(owner);
  const { head } = JSON.parse(checkpoint) as { head: string };
  const bundle = {
    resourceType: "Bundle",
    identifier: { system: URI, value: `urn:uuid:${uuid(head)}` },
    type: options.as ?? "collection",
    timestamp: instant(time),
  };
  yield `${JSON.stringify(bundle).slice(0, -1)},"entry":[`;
  let comma = "";
  for await (const entries of pages) {
    const events = entries.map((logged) => auditEvent(parsed(logged), fingerprint, options.map));
    yield comma + events.map((resource) => JSON.stringify(bundled(resource, options))).join(",");
    comma = ",";
  }
  yield "]}";
}

function bundled(resource: Json, { as }: AuditExportOptions): Json {
  const id = resource["id"] as string;
  const request = as === "batch" ? { request: { method: "PUT", url: `AuditEvent/${id}` } } : {};
  return { fullUrl: `urn:uuid:${id}`, resource, ...request };
}

function auditEvent(entry: AuditEntry, owner: string, map: AuditExportOptions["map"]): Json {
  const [type, subtype, action, by, outcome = "0"] = Object.hasOwn(MEANING, entry.event)
    ? MEANING[entry.event]
    : UNKNOWN;
  const self = map?.owner ?? null;
  const contact = entry.contact === undefined ? null : (map?.contact?.(entry.contact) ?? null);
  const patient = contact?.patient ?? self?.patient ?? null;
  return {
    resourceType: "AuditEvent",
    id: uuid(entry.head),
    type: dcm(type),
    ...subtypes(entry, subtype, patient !== null),
    action,
    recorded: instant(entry.time),
    outcome: entry["closed"] === true ? "0" : outcome,
    ...(entry.code === undefined ? {} : { outcomeDesc: entry.code }),
    ...(entry.event === "breakGlassStarted" ? { purposeOfEvent: [BREAK_GLASS] } : {}),
    agent: agents(entry, owner, by, type === 110106 || type === 110107, self, contact),
    source: { observer: device(owner), type: [{ system: SOURCE_TYPE, code: "1", display: "User Device" }] },
    entity: [...(patient ? [subject(patient)] : []), ...message(entry), logged(entry)],
  };
}

const BREAK_GLASS: Json = {
  coding: [{ system: "http://terminology.hl7.org/CodeSystem/v3-ActReason", code: "BTG", display: "break the glass" }],
};

function subtypes(entry: AuditEntry, subtype: Code | null, isDisclosure: boolean): Json {
  const own = Object.hasOwn(LIFECYCLE, entry.event) ? LIFECYCLE[entry.event as keyof typeof LIFECYCLE] : null;
  const lifecycle = entry.event === "sent" && isDisclosure ? DISCLOSE : own;
  const isForgery = entry.event === "rejected" && entry.code === "NOT_AUTHENTIC";
  const codes = [
    ...(subtype === null ? [] : [dcm(subtype)]),
    ...(isForgery ? [dcm(110126)] : []),
    ...(lifecycle ? [{ system: LIFECYCLE_SYSTEM, code: lifecycle[0], display: lifecycle[1] }] : []),
  ];
  return codes.length > 0 ? { subtype: codes } : {};
}

/** The owner's device or the owner, and the contact if there is one; transferred data has a source and a destination. */
function agents(
  entry: AuditEntry,
  owner: string,
  by: Meaning[3],
  flows: boolean,
  self: AuditSubject | null,
  contact: AuditSubject | null,
): Json[] {
  const incoming = flows && by === "contact";
  const role = (source: boolean): Json => (flows ? { type: { coding: [dcm(source ? 110153 : 110152)] } } : {});
  const own =
    by === "device"
      ? { type: { coding: [dcm(110150)] }, who: device(owner), requestor: false }
      : { ...role(!incoming), ...agent(owner, null, self), requestor: by === "owner" };
  if (entry.contact === undefined) return [own];
  const other = agent(entry.fingerprint, `contact ${entry.contact}`, contact);
  return [own, { ...role(incoming), ...other, requestor: by === "contact" }];
}

/** A person: by fingerprint, and by the host's reference. */
function agent(fingerprint: string | undefined, display: string | null, known: AuditSubject | null): Json {
  const who = {
    ...(fingerprint === undefined ? {} : person(fingerprint)),
    ...(display === null ? {} : { display }),
    ...known?.who,
  };
  return { who, ...(known?.name === undefined ? {} : { name: known.name }) };
}

/** The patient whose record it is. */
function subject(patient: NonNullable<AuditSubject["patient"]>): Json {
  return {
    what: patient,
    type: { system: ENTITY_TYPE, code: "1", display: "Person" },
    role: { system: OBJECT_ROLE, code: "1", display: "Patient" },
  };
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
  return { identifier: { system: FINGERPRINT, value: fingerprint } };
}

function device(fingerprint: string): Json {
  return { ...person(fingerprint), display: "Tessera portal" };
}
