/** The audit log: what it says, and how a change of it shows. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import test, { after, before } from "node:test";
import { Portal, memoryStore, verifyAuditExport } from "tessera-portal";
import { SECRET, loggedConversation } from "./logged.mjs";
import { PASSPHRASE, person, record } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, flipped, refused } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
/** What people did; the loop signs the log by itself too. */
const events = (entries) => entries.map(({ event }) => event).filter((event) => event !== "checkpoint");
const conversation = () => loggedConversation(relay);

test("both logs say who met whom and what was sent, and never what it said", async () => {
  const { clinician, patient, toPatient } = await conversation();
  const [ours, theirs] = [await clinician.audit.entries(), await patient.audit.entries()];
  assert.deepEqual(events(ours), ["began", "invited", "enrolled", "verified", "sent", "delivered"]);
  assert.deepEqual(events(theirs), ["began", "accepted", "enrolled", "verified", "received"]);
  assert.deepEqual(
    ours.map(({ index }) => index),
    [...ours.keys()],
  );
  const [sent, received] = [ours.at(-2), theirs.at(-1)];
  assert.equal(sent.contact, toPatient);
  assert.equal(sent.fingerprint, Buffer.from((await patient.me()).fingerprint).toString("hex"));
  assert.deepEqual([sent.digest, sent.label, sent.session], [sha256(SECRET), "visit-7421", received.session]);
  assert.equal(received.digest, sent.digest);
  assert.equal(ours.at(-3).by, "digits");
  for (const text of [
    JSON.stringify([ours, theirs]),
    await clinician.audit.export("ndjson"),
    await patient.audit.export("csv"),
    await clinician.audit.export("fhir"),
  ]) {
    // Sealed bytes and signatures in base64 hold any three letters now and then.
    const read = text.replaceAll(/"(?:blob|proof)":"[^"]*"/g, "");
    for (const word of ["sífilis", "A53", "Luis", "Ana"]) assert.ok(!read.includes(word), word);
  }
  assert.deepEqual(events(await clinician.audit.entries({ limit: 3 })), ["delivered", "exported", "exported"]);
  assert.deepEqual(
    (await clinician.audit.entries({ before: 5, limit: 2 })).map(({ index }) => index),
    [3, 4],
  );
  await refused("INVALID_ARGUMENT", () => clinician.audit.entries({ before: -1 }));
  await refused("INVALID_ARGUMENT", () => clinician.audit.export("pdf"));
  await Promise.all([clinician.dispose(), patient.dispose()]);
});

test("a log of several pages is read in order, and goes on after the portal is opened again", async () => {
  const store = memoryStore();
  let portal = await person("Ana", relay.url, { store });
  for (let i = 0; i < 300; i++) await portal.audit.checkpoint();
  await portal.dispose();
  portal = await Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "Ana" });
  const { length } = await portal.audit.entries({ limit: 1000 });
  assert.ok(length >= 301);
  assert.deepEqual(
    (await portal.audit.entries({ before: 260, limit: 8 })).map(({ index }) => index),
    [252, 253, 254, 255, 256, 257, 258, 259],
  );
  assert.deepEqual(await portal.audit.verify(), {
    intact: true,
    entries: length,
    problem: null,
    index: null,
    anchoredAt: null,
  });
  const verdict = await verifyAuditExport(await portal.audit.export("ndjson"));
  assert.deepEqual(
    [verdict.valid, verdict.entries, verdict.signed, verdict.anchoredAt],
    [true, length + 1, length, null],
  );
  await portal.dispose();
});

test("whatever is changed in the store is found, and where", async () => {
  const { store, clinician, patient } = await conversation();
  const { entries: kept } = await store.list("a/");
  const { entries: all } = await store.list("");
  const checkpoint = await clinician.audit.checkpoint();
  const put = async (changes) => store.commit((await store.list("")).revision, changes);
  const found = async (changes, undo) => {
    await put(changes);
    const verdict = await clinician.audit.verify();
    await put(undo);
    assert.equal((await clinician.audit.verify()).intact, true, "mended");
    assert.equal(verdict.intact, false);
    return verdict;
  };
  assert.deepEqual(await clinician.audit.verify({ checkpoint: checkpoint.text }), {
    intact: true,
    entries: kept.length + 1,
    problem: null,
    index: null,
    anchoredAt: kept.length,
  });
  for (const [at, [key, value]] of kept.entries()) {
    for (let byte = 0; byte < value.length; byte += 7) {
      assert.deepEqual(
        (({ problem, index }) => [problem, index])(await found([[key, flipped(value, byte)]], [[key, value]])),
        ["entry", at],
      );
    }
    assert.equal((await found([[key, null]], [[key, value]])).index, at, "dropped");
    const [other, otherValue] = kept[(at + 1) % kept.length];
    assert.equal(
      (
        await found(
          [
            [key, otherValue],
            [other, value],
          ],
          [
            [key, value],
            [other, otherValue],
          ],
        )
      ).index,
      Math.min(at, (at + 1) % kept.length),
      "swapped",
    );
    assert.equal(
      (await found([[`${key}x`, value]], [[`${key}x`, null]])).index,
      Math.min(at + 1, kept.length),
      "inserted",
    );
  }
  await put([[kept[2][0], flipped(kept[2][1])]]);
  await refused("AUDIT_INVALID", () => clinician.audit.entries());
  await refused("AUDIT_INVALID", () =>
    clinician.audit.verify({ checkpoint: checkpoint.text.replace('"time":1', '"time":2') }),
  );
  await refused("MALFORMED", () => clinician.audit.verify({ checkpoint: "nothing" }));
  await clinician.dispose();

  // The whole store as it was before: only the checkpoint that was kept elsewhere shows it.
  const old = memoryStore();
  await old.commit(0, all);
  const rolledBack = await Portal.open({ relay: relay.url, store: old, passphrase: PASSPHRASE, name: "Dr. Ana Ruiz" });
  assert.equal((await rolledBack.audit.verify()).intact, true);
  const { length } = await rolledBack.audit.entries();
  if (length <= checkpoint.index)
    assert.deepEqual(await rolledBack.audit.verify({ checkpoint: checkpoint.text }), {
      intact: false,
      entries: length,
      problem: "missing",
      index: length,
      anchoredAt: null,
    });
  while ((await rolledBack.audit.entries()).length <= checkpoint.index) await rolledBack.audit.export("csv");
  assert.equal(
    (await rolledBack.audit.verify({ checkpoint: checkpoint.text })).problem,
    "checkpoint",
    "written on after it",
  );
  await Promise.all([rolledBack.dispose(), patient.dispose()]);
});

test("a checkpoint is given to its listeners, and is worth what it is kept for", async () => {
  const { clinician, patient } = await conversation();
  const told = record(clinician, "checkpoint");
  const checkpoint = await clinician.audit.checkpoint();
  assert.deepEqual(told.checkpoint, [checkpoint]);
  assert.match(
    checkpoint.text,
    /^\{"tessera_audit":1,"owner":"[0-9a-f]{64}"\}\n\{"checkpoint":\d+,"head":"[0-9a-f]{64}","time":\d+,"proof":"[\w+/=]+"\}\n$/,
  );
  const exported = await clinician.audit.export("ndjson");
  const verdict = await verifyAuditExport(exported, { checkpoint: checkpoint.text });
  assert.deepEqual([verdict.valid, verdict.anchoredAt, verdict.signed], [true, checkpoint.index, checkpoint.index + 1]);
  const foreign = await patient.audit.checkpoint();
  assert.deepEqual(await verifyAuditExport(exported, { checkpoint: foreign.text }), {
    valid: false,
    problem: "checkpoint",
    index: null,
  });
  assert.deepEqual(await verifyAuditExport(exported, { checkpoint: "{}" }), {
    valid: false,
    problem: "keptMalformed",
    index: null,
  });
  assert.equal(
    (await verifyAuditExport(exported, { checkpoint: exported })).anchoredAt,
    checkpoint.index + 1,
    "an earlier export is as good",
  );
  await Promise.all([clinician.dispose(), patient.dispose()]);
});

test("a restored portal goes on with the log of its backup, and a locked one gives nothing of it", async () => {
  const portal = await person("Ana", relay.url);
  await portal.invite({ kind: "qr" });
  const bundle = await portal.vault.backup();
  const { text: later } = await portal.audit.checkpoint();
  const again = await Portal.restore(bundle, { store: memoryStore(), relay: relay.url, passphrase: PASSPHRASE });
  const seen = events(await again.audit.entries());
  assert.deepEqual(seen.slice(0, 3), ["began", "invited", "backedUp"]);
  assert.ok(seen.includes("restored"));
  assert.equal((await again.audit.verify()).intact, true);
  // What the former device signed after the backup is not in this log.
  assert.equal((await again.audit.verify({ checkpoint: later })).intact, false);
  assert.equal((await verifyAuditExport(await again.audit.export("ndjson"))).valid, true);
  await again.vault.lock();
  for (const call of [() => again.audit.entries(), () => again.audit.verify(), () => again.audit.export("csv")])
    await refused("LOCKED", call);
  await again.vault.unlock(PASSPHRASE);
  const [locked, unlocked] = (await again.audit.entries()).filter(({ event }) => /locked$/.test(event)).slice(-2);
  assert.deepEqual(
    [locked.event, locked.idle, unlocked.event, unlocked.by],
    ["locked", false, "unlocked", "passphrase"],
  );
  await Promise.all([portal.dispose(), again.dispose()]);
});

test("the protocol's table, the engine and the package name the same events", async () => {
  const source = (path) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");
  const [protocol, engine, types] = await Promise.all(
    ["docs/protocol.md", "src/client/audit_event/mod.rs", "pkg/src/portal/types/audit.ts"].map(source),
  );
  const table = /### What this client logs([\s\S]*?)\n\n`session`/.exec(protocol)[1];
  const documented = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  const [named] = /fn event[\s\S]*?\n {4}\}/.exec(engine);
  const [ofMessages] = /enum MessageEvent[\s\S]*?\n {4}\}/.exec(engine);
  const written = [...`${named}${ofMessages}`.matchAll(/=>? "(\w+)"/g)].map(([, name]) => name);
  const typed = [.../AuditEventName =([^;]*);/.exec(types)[1].matchAll(/"(\w+)"/g)].map(([, name]) => name);
  assert.ok(written.length > 25);
  assert.deepEqual(documented.toSorted(), written.toSorted());
  assert.deepEqual(typed.toSorted(), written.toSorted());
});
