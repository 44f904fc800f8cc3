/** Identifiers that are specific to a deployment, and digests. */

import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { base64, hex, uuid } from "../../bytes.js";

/**
 * The first 16 bytes of HMAC-SHA-256 over the parts, each with its length: the same message has the same key in this
 * deployment, and nobody without the secret can tell that two keys, here and elsewhere, are of one message.
 */
export function messageKey(secret: Uint8Array, parts: readonly (string | Uint8Array)[]): string {
  const code = hmac.create(sha256, secret);
  for (const part of parts) {
    const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
    code.update(new Uint8Array([bytes.length >> 8, bytes.length & 0xff])).update(bytes);
  }
  return hex(code.digest().subarray(0, 16));
}

/** A UUID for an entry of a transaction, from its key. */
export function entryUrl(key: string, part: string): string {
  return `urn:uuid:${uuid(hex(sha256(new TextEncoder().encode(`${key} ${part}`))))}`;
}

export function contentDigest(body: Uint8Array): string {
  return hex(sha256(body));
}

/** An Attachment's data, its size, and its SHA-1, which R4 asks for. */
export function attachmentData(body: Uint8Array): {
  readonly data: string;
  readonly size: number;
  readonly hash: string;
} {
  return { data: base64(body), size: body.length, hash: base64(sha1(body)) };
}
