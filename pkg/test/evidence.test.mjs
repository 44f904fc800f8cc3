// Evidence of who wrote a message: taken when it arrives, and verified by anyone who has it with the message.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { Portal, memoryStore, verifyEvidence } from "tessera-portal";
import { PASSPHRASE, enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, refused, utf8 } from "./support.mjs";

const store = { ...memoryStore(), async close() {} };
let relay, a, b, toB, toA, folder;
before(async () => {
  relay = await startRelay();
  [a, b] = [await person("Dr. Rivera", relay.url), await person("Ana Gómez", relay.url, { store })];
  [toB, toA] = await enrol(a, b);
  folder = await mkdtemp(join(tmpdir(), "tessera-evidence-"));
});
after(async () => {
  await Promise.all([a?.dispose(), b?.dispose()]);
  await relay?.end();
  await rm(folder, { recursive: true, force: true });
});

const arrived = async (message) => {
  const sent = await a.send(toB, message);
  await syncedUntil([a, b], "the message", async () =>
    (await b.messages(toA)).some(({ session }) => session === message.session),
  );
  return [sent, (await b.messages(toA)).find(({ session }) => session === message.session)];
};

test("evidence says who wrote a message, for whom and when, and how that was checked", async () => {
  const [sent, message] = await arrived({ text: "Continue metformin 500mg BID.", session: "visit-7421" });
  const evidence = await b.evidence(message.id);
  const says = verifyEvidence(evidence, await message.body());
  assert.deepEqual(says.sender, (await a.me()).fingerprint);
  assert.deepEqual(says.senderPublicKey, (await a.me()).publicKey);
  assert.deepEqual(says.recipient, (await b.me()).fingerprint);
  assert.deepEqual([says.sentAt, says.session, says.contentType], [sent.sentAt, "visit-7421", "text/plain"]);
  assert.equal(says.checked.by, "digits");
  assert.ok(Math.abs(says.checked.at - Date.now() / 1000) < 600);
  await refused("NOT_AUTHENTIC", async () => verifyEvidence(evidence, utf8("Stop metformin.")));
  await refused("MALFORMED", async () => verifyEvidence(evidence.subarray(1), utf8("x")));
  await refused("EVIDENCE_MISSING", () => a.evidence(sent.id));
  await refused("MESSAGE_UNKNOWN", () => b.evidence("nothing"));
});

test("of a message with files it proves all of it", async () => {
  const attachments = [new File(["%PDF"], "análisis.pdf", { type: "application/pdf" })];
  const [, message] = await arrived({ text: "See this.", attachments, session: "visit-7422" });
  const [evidence, body] = [await b.evidence(message.id), await message.body()];
  assert.equal(verifyEvidence(evidence, body).contentType, "application/vnd.tessera.message+cbor");
  const altered = body.slice();
  altered[altered.length - 1] ^= 1;
  await refused("NOT_AUTHENTIC", async () => verifyEvidence(evidence, altered));
});

test("what another implementation made is read, verified and refused alike", async () => {
  const cases = JSON.parse(await readFile(new URL("../../tests/data/evidence/evidence.json", import.meta.url)));
  const words = ["digits", "expected", "inPerson"];
  for (const { name, evidence, body, error, ...says } of cases) {
    const [given, written] = [evidence, body].map((hex) => new Uint8Array(Buffer.from(hex, "hex")));
    if (error !== undefined) {
      assert.equal((await refused(error, async () => verifyEvidence(given, written))).code, error, name);
      continue;
    }
    const { senderPublicKey, ...found } = verifyEvidence(given, written);
    assert.equal(senderPublicKey.length, 64);
    assert.deepEqual(
      {
        ...found,
        sender: Buffer.from(found.sender).toString("hex"),
        recipient: Buffer.from(found.recipient).toString("hex"),
      },
      {
        sender: says.sender,
        recipient: says.recipient,
        sentAt: says.sent_at,
        device: says.device,
        seq: says.seq,
        session: says.label || null,
        contentType: says.content_type,
        checked: says.checked && { by: words[says.checked[0]], at: says.checked[1] },
      },
      name,
    );
  }
});

test("a vault that is only read gives it too", async () => {
  const [, message] = await arrived({ text: "kept", session: "visit-7425" });
  const reader = await Portal.openReadOnly({ store, passphrase: PASSPHRASE });
  const evidence = await reader.evidence(message.id);
  assert.deepEqual(evidence, await b.evidence(message.id));
  assert.equal(verifyEvidence(evidence, await message.body()).session, "visit-7425");
  await reader.dispose();
});

test("it goes with its message", async () => {
  const [, message] = await arrived({ text: "to be deleted", session: "visit-7423" });
  await b.deleteMessage(message.id);
  await refused("MESSAGE_UNKNOWN", () => b.evidence(message.id));
});

test("a command verifies it offline", async () => {
  const [, message] = await arrived({ text: "for the court", session: "visit-7424" });
  const files = [join(folder, "evidence"), join(folder, "body"), join(folder, "other")];
  await writeFile(files[0], await b.evidence(message.id));
  await writeFile(files[1], await message.body());
  await writeFile(files[2], "something else");
  const command = fileURLToPath(new URL("../dist/audit/evidence-cli.js", import.meta.url));
  const run = (...args) =>
    new Promise((resolve) => {
      execFile(process.execPath, [command, ...args], (error, out, err) => resolve([error?.code ?? 0, out + err]));
    });
  const [code, said] = await run(files[0], files[1]);
  assert.equal(code, 0);
  assert.match(said, /^VERIFIED/);
  assert.ok(said.includes(Buffer.from((await a.me()).fingerprint).toString("hex")));
  const [, json] = await run(files[0], files[1], "--json");
  assert.deepEqual([JSON.parse(json).valid, JSON.parse(json).checked.by], [true, "digits"]);
  assert.match((await run(files[0], files[2])).join(), /^1,NOT VERIFIED/);
  assert.match((await run(files[0], join(folder, "none"))).join(), /^2,/);
  assert.match((await run(files[0])).join(), /^2,Usage/);
});

test("a command that cannot verify does not say that evidence proves nothing", async () => {
  const [, message] = await arrived({ text: "for the court", session: "visit-7425" });
  const files = [join(folder, "some-evidence"), join(folder, "some-body")];
  await writeFile(files[0], await b.evidence(message.id));
  await writeFile(files[1], await message.body());
  // The package without its module.
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const filter = (path) => !path.endsWith(".wasm");
  await cp(fileURLToPath(new URL("../dist", import.meta.url)), join(folder, "dist"), { recursive: true, filter });
  const command = join(folder, "dist/audit/evidence-cli.js");
  const [code, said] = await new Promise((resolve) => {
    execFile(process.execPath, [command, ...files], { cwd: folder }, (error, out, err) =>
      resolve([error?.code ?? 0, out + err]),
    );
  });
  assert.equal(code, 2);
  assert.match(said, /core-first\.wasm cannot be read/);
});
