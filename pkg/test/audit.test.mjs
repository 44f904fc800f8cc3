import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { Portal, memoryStore, verifyAuditExport } from "tessera-portal";
import { PASSPHRASE, enrol, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, flipped, refused, utf8, vectors } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const CLI = fileURLToPath(new URL("../dist/audit/verify-cli.js", import.meta.url));
const SECRET = "Hallazgo: sífilis latente (A53.0)";
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
/** What people did; the loop signs the log by itself too. */
const events = (entries) => entries.map(({ event }) => event).filter((event) => event !== "checkpoint");

/** Two people who have met, and one message between them that was delivered; the clinician's store and checkpoint too. */
async function conversation(label = "visit-7421") {
  const store = memoryStore();
  const [clinician, patient] = [await person("Dr. Ana Ruiz", relay.url, { store }), await person("Luis", relay.url)];
  const [toPatient] = await enrol(clinician, patient);
  await clinician.send(toPatient, { text: SECRET, session: label });
  await syncedUntil(
    [clinician, patient],
    "delivery",
    async () => (await clinician.messages(toPatient))[0].state === "delivered",
  );
  return { store, clinician, patient, toPatient };
}

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
    for (const word of ["sífilis", "A53", "Luis", "Ana"]) assert.ok(!text.includes(word), word);
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

test("a log of several pages is read in order, and goes on after the portal is opened anew", async () => {
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

test("a checkpoint is given to whoever listens, and is worth what it is kept for", async () => {
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

test("every single edit of an export is found", async () => {
  const portal = await person("Ana", relay.url);
  await portal.invite({ kind: "qr" });
  const { text: kept } = await portal.audit.checkpoint();
  await portal.audit.checkpoint();
  const bytes = utf8(await portal.audit.export("ndjson"));
  const whole = new TextDecoder().decode(bytes);
  assert.equal((await verifyAuditExport(bytes)).valid, true);
  for (let at = 0; at < bytes.length; at++) {
    const { valid } = await verifyAuditExport(flipped(bytes, at));
    assert.equal(valid, false, `byte ${at} of ${whole.slice(Math.max(0, at - 20), at + 20)}`);
  }
  const lines = whole.trimEnd().split("\n");
  const text = (list) => `${list.join("\n")}\n`;
  assert.equal(text(lines), whole);
  for (let i = 0; i < lines.length; i++) {
    const without = text(lines.toSpliced(i, 1));
    const { valid, signed } = await verifyAuditExport(without);
    // Without its last line nothing is signed any more, which the verdict says.
    if (i < lines.length - 1) assert.equal(valid, false, `dropped line ${i}`);
    else assert.equal(signed, null);
    assert.equal(
      (await verifyAuditExport(text(lines.toSpliced(i, 0, lines[i])))).valid,
      i === lines.length - 1,
      `line ${i} twice`,
    );
    for (let j = 0; j < i; j++) {
      const swapped = lines.with(i, lines[j]).with(j, lines[i]);
      assert.equal((await verifyAuditExport(text(swapped))).valid, false, `lines ${i} and ${j} swapped`);
    }
  }
  const unsigned = lines.slice(0, -1);
  for (let count = 1; count < unsigned.length; count++) {
    const cut = text(unsigned.slice(0, count));
    const against = await verifyAuditExport(cut, { checkpoint: kept });
    const reached = count - 1 > JSON.parse(kept.split("\n")[1]).checkpoint;
    assert.equal(against.valid, reached, `cut to ${count - 1} entries`);
    if (!reached) assert.equal(against.problem, "truncated");
  }
  await portal.dispose();
});

test("the vectors of the protocol, each as an export", async () => {
  for (const { entries, checkpoint, valid = true, why } of await vectors("audit")) {
    const lines = [{ tessera_audit: 1, owner: checkpoint.owner_auth_pk }];
    for (const [i, { plain, blob, head }] of entries.entries()) {
      const bytes = Buffer.from(plain, "hex");
      lines.push({
        i,
        salt: bytes.subarray(0, 16).toString("hex"),
        record: bytes.subarray(16).toString(),
        blob: Buffer.from(blob, "hex").toString("base64"),
        head,
      });
    }
    const { index, head, time, proof } = checkpoint;
    lines.push({ checkpoint: index, head, time, proof: Buffer.from(proof, "hex").toString("base64") });
    const verdict = await verifyAuditExport(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    assert.equal(verdict.valid, valid, why);
  }
});

test("the command says whether an export verifies, and ends with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tessera-audit-"));
  const portal = await person("Ana", relay.url);
  const { text: checkpoint } = await portal.audit.checkpoint();
  const exported = await portal.audit.export("ndjson");
  await portal.dispose();
  const file = async (name, text) => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const run = (...args) => spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8" });
  const [log, kept] = [await file("export.ndjson", exported), await file("checkpoint", checkpoint)];
  const alone = run(log);
  assert.equal(alone.status, 0, alone.stderr);
  assert.match(alone.stdout, /^VERIFIED: \d entries[\s\S]*this proves nothing[\s\S]*--checkpoint/);
  const against = run(log, "--checkpoint", kept);
  assert.equal(against.status, 0);
  assert.match(against.stdout, /are as they were when the checkpoint kept elsewhere was made/);
  const bad = run(await file("bad.ndjson", exported.replace('"began', '"begun')), "--checkpoint", kept);
  assert.deepEqual([bad.status, /^NOT VERIFIED: entry 0 /.test(bad.stdout)], [1, true], bad.stdout);
  assert.deepEqual(JSON.parse(run(log, "--json", "--checkpoint", kept).stdout).valid, true);
  assert.deepEqual(
    [run().status, run(join(folder, "none")).status, run(log, kept).status, run(log, "--else").status],
    [2, 2, 2, 2],
  );
  await rm(folder, { recursive: true });
});

/** Rows of RFC 4180, read by its grammar. */
function rows(marked) {
  assert.equal(marked[0], "\ufeff", "a spreadsheet reads UTF-8 by its mark");
  const text = marked.slice(1);
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  const out = [[]];
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    assert.ok(found, `no CSV at ${cell.lastIndex}`);
    out.at(-1).push(found[1]?.replaceAll('""', '"') ?? found[2]);
    if (found[3] === "\r\n") out.push([]);
  }
  return out.slice(0, -1);
}

test("the protocol's table, the engine and the package name the same events", async () => {
  const source = (path) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");
  const [protocol, engine, types] = await Promise.all(
    ["docs/protocol.md", "src/client/journal/entry.rs", "pkg/src/portal/types.ts"].map(source),
  );
  const table = /### What this client logs([\s\S]*?)\n\n`session`/.exec(protocol)[1];
  const documented = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, names]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
  );
  const named = /fn event[\s\S]*?\n {4}\}/.exec(engine)[0];
  const written = [...named.matchAll(/=> "(\w+)"/g)].map(([, name]) => name);
  const typed = [.../AuditEventName =([^;]*);/.exec(types)[1].matchAll(/"(\w+)"/g)].map(([, name]) => name);
  assert.ok(written.length > 25);
  assert.deepEqual(documented.toSorted(), written.toSorted());
  assert.deepEqual(typed.toSorted(), written.toSorted());
});

test("CSV is a table of the entries, and no cell of it runs", async () => {
  const label = '=HYPERLINK("http://x","a,b")';
  const { clinician, patient } = await conversation(label);
  const [names, ...table] = rows(await clinician.audit.export("csv"));
  const entries = await clinician.audit.entries();
  assert.deepEqual(names, [
    "index",
    "time",
    "event",
    "contact",
    "fingerprint",
    "session",
    "label",
    "message",
    "digest",
    "code",
    "details",
    "head",
  ]);
  assert.equal(table.length, entries.length);
  for (const [i, row] of table.entries()) {
    assert.equal(row.length, names.length);
    assert.deepEqual([row[0], row[2], row[11]], [String(i), entries[i].event, entries[i].head]);
    assert.equal(Date.parse(row[1]), entries[i].time * 1000);
    for (const cell of row) assert.doesNotMatch(cell, /^[\s]*[=+\-@\t\r]/);
  }
  assert.deepEqual(new Set(table.map(([, , event]) => event)), new Set(entries.map(({ event }) => event)));
  const sent = table.find(([, , event]) => event === "sent");
  assert.equal(sent[6], `'${label}`);
  assert.deepEqual(JSON.parse(table[1][10]), { invitation: entries[1].invitation, kind: "qr" });
  for (const [evil, safe] of [
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@x", "'@x"],
    ["\tx", "'\tx"],
    ["\rx", "'\rx"],
    [" =1", "' =1"],
    ["＝1", "'＝1"],
    ["x;=HYPERLINK(A1);", "x;'=HYPERLINK(A1);"],
    ['x;"=1', `x;"'=1`],
    ["x\t=1", "x\t'=1"],
    ["x\r\n=1", "x\r\n'=1"],
    ["x|@y, +z", "x|'@y, '+z"],
    ["visit-7421; a=b", "visit-7421; a=b"],
  ]) {
    const { auditCsv } = await import("../dist/audit/csv.js");
    const pages = (async function* () {
      yield [{ index: 0, head: "00", record: JSON.stringify({ event: "sent", time: 0, label: evil }), line: "" }];
    })();
    let text = "";
    for await (const part of auditCsv(pages)) text += part;
    assert.equal(rows(text)[1][6], safe);
  }
  await Promise.all([clinician.dispose(), patient.dispose()]);
});

test("FHIR is a Bundle of AuditEvents that an outside validator takes", async () => {
  const { Fhir } = (await import("fhir/fhir.js")).default;
  const fhir = new Fhir();
  // A code that is not in its value set is a warning there. The set of subtypes is extensible in R4 and
  // has no code for what happens to a message, so that codes of ISO 21089 are allowed beside it.
  const beyondTheSet = ({ severity, location, message }) =>
    severity === "warning" && location.includes("subtype[") && message.includes("/iso-21089-lifecycle)");
  const errors = (resource) =>
    fhir
      .validate(resource, { errorOnUnexpected: true })
      .messages.filter((message) => message.severity !== "info" && !beyondTheSet(message));
  const { clinician, patient } = await conversation();
  await clinician.rejectSas((await clinician.contacts())[0].id);
  await clinician.removeContact((await clinician.contacts())[0].id);
  await clinician.audit.checkpoint();
  const bundle = JSON.parse(await clinician.audit.export("fhir"));
  const entries = await clinician.audit.entries();
  assert.deepEqual(errors(bundle), []);
  assert.deepEqual([bundle.type, bundle.entry.length], ["collection", entries.length]);
  assert.deepEqual(new Set(bundle.entry.map(({ fullUrl }) => fullUrl)).size, entries.length);
  for (const [i, { resource }] of bundle.entry.entries()) {
    assert.deepEqual(errors(resource), []);
    assert.equal(Date.parse(resource.recorded), entries[i].time * 1000);
    const told = Object.fromEntries(resource.entity.at(-1).detail.map(({ type, valueString }) => [type, valueString]));
    assert.deepEqual([told.event, told.head], [entries[i].event, entries[i].head]);
    for (const { system, code } of [resource.type, ...(resource.subtype ?? [])])
      assert.match(code, system.endsWith("iso-21089-lifecycle") ? /^[a-z]+$/ : /^1101\d\d$/);
    // The validator sees a fault where there is one.
    assert.notDeepEqual(errors({ ...resource, action: "X" }), []);
    assert.notDeepEqual(errors({ ...resource, type: { ...resource.type, code: "110199" } }), []);
    const { source: _, ...without } = resource;
    assert.notDeepEqual(errors(without), []);
  }
  const patientOf = (contactId) => ({ name: `contact ${contactId}`, patient: { reference: "Patient/1" } });
  const batch = JSON.parse(await clinician.audit.export("fhir", { as: "batch", map: { contact: patientOf } }));
  assert.deepEqual(errors(batch), []);
  assert.equal(batch.type, "batch");
  for (const { resource, request } of batch.entry) assert.equal(request.url, `AuditEvent/${resource.id}`);
  assert.ok(batch.entry.some(({ resource }) => resource.entity[0].what.reference === "Patient/1"));
  await refused("INVALID_ARGUMENT", () => clinician.audit.export("csv", { as: "batch" }));
  await refused("INVALID_ARGUMENT", () => clinician.audit.export("fhir", { as: "transaction" }));
  await Promise.all([clinician.dispose(), patient.dispose()]);
});
