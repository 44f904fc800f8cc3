/** Checks of what a host passes for the record: a wrong type is `INVALID_ARGUMENT` that names it, before anything is made of it. */

import { bytes, flag, integer, object, options, text } from "../../arguments.js";
import { invalid } from "../../errors.js";
import type { RecordMap, RecordMessage, RecordOptions } from "./input.js";

/** The last second that an instant of FHIR can name: the end of the year 9999. */
const LAST_SECOND = 253_402_300_799;
const FLAGS = ["noPatient", "update", "label", "filename", "thread", "passthrough"] as const;
const LISTS = ["category", "about", "partOf", "inResponseTo", "documentCategory"] as const;
const OPTIONS = [...FLAGS, ...LISTS, "secret", "statusReason", "documentType", "task"] as const;
/** The shortest secret, in bytes. */
const SECRET_BYTES = 16;

export function requireMessage(message: RecordMessage): void {
  const { id, direction, state, sentAt, receivedAt, session, attachments } = object(message, "message");
  text(id, "message.id");
  if (direction !== "in" && direction !== "out") throw invalid("message.direction is neither in nor out");
  text(state, "message.state");
  integer(sentAt, "message.sentAt", 0, LAST_SECOND);
  if (receivedAt !== null) integer(receivedAt, "message.receivedAt", 0, LAST_SECOND);
  optionalText(session, "message.session");
  for (const [index, attachment] of list(attachments ?? [], "message.attachments").entries()) {
    const { contentType, filename, size } = object(attachment, `message.attachments[${index}]`);
    text(contentType, `message.attachments[${index}].contentType`);
    optionalText(filename, `message.attachments[${index}].filename`);
    integer(size, `message.attachments[${index}].size`, 0, Number.MAX_SAFE_INTEGER);
  }
}

export function requireMap(map: RecordMap): void {
  const { subject, sender, recipient, encounter, basedOn } = object(map, "map");
  if (subject !== undefined) object(subject, "map.subject");
  object(sender, "map.sender");
  if (objects(recipient, "map.recipient").length === 0) throw invalid("map.recipient is empty");
  if (encounter !== undefined) object(encounter, "map.encounter");
  if (basedOn !== undefined) objects(basedOn, "map.basedOn");
}

export function requireOptions(given: RecordOptions): void {
  options(given, "options", OPTIONS);
  requireSecret(given);
  for (const name of FLAGS) flag(given[name], `options.${name}`);
  for (const name of LISTS) {
    const value = given[name];
    if (value !== undefined) objects(value, `options.${name}`);
  }
  optionalText(given.statusReason, "options.statusReason");
  if (given.documentType !== undefined) object(given.documentType, "options.documentType");
  if (given.task !== undefined) object(object(given.task, "options.task")["owner"], "options.task.owner");
}

export function requireSecret(given: Pick<RecordOptions, "secret">): void {
  if (bytes(object(given, "options")["secret"], "options.secret").length < SECRET_BYTES)
    throw invalid(`options.secret is shorter than ${SECRET_BYTES} bytes`);
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${name} is not a list`);
  return value;
}

function objects(values: unknown, name: string): readonly object[] {
  return list(values, name).map((value, index) => object(value, `${name}[${index}]`));
}

function optionalText(value: unknown, name: string): void {
  if (value !== undefined && value !== null) text(value, name);
}
