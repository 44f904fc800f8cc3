/** A message as the elements show it and send it. */

import type { Attachment, Message } from "../../index.js";

/** FHIR travels under its own media type, so that the reader's portal shows it as a result. */
export function contentTypeOf(file: File): string {
  if (file.type === "application/fhir+json" || /\.json$/i.test(file.name)) return "application/fhir+json";
  return file.type === "" ? "application/octet-stream" : file.type;
}

export type FileKind = "photo" | "pdf" | "result" | "other";

const PHOTOS = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"]);

export function kindOf({ contentType }: Pick<Attachment, "contentType">): FileKind {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (PHOTOS.has(type)) return "photo";
  if (type === "application/pdf") return "pdf";
  return /json|xml|hl7/.test(type) ? "result" : "other";
}

/** When the message came, or was written here. */
export function timeOf(message: Message): number {
  return message.receivedAt ?? message.sentAt;
}

export function isUnread(message: Message): boolean {
  return message.direction === "in" && message.state === "verified" && !message.read;
}

/** One that was read: those before it were, too. */
export function isRead(message: Message): boolean {
  return message.direction === "in" && message.state === "verified" && message.read;
}

/** A name for the file that a person saves. */
export function saveName({ filename, contentType }: Pick<Attachment, "contentType" | "filename">): string {
  if (filename !== null && filename !== "") return filename;
  if (/hl7-v2/i.test(contentType)) return "result.hl7";
  return kindOf({ contentType }) === "result" ? "result.json" : "file.bin";
}
