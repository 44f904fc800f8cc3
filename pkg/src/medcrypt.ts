/**
 * MedCrypt v1 messages: notes sealed under a key and carried as text by any messenger.
 *
 * The format shows the patient id to the messenger: use an alias. It has no replay protection.
 */

import type * as bindings from "./core/core.js";
import { bytes, content, integer, object, text } from "./arguments.js";
import { call } from "./core.js";
import { invalid } from "./errors.js";
import { Handle, inner } from "./handle.js";
import { pbkdf2, randomBytes } from "./webcrypto.js";

/** A derived key; it stays inside the module. */
export class MedcryptKey extends Handle<bindings.MedcryptKey> {
  /** A key that was derived elsewhere: 32 bytes. The caller's array is left as it is: wipe it. */
  static fromBytes(key: Uint8Array): MedcryptKey {
    return new MedcryptKey(call((core) => new core.MedcryptKey(bytes(key, "key", 32))));
  }

  private constructor(key: bindings.MedcryptKey) {
    super(key);
  }

  /** The 32 bytes of the key. */
  export(): Uint8Array {
    return call(() => inner(this).export());
  }
}

export interface DeriveOptions {
  /** At least 8 bytes; 16 random ones if left out. */
  readonly salt?: Uint8Array;
  /** Rounds of PBKDF2; 600 000 if left out. */
  readonly iterations?: number;
}

/** PBKDF2-HMAC-SHA256 of a secret. */
export async function deriveKey(secret: string | Uint8Array, options: DeriveOptions = {}): Promise<{ key: MedcryptKey; salt: Uint8Array }> {
  const { salt, iterations } = object(options, "options");
  const salted = salt === undefined ? randomBytes(16) : bytes(salt, "salt").slice();
  if (salted.length < 8) throw invalid("salt is shorter than 8 bytes");
  const rounds = iterations === undefined ? call((core) => core.medcryptIterations()) : integer(iterations, "iterations", 1, 100_000_000);
  return { key: await derived(content(secret, "secret"), salted, rounds), salt: salted };
}

/** The key of a calendar month, `YYYY-MM`. */
export async function monthKey(secret: string | Uint8Array, month: string): Promise<MedcryptKey> {
  const [, year, number] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text(month, "month")) ?? [];
  if (year === undefined || number === undefined) throw invalid("month is not YYYY-MM");
  const password = content(secret, "secret");
  const salt = call((core) => core.medcryptMonthSalt(password, Number(year), Number(number)));
  return derived(password, salt, call((core) => core.medcryptIterations()));
}

/** Seals a text; the patient id is authenticated, but readable by anyone. */
export async function encryptMessage(message: string, key: MedcryptKey | Uint8Array, patientId: string): Promise<string> {
  const [body, id] = [content(text(message, "text"), "text"), content(text(patientId, "patientId"), "patientId")];
  return withKey(key, (key) => key.seal(body, id));
}

/** Opens a message: `MALFORMED` if it is not of the format, `NOT_AUTHENTIC` if it does not open. */
export async function decryptMessage(wire: string, key: MedcryptKey | Uint8Array): Promise<{ text: string; patientId: string }> {
  const sealed = text(wire, "wire");
  return withKey(key, (key) => key.open(sealed) as { text: string; patientId: string });
}

async function derived(password: Uint8Array, salt: Uint8Array, iterations: number): Promise<MedcryptKey> {
  const key = await pbkdf2(password, salt, iterations);
  try {
    return MedcryptKey.fromBytes(key);
  } finally {
    key.fill(0);
  }
}

function withKey<T>(key: MedcryptKey | Uint8Array, use: (key: bindings.MedcryptKey) => T): T {
  if (key instanceof MedcryptKey) return call(() => use(inner(key)));
  const own = MedcryptKey.fromBytes(key);
  try {
    return call(() => use(inner(own)));
  } finally {
    own.dispose();
  }
}
