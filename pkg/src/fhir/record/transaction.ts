/** A message as it is filed in a medical record: a transaction for any FHIR R4 server. Pure; the host sends it. */

import { bytes, object, text } from "../../arguments.js";
import { TesseraError, invalid } from "../../errors.js";
import { ATTACHMENT_ID, MESSAGE_ID, TASK_ID, THREAD_ID } from "../sid.js";
import { list, requireMap, requireMessage, requireOptions } from "./checks.js";
import { attachmentData, entryUrl, messageKey } from "./identifier.js";
import { passedThrough } from "./passthrough.js";
import type { AttachmentInfo, RecordAttachment, RecordBody, RecordMap, RecordMessage, RecordOptions } from "./input.js";
import { concept, instant } from "./resource.js";
import type { Resource, Transaction, TransactionEntry } from "./resource.js";

const STATUS: Readonly<Record<RecordMessage["direction"], Readonly<Record<string, string>>>> = {
  in: { verified: "completed" },
  out: {
    queued: "in-progress",
    sent: "in-progress",
    delivered: "completed",
    undelivered: "stopped",
    stopped: "stopped",
    cancelled: "not-done",
  },
};

/**
 * The transaction that files a message: a Communication, a DocumentReference for each body that is not text, and what
 * the options add. Filed twice it is there once: each entry has an identifier and `ifNoneExist`.
 *
 * Refuses a held message (`CONTACT_PENDING`), and whatever cannot be filed as it should be (`INVALID_ARGUMENT`).
 */
export function toTransaction(
  message: RecordMessage,
  body: RecordBody,
  map: RecordMap,
  options: RecordOptions,
): Transaction {
  requireMessage(message);
  requireMap(map);
  requireOptions(options);
  const status = statusOf(message);
  if (!map.subject && options.noPatient !== true)
    throw invalid("map.subject is missing; options.noPatient files without");
  const key = keyOf(message, options);
  const { text: typed, attachments } = partsOf(message, body);
  const communicationUrl = entryUrl(key, "message");
  const thread = options.thread ? [threadHeader(message, map, options)] : [];
  const partOf = [...(options.partOf ?? []), ...thread.map(({ fullUrl }) => ({ reference: fullUrl }))];
  const documents = attachments.map((attachment, index) => {
    const documentKey = index === 0 ? key : `${key}.${index + 1}`;
    const resource = document(message, attachment, documentKey, map, options);
    return entry(entryUrl(documentKey, "attachment"), resource, ATTACHMENT_ID, documentKey, options.update);
  });
  const communication: Resource = {
    resourceType: "Communication",
    identifier: [{ system: MESSAGE_ID, value: key }],
    ...(map.basedOn ? { basedOn: map.basedOn } : {}),
    ...(partOf.length > 0 ? { partOf } : {}),
    ...(options.inResponseTo ? { inResponseTo: options.inResponseTo } : {}),
    status,
    ...(options.statusReason === undefined ? {} : { statusReason: { text: options.statusReason } }),
    category: [
      concept("http://terminology.hl7.org/CodeSystem/communication-category", "notification"),
      ...(options.category ?? []),
    ],
    medium: [concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "ONLINEWRIT")],
    ...(map.subject ? { subject: map.subject } : {}),
    ...(options.label && message.session ? { topic: { text: message.session } } : {}),
    ...(options.about ? { about: options.about } : {}),
    ...(map.encounter ? { encounter: map.encounter } : {}),
    sent: instant(message.sentAt),
    ...(message.receivedAt === null ? {} : { received: instant(message.receivedAt) }),
    recipient: map.recipient,
    sender: map.sender,
    payload: [
      ...(typed ? [{ contentAttachment: { contentType: "text/plain; charset=utf-8", ...attachmentData(typed) } }] : []),
      ...documents.map(({ fullUrl }) => ({ contentReference: { reference: fullUrl } })),
    ],
  };
  return {
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      entry(communicationUrl, communication, MESSAGE_ID, key, options.update),
      ...thread,
      ...documents,
      ...(options.passthrough ? passedThrough(message, attachments, map) : []),
      ...(options.task ? [task(key, communicationUrl, message, map, options.task)] : []),
    ],
  };
}

/** The identifier of a message in this deployment: no name, no label, nothing that two organisations could compare. */
export function keyOf(
  message: Pick<RecordMessage, "id" | "direction" | "sender">,
  options: Pick<RecordOptions, "secret">,
): string {
  return messageKey(options.secret, [message.direction, message.id, bytes(message.sender, "message.sender", 32)]);
}

function statusOf({ direction, state }: RecordMessage): string {
  if (state === "held")
    throw new TesseraError("CONTACT_PENDING", "a held message is not filed: its sender is unchecked");
  const known = STATUS[direction];
  const status = Object.hasOwn(known, state) ? known[state] : undefined;
  if (status === undefined) throw invalid("message.state is not one that is filed");
  return status;
}

/** Reads the content of the portal's message. */
export async function recordBody(message: {
  readonly text: string | null;
  readonly attachments: readonly (AttachmentInfo & { body(): Promise<Uint8Array> })[];
}): Promise<RecordBody> {
  object(message, "message");
  list(message.attachments, "message.attachments");
  const attachments = message.attachments.map(async ({ contentType, filename = null, ...file }) => ({
    contentType,
    filename,
    body: await file.body(),
  }));
  const text = message.text === null ? null : new TextEncoder().encode(message.text);
  return { text, attachments: await Promise.all(attachments) };
}

function partsOf(
  message: RecordMessage,
  body: RecordBody,
): { readonly text: Uint8Array | null; readonly attachments: readonly RecordAttachment[] } {
  if (message.problem === "damaged") throw invalid("message is damaged: its content is lost");
  if (!ArrayBuffer.isView(body)) {
    const { text, attachments } = object(body, "body") as Exclude<RecordBody, Uint8Array>;
    for (const [index, attachment] of list(attachments, "body.attachments").entries())
      bytes(object(attachment, `body.attachments[${index}]`)["body"], `body.attachments[${index}].body`);
    return { text: text == null ? null : bytes(text, "body.text"), attachments };
  }
  const sole = bytes(body, "body");
  const [only, ...others] = message.attachments ?? [];
  if (only === undefined) return { text: sole, attachments: [] };
  if (typeof message.text === "string" || others.length > 0)
    throw invalid("body is bytes, and the message has several parts: pass recordBody(message)");
  if (only.size !== sole.length) throw invalid("body is not the bytes of the attachment");
  return { text: null, attachments: [{ ...only, body: sole }] };
}

function document(
  message: RecordMessage,
  { contentType, filename, body }: RecordAttachment,
  key: string,
  map: RecordMap,
  options: RecordOptions,
): Resource {
  return {
    resourceType: "DocumentReference",
    identifier: [{ system: ATTACHMENT_ID, value: key }],
    status: "current",
    ...(options.documentType ? { type: options.documentType } : {}),
    ...(options.documentCategory ? { category: options.documentCategory } : {}),
    ...(map.subject ? { subject: map.subject } : {}),
    date: instant(message.receivedAt ?? message.sentAt),
    author: [map.sender],
    content: [
      {
        attachment: {
          contentType,
          ...attachmentData(body),
          ...(options.filename && filename ? { title: filename } : {}),
        },
      },
    ],
  };
}

/** The head of a conversation. It has no sender, because both people write in it. */
function threadHeader(message: RecordMessage, map: RecordMap, options: RecordOptions): TransactionEntry {
  const key = messageKey(options.secret, ["thread", text(message.contactId, "message.contactId")]);
  const resource: Resource = {
    resourceType: "Communication",
    identifier: [{ system: THREAD_ID, value: key }],
    status: "in-progress",
    ...(map.subject ? { subject: map.subject } : {}),
  };
  return entry(entryUrl(key, "thread"), resource, THREAD_ID, key);
}

function task(
  key: string,
  communicationUrl: string,
  message: RecordMessage,
  map: RecordMap,
  { owner, focus }: NonNullable<RecordOptions["task"]>,
): TransactionEntry {
  const resource: Resource = {
    resourceType: "Task",
    identifier: [{ system: TASK_ID, value: key }],
    status: "requested",
    intent: "order",
    focus: focus ?? { reference: communicationUrl },
    ...(map.subject ? { for: map.subject } : {}),
    authoredOn: instant(message.sentAt),
    requester: map.sender,
    owner,
  };
  return entry(entryUrl(key, "task"), resource, TASK_ID, key);
}

/** Creates an entry once, or replaces the one with its identifier. */
function entry(fullUrl: string, resource: Resource, system: string, key: string, update = false): TransactionEntry {
  const search = `identifier=${system}|${key}`;
  const { resourceType } = resource;
  return update
    ? { fullUrl, resource, request: { method: "PUT", url: `${resourceType}?${search}` } }
    : { fullUrl, resource, request: { method: "POST", url: resourceType, ifNoneExist: search } };
}
