/** What the platform's WebCrypto does better than the module: PBKDF2, SHA-256 and long AES-GCM bodies. */

import { TesseraError } from "../errors.js";

/** `crypto.subtle`, absent outside secure contexts. */
export function subtle(): SubtleCrypto {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined)
    throw new TesseraError("UNSUPPORTED", "no WebCrypto here: serve the page over HTTPS or from localhost");
  return subtle;
}

/** PBKDF2-HMAC-SHA256, 32 bytes. Neither array passed is changed; wipe the result after use. */
export async function pbkdf2(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<Uint8Array> {
  const key = await subtle().importKey("raw", password as BufferSource, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt: salt as BufferSource, iterations };
  return new Uint8Array(await subtle().deriveBits(parameters, key, 256));
}

export async function sha256(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await subtle().digest("SHA-256", bytes as BufferSource));
}

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
