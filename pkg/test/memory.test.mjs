import test from "node:test";
import initCore from "../dist/core/core.js";
import { BlindedSender, Sender, SecureEncryption, medcrypt } from "tessera-portal";
import { person } from "./people.mjs";
import { assert } from "./support.mjs";

/** Whether the module's memory holds these bytes anywhere, freed blocks included. */
async function inMemory(needle) {
  const { memory } = await initCore();
  return Buffer.from(memory.buffer).includes(needle);
}

test("no secret stays in the module's memory after dispose", async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const text = `patient note ${crypto.randomUUID()}`;
  const sender = Sender.fromSecret(secret);
  assert.ok(await inMemory(secret), "the scan finds a secret that is in use");
  const prover = new BlindedSender(sender, seed, { sessionId: "s" });
  const sealed = await SecureEncryption.encrypt(prover.prove(text), text, sender.publicKey);
  await SecureEncryption.decrypt(sealed, sender);
  const key = medcrypt.MedcryptKey.fromBytes(seed);
  await medcrypt.decryptMessage(await medcrypt.encryptMessage(text, key, "alias"), key);
  for (const handle of [sender, prover, key]) handle.dispose();
  assert.ok(!(await inMemory(secret)), "the identity's secret");
  assert.ok(!(await inMemory(seed)), "the seed");
  assert.ok(!(await inMemory(Buffer.from(text))), "the text");
});

test("opening a portal leaves no passphrase in the module's memory", async () => {
  const passphrase = `passphrase ${crypto.randomUUID()}`;
  const portal = await person("A", "http://127.0.0.1:9", { passphrase });
  assert.ok(!(await inMemory(Buffer.from(passphrase))));
  await portal.dispose();
});
