/** Drafts from the health record, which a person sends. */

import { fromBase64 } from "../../bytes.js";
import { TesseraError, invalid } from "../../errors.js";
import { has, list, object, text } from "../json.js";
import { Resources } from "../reference.js";
import { scan, type Json, type JsonObject } from "../scanner.js";
import type { Reference } from "./resource.js";

export interface DraftAttachment {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly filename: string | null;
}

export interface Draft {
  readonly contactId: string;
  readonly text: string | null;
  readonly attachments: readonly DraftAttachment[];
}

/** A contact as far as a draft needs it; the package's `Contact` is one. */
export interface DraftContact {
  readonly id: string;
  readonly state: string;
}

/** Maps a reference of the record to a contact; only the host can. */
export type ContactOf = (recipient: Reference) => DraftContact | null | undefined;

/** FHIR as bytes, as text, or as an object. */
export type FhirSource = Uint8Array | string | object;

/**
 * A draft from a Communication in `preparation` with exactly one recipient, who is a checked contact, and a payload of
 * text or of attachments that hold their data. Anything else is refused with a reason: half a message is not drafted.
 */
export function fromCommunication(source: FhirSource, contactOf: ContactOf): Draft {
  const resource = read(source, "resource");
  if (resource["resourceType"] !== "Communication") throw invalid("resource is not a Communication");
  if (resource["status"] !== "preparation") throw invalid("resource.status is not preparation");
  if (has(resource, "modifierExtension") || has(resource, "implicitRules"))
    throw invalid("resource has a modifierExtension or implicitRules, whose meaning is not known");
  const recipients = list(resource["recipient"]);
  const [recipient] = recipients;
  if (!recipient || recipients.length > 1) throw invalid("resource.recipient is not exactly one");
  const contact = contactOf(recipient as Reference);
  if (!contact) throw new TesseraError("CONTACT_UNKNOWN", "resource.recipient is no contact");
  if (contact.state === "suspect") throw new TesseraError("CONTACT_SUSPECT", "resource.recipient is blocked");
  if (contact.state !== "active") throw new TesseraError("CONTACT_PENDING", "resource.recipient is not checked yet");
  const texts: string[] = [];
  const attachments: DraftAttachment[] = [];
  for (const payload of list(resource["payload"])) {
    const plain = text(payload["contentString"]);
    if (plain !== null) texts.push(plain);
    else attachments.push(attachment(payload));
  }
  if (texts.length > 1) throw invalid("resource.payload holds more than one text");
  if (texts.length + attachments.length === 0) throw invalid("resource.payload is empty");
  const [sole] = attachments;
  // Text that was kept byte for byte is text again.
  if (texts.length === 0 && attachments.length === 1 && sole && /^text\/plain\b/i.test(sole.contentType)) {
    const plain = utf8(sole.body);
    if (plain !== null) return { contactId: contact.id, text: plain, attachments: [] };
  }
  return { contactId: contact.id, text: texts[0] ?? null, attachments };
}

/**
 * A draft with a report, byte for byte, of type `application/fhir+json`. It must be whole: every result, member and
 * specimen that it names is in it, or the reader would see "not in this file".
 */
export function fromDiagnosticReport(source: FhirSource, contactId: string, filename: string | null = null): Draft {
  const root = read(source, "bundle");
  const resources = new Resources(root);
  const reports = resources.all.filter((resource) => resource["resourceType"] === "DiagnosticReport");
  if (reports.length === 0) throw invalid("bundle holds no DiagnosticReport");
  const missing = missingLinks(reports, resources);
  if (missing > 0) throw invalid(`bundle is not whole: ${missing} of its references are not in it`);
  const body = ArrayBuffer.isView(source) ? (source as Uint8Array) : new TextEncoder().encode(asText(source));
  return { contactId, text: null, attachments: [{ contentType: "application/fhir+json", body, filename }] };
}

/** How many results, members and specimens are named and not there. */
function missingLinks(reports: readonly JsonObject[], resources: Resources): number {
  const waiting = [...reports];
  const seen = new Set<JsonObject>(reports);
  let missing = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const field of ["result", "hasMember", "specimen"])
      for (const link of list(next[field])) {
        const reference = text(link["reference"]);
        const found = reference === null ? null : resources.resolve(reference, next);
        if (!found) missing += 1;
        else if (!seen.has(found)) {
          seen.add(found);
          waiting.push(found);
        }
      }
  }
  return missing;
}

function attachment(payload: JsonObject): DraftAttachment {
  const content = object(payload["contentAttachment"]);
  const data = text(content?.["data"]);
  if (!content || data === null) throw invalid("resource.payload is neither text nor an attachment with its data");
  const contentType = text(content["contentType"]) ?? "application/octet-stream";
  const body = fromBase64(data);
  if (body === null) throw invalid("resource.payload has data that is not base64");
  return { contentType, body, filename: text(content["title"]) };
}

function read(source: FhirSource, name: string): JsonObject {
  let root: Json;
  try {
    root = scan(
      ArrayBuffer.isView(source)
        ? new TextDecoder("utf-8", { fatal: true }).decode(source as Uint8Array)
        : asText(source),
    ).root;
  } catch {
    throw invalid(`${name} is not JSON`);
  }
  const resource = object(root);
  if (!resource) throw invalid(`${name} is not a FHIR resource`);
  return resource;
}

function asText(source: string | object): string {
  return typeof source === "string" ? source : JSON.stringify(source);
}

function utf8(body: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}
