/**
 * One MedCrypt v1 text: a note sealed under a key.
 *
 * The format shows the patient id to the messenger: use an alias. It has no replay protection.
 */

import type * as bindings from "../core/sdk.js";
import { bytes, content, integer, options as known, text } from "../arguments.js";
import { base64 } from "../bytes.js";
import { call } from "../module/sdk.js";
import { TesseraError, invalid } from "../errors.js";
import { Handle, inner } from "../module/handle.js";
import { pbkdf2, randomBytes, subtle } from "../module/webcrypto.js";
import { remembered } from "../remembered.js";

/** A derived key; it stays inside the module. */
export class MedcryptKey extends Handle<bindings.MedcryptKey> {
  /** A key that was derived elsewhere: 32 bytes. The caller's array is left as it is: wipe it. */
  static fromBytes(key: Uint8Array): MedcryptKey {
    return new MedcryptKey(call((sdk) => new sdk.MedcryptKey(bytes(key, "key", 32))));
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
export async function deriveKey(
  secret: string | Uint8Array,
  options: DeriveOptions = {},
): Promise<{ key: MedcryptKey; salt: Uint8Array }> {
  const { salt, iterations } = known(options, "options", ["salt", "iterations"]);
  const salted = salt === undefined ? randomBytes(16) : bytes(salt, "salt").slice();
  if (salted.length < 8) throw invalid("salt is shorter than 8 bytes");
  const rounds = iterations === undefined ? usualRounds() : integer(iterations, "iterations", 1, 100_000_000);
  return { key: await derived(content(secret, "secret"), salted, rounds), salt: salted };
}

/** The key of a calendar month, `YYYY-MM`. */
export async function monthKey(secret: string | Uint8Array, month: string): Promise<MedcryptKey> {
  const [, year, number] = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(text(month, "month")) ?? [];
  if (year === undefined || number === undefined) throw invalid("month is not YYYY-MM");
  const password = content(secret, "secret");
  const salt = call((sdk) => sdk.medcryptMonthSalt(password, Number(year), Number(number)));
  return derived(password, salt, usualRounds());
}

/** From this length on the platform's AES-GCM is faster than the module's, for all its asynchrony. */
const LONG_TEXT = 350;
const TAG_LENGTH = 16;

/** Seals a text; the patient id is authenticated, but readable by anyone. */
export async function encryptMessage(
  message: string,
  key: MedcryptKey | Uint8Array,
  patientId: string,
): Promise<string> {
  const [body, id] = [content(text(message, "text"), "text"), content(text(patientId, "patientId"), "patientId")];
  if (id.length === 0) throw invalid("patientId is empty");
  if (body.length < LONG_TEXT) return withKey(key, (key) => key.seal(body, id));
  const nonce = randomBytes(12);
  const sealed = await aesGcm("encrypt", await withKey(key, imported), nonce, id, body);
  const fields = [id, nonce, sealed.subarray(0, -TAG_LENGTH), sealed.subarray(-TAG_LENGTH)];
  // Nothing of a sealed text is secret: its base64 need not take constant time, as the module's does.
  return `[MEDCRYPT:v1:${fields.map(base64).join(":")}]`;
}

/** Opens a message: `MALFORMED` if it is not of the format, `NOT_AUTHENTIC` if it does not open. */
export async function decryptMessage(
  wire: string,
  key: MedcryptKey | Uint8Array,
): Promise<{ text: string; patientId: string }> {
  const message = text(wire, "wire");
  if (message.length < LONG_TEXT)
    return withKey(key, (key) => key.open(message) as { text: string; patientId: string });
  const { patientId, nonce, sealed } = call((sdk) => sdk.medcryptParse(message)) as {
    patientId: string;
    nonce: Uint8Array;
    sealed: Uint8Array;
  };
  const usable = await withKey(key, imported);
  try {
    const opened = await aesGcm("decrypt", usable, nonce, content(patientId, "patientId"), sealed);
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(opened), patientId };
  } catch {
    throw new TesseraError("NOT_AUTHENTIC", "the message does not open with this key");
  }
}

/** The patient id that a text shows to everyone, to find whose it is. Nothing vouches for it until the text is opened. `MALFORMED`. */
export function readAlias(wire: string): string {
  const message = text(wire, "wire");
  return (call((sdk) => sdk.medcryptParse(message)) as { patientId: string }).patientId;
}

/** What WebCrypto made of a key, for as long as the key is there. */
const IMPORTED = new WeakMap<bindings.MedcryptKey, Promise<CryptoKey>>();

/** A key that WebCrypto keeps to itself. */
function imported(key: bindings.MedcryptKey): Promise<CryptoKey> {
  return remembered(IMPORTED, key, () => {
    const raw = key.export();
    const made = subtle()
      .importKey("raw", raw as BufferSource, "AES-GCM", false, ["encrypt", "decrypt"])
      .finally(() => raw.fill(0));
    made.catch(() => IMPORTED.delete(key));
    return made;
  });
}

async function aesGcm(
  direction: "encrypt" | "decrypt",
  key: CryptoKey,
  iv: Uint8Array,
  additionalData: Uint8Array,
  data: Uint8Array,
): Promise<Uint8Array> {
  const parameters = { name: "AES-GCM", iv: iv as BufferSource, additionalData: additionalData as BufferSource };
  return new Uint8Array(await subtle()[direction](parameters, key, data as BufferSource));
}

function usualRounds(): number {
  return call((sdk) => sdk.medcryptIterations());
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
