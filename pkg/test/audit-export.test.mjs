/** Exports of the audit log: proofs of what it says, tables, and FHIR. */

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { verifyAuditExport } from "tessera-portal";
import { loggedConversation } from "./logged.mjs";
import { person } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, flipped, refused, utf8, vectors } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const CLI = fileURLToPath(new URL("../dist/audit/verify-cli.js", import.meta.url));

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

test("CSV is a table of the entries, and no cell of it runs", async () => {
  const label = '=HYPERLINK("http://x","a,b")';
  const { clinician, patient } = await loggedConversation(relay, label);
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
  const { clinician, patient } = await loggedConversation(relay);
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
