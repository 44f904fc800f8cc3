/** A vault opened by a key that the host keeps: in its key management, or from single sign-on. */

import { bytes, kindOf } from "../arguments.js";
import { TesseraError, invalid, isTesseraError } from "../errors.js";
import { subtle } from "../module/webcrypto.js";
import type { HostKey } from "../portal/types.js";

const KEY_LENGTH = 32;
/** HKDF's info, and what an HMAC key signs. */
const INFO = new TextEncoder().encode("tessera/v1/vault/host-key");

/** Derives the key-encryption key, uses it, and wipes it. */
export async function withHostKey<T>(key: HostKey, use: (kek: Uint8Array) => T | Promise<T>): Promise<T> {
  const kek = await derive(key);
  try {
    return await use(kek);
  } finally {
    kek.fill(0);
  }
}

/** A key of the right type, whose bytes are checked once they are known. */
export function requireHostKey(key: unknown): HostKey {
  if (typeof key === "function") return key as HostKey;
  return isCryptoKey(key) ? key : bytes(key, "key", KEY_LENGTH);
}

async function derive(key: HostKey): Promise<Uint8Array> {
  if (typeof key === "function") return fromBytes(bytes(await asked(key), "key", KEY_LENGTH));
  return isCryptoKey(key) ? fromCryptoKey(key) : fromBytes(key);
}

async function asked(key: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await key();
  } catch (cause) {
    if (isTesseraError(cause)) throw cause;
    throw new TesseraError("INVALID_ARGUMENT", "key: the function gave none", { cause });
  }
}

async function fromBytes(key: Uint8Array): Promise<Uint8Array> {
  return hkdf(await subtle().importKey("raw", key as BufferSource, "HKDF", false, ["deriveBits"]));
}

/** HKDF and HMAC keys need not be extractable; of others, the bytes are taken. */
async function fromCryptoKey(key: CryptoKey): Promise<Uint8Array> {
  const { name } = key.algorithm;
  if (name === "HKDF" && key.usages.includes("deriveBits")) return hkdf(key);
  if (name === "HMAC" && key.usages.includes("sign")) {
    const signed = new Uint8Array(await subtle().sign("HMAC", key, INFO));
    return signed.subarray(0, KEY_LENGTH);
  }
  if (!key.extractable || key.type !== "secret")
    throw invalid("key is neither of HKDF with deriveBits, nor of HMAC with sign, nor a secret that can be extracted");
  const raw = new Uint8Array(await subtle().exportKey("raw", key));
  try {
    return await fromBytes(bytes(raw, "key", KEY_LENGTH));
  } finally {
    raw.fill(0);
  }
}

async function hkdf(key: CryptoKey): Promise<Uint8Array> {
  const parameters = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: INFO };
  return new Uint8Array(await subtle().deriveBits(parameters, key, 8 * KEY_LENGTH));
}

function isCryptoKey(value: unknown): value is CryptoKey {
  return kindOf(value) === "CryptoKey";
}
