import test, { after, before, describe } from "node:test";
import initCore from "../dist/core/core.js";
import initSdk from "../dist/core/sdk.js";
import { memoryStore } from "tessera-portal";
import { BlindedSender, BlindedVerifier, Sender, SecureEncryption, Verifier, medcrypt } from "tessera-portal/sdk";
import { PASSPHRASE, enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, utf8 } from "./support.mjs";
import { secretsOf } from "./vault-secrets.mjs";

/** Whether the memory of either module holds these bytes anywhere, freed blocks and the stack included. */
async function inMemory(needle) {
  const modules = await Promise.all([initCore(), initSdk()]);
  return modules.some(({ memory }) => Buffer.from(memory.buffer).includes(needle));
}

/** How deep calls have reached into a module's stack, which ends at 1 MiB and is wiped to some depth. */
async function stackUsed(initModule) {
  const { memory } = await initModule();
  const stack = new Uint8Array(memory.buffer, 0, 2 ** 20);
  return stack.length - stack.findIndex((byte) => byte !== 0);
}

/** Using the generator makes its tables at some time, 60 KiB deep. They are public: what they leave does not count. */
async function makeTables() {
  for (let uses = 0; uses < 20; uses++) Sender.generate().dispose();
  const { memory } = await initSdk();
  new Uint8Array(memory.buffer, 0, 2 ** 20).fill(0);
}

test("no secret stays in the module's memory after dispose", async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const text = `patient note ${crypto.randomUUID()}`;
  await makeTables();
  const sender = Sender.fromSecret(secret);
  assert.ok(await inMemory(secret), "the scan finds a secret that is in use");
  const prover = new BlindedSender(sender, seed, { sessionId: "s" });
  const sealed = await SecureEncryption.encrypt(prover.prove(text), text, sender.publicKey);
  await SecureEncryption.decrypt(sealed, sender);
  const key = medcrypt.MedcryptKey.fromBytes(seed);
  await medcrypt.decryptMessage(await medcrypt.encryptMessage(text, key, "alias"), key);
  const proof = prover.prove(text);
  const verifier = new BlindedVerifier(new Verifier({ expectedPublicKey: sender.publicKey }), seed, { sessionId: "s" });
  const item = { verifier, proof, pseudonym: prover.pseudonym(), message: text };
  assert.ok(verifier.verify(proof, item.pseudonym, text));
  assert.ok(BlindedVerifier.verifyBatch(Array(300).fill(item)).every(Boolean));
  const used = await stackUsed(initSdk);
  assert.ok(used > 1024 && used < 32 * 1024, `the calls used ${used} bytes of the 64 KiB that are wiped`);
  for (const handle of [sender, prover, key, verifier]) handle.dispose();
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

describe("a portal with a contact and messages", () => {
  let relay;
  before(async () => {
    relay = await startRelay();
  });
  after(() => relay?.end());

  for (const end of ["lock", "dispose", "destroy"]) {
    test(`after ${end}, the module's memory holds no key and nothing that was written`, async () => {
      const [store, passphrase] = [memoryStore(), utf8(`passphrase ${crypto.randomUUID()}`)];
      const [a, b] = [await person("A", relay.url, { store, passphrase }), await person("B", relay.url)];
      const [toB, toA] = await enrol(a, b);
      const words = ["sent", "received", "drafted", "label"].map((what) => `${what} ${crypto.randomUUID()}`);
      const [sent, received, drafted, label] = words;
      await a.send(toB, { text: sent, session: label });
      await b.send(toA, { text: received });
      await syncedUntil(
        [a, b],
        "both messages",
        async () => (await a.messages(toB)).length === 2 && (await b.messages(toA)).length === 2,
      );
      await a.setDraft(toB, drafted);
      await a.draft(toB);
      const used = await stackUsed(initCore);
      assert.ok(used > 1024 && used < 256 * 1024, `the calls used ${used} bytes of the 512 KiB that are wiped`);
      await b.dispose();

      const { kek, ...secrets } = await secretsOf(store, passphrase);
      for (const name of ["vault key", "identity secret", "sending chain", "receiving chain"]) {
        assert.ok(await inMemory(secrets[name]), `before it, the scan finds the ${name}`);
      }
      for (const [name, needle] of [
        ["passphrase", passphrase],
        ["key-encryption key", kek],
      ]) {
        assert.ok(!(await inMemory(needle)), `the ${name} is never there for long`);
      }
      await (end === "dispose" ? a.dispose() : a.vault[end]());
      for (const [name, secret] of Object.entries({ ...secrets, kek, passphrase }))
        assert.ok(!(await inMemory(secret)), name);
      for (const text of words) assert.ok(!(await inMemory(utf8(text))), text);
      await a.dispose();
    });
  }

  test("what is sent as text leaves no copy behind, also while it is open", async () => {
    const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
    const [toB] = await enrol(a, b);
    const text = `Continue metformin ${crypto.randomUUID()}`;
    await a.send(toB, { text });
    await a.setDraft(toB, text);
    assert.equal(await a.draft(toB), text);
    assert.equal((await a.messages(toB)).at(-1).text, text);
    assert.ok(!(await inMemory(utf8(text))));
    await Promise.all([a.dispose(), b.dispose()]);
  });

  test("a passphrase that is changed, and one that is wrong, are not there afterwards", async () => {
    const a = await person("A", relay.url);
    const next = `next ${crypto.randomUUID()}`;
    await a.vault.changePassphrase(PASSPHRASE, next);
    await a.vault.lock();
    await a.vault.unlock(`${next} wrong`).catch(() => {});
    await a.vault.unlock(next);
    assert.ok(!(await inMemory(utf8(next))));
    await a.dispose();
  });
});
