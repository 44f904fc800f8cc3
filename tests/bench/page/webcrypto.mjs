// Operations that WebCrypto offers too, beside WebCrypto alone.

import { medcrypt } from "tessera-portal/sdk";
import { equal, random, text } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { compare } from "./measure.mjs";

const ROUNDS = 600_000;
const PATIENT = "alias-0042";

export async function crossCheck() {
  const [secret, salt] = [random(32), random(16)];
  const { key } = await medcrypt.deriveKey(secret, { salt, iterations: ROUNDS });
  agree(equal(key.export(), await pbkdf2(secret, salt)), "PBKDF2");
  const wire = await medcrypt.encryptMessage(body(1024), key, PATIENT);
  agree((await open(wire, await aesKey(key.export()))) === body(1024), "a MedCrypt message");
}

export async function measure(budget) {
  const [secret, salt] = [random(32), random(16)];
  const derive = await compare(
    {
      tessera: async () => {
        const { key } = await medcrypt.deriveKey(secret, { salt, iterations: ROUNDS });
        key.dispose();
      },
      webcrypto: async () => void (await pbkdf2(secret, salt)),
    },
    { ...budget, warmUp: 1 },
  );
  const { key } = await medcrypt.deriveKey(secret, { salt, iterations: 1 });
  const native = await aesKey(key.export());
  const seal = {};
  for (const size of [1024, 65_536]) {
    const message = body(size);
    seal[size] = await compare(
      {
        tessera: async () => void (await medcrypt.encryptMessage(message, key, PATIENT)),
        webcrypto: async () => void (await sealed(message, native)),
      },
      budget,
    );
  }
  return { derive, seal };
}

const body = (size) => "x".repeat(size);

async function pbkdf2(secret, salt) {
  const key = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS }, key, 256),
  );
}

const aesKey = (bytes) => crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);

/** The same message in the same text format. */
async function sealed(message, key) {
  const [iv, id] = [random(12), text(PATIENT)];
  const out = new Uint8Array(
    await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: id }, key, text(message)),
  );
  return `[MEDCRYPT:v1:${id.toBase64()}:${iv.toBase64()}:${out.subarray(0, -16).toBase64()}:${out.subarray(-16).toBase64()}]`;
}

async function open(wire, key) {
  const [id, iv, ciphertext, tag] = wire
    .slice(1, -1)
    .split(":")
    .slice(2)
    .map((field) => Uint8Array.fromBase64(field));
  const whole = new Uint8Array([...ciphertext, ...tag]);
  return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: id }, key, whole));
}
