/** What `send` takes, checked before anything is done with it. */

import { invalid } from "../errors.js";
import type { OutgoingContent } from "./types.js";
import { bytes, content, object, text } from "../arguments.js";

/** Content type, file name, bytes. */
export type EngineAttachment = readonly [string, string | null, Uint8Array];

export function outgoing(message: OutgoingContent): {
  text?: Uint8Array;
  attachments: EngineAttachment[];
  session?: string;
} {
  const given = object(message, "message");
  const session = given["session"] === undefined ? {} : { session: text(given["session"], "session") };
  const typed = given["text"] === undefined ? {} : { text: content(text(given["text"], "text"), "text") };
  const single = ["contentType", "body", "filename"].some((name) => given[name] !== undefined);
  if (single && (given["text"] !== undefined || given["attachments"] !== undefined))
    throw invalid("contentType, body and filename go into attachments, beside a text");
  if (single) return { attachments: [attachment(given, "")], ...session };
  const listed = given["attachments"] ?? [];
  if (!Array.isArray(listed)) throw invalid("attachments is not an array");
  const attachments = listed.map((file, i) => attachment(object(file, `attachments[${i}]`), `attachments[${i}].`));
  return { ...typed, attachments, ...session };
}

function attachment(file: Record<string, unknown>, at: string): EngineAttachment {
  const name = file["filename"];
  return [
    text(file["contentType"], `${at}contentType`),
    name === undefined || name === null ? null : text(name, `${at}filename`),
    bytes(file["body"], `${at}body`),
  ];
}
