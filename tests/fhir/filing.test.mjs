// Messages filed in a health record by a portal: real people, a real relay, real FHIR servers, and what came of it in the vault.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { HealthRecord, fileMessage, fileUnfiled } from "../../pkg/dist/fhir/index.js";
import { Portal, memoryStore, verifyEvidence } from "../../pkg/dist/node.js";
import { PASSPHRASE, enrol, person, syncedUntil } from "../../pkg/test/people.mjs";
import { startRelay } from "../node/relay.mjs";
import { HELIOS_MISSING, startHelios } from "./helios.mjs";
import { startMedplum } from "./medplum.mjs";

const secret = new Uint8Array(randomBytes(32));
const utf8 = (text) => new TextEncoder().encode(text);
const PEOPLE = { rivera: { reference: "Practitioner/rivera" }, ana: { reference: "Patient/ana" } };
const inbound = { subject: PEOPLE.ana, sender: PEOPLE.ana, recipient: [PEOPLE.rivera] };
const outbound = { subject: PEOPLE.ana, sender: PEOPLE.rivera, recipient: [PEOPLE.ana] };
const planOf = ({ direction }) => ({
  secret,
  map: direction === "in" ? inbound : outbound,
  device: { display: "Tessera portal" },
});

const store = { ...memoryStore(), async close() {} };
let relay, rivera, ana, toAna, toRivera;
before(async () => {
  relay = await startRelay();
  [rivera, ana] = [await person("Dr. Rivera", relay.url, { store }), await person("Ana Gómez", relay.url)];
  [toAna, toRivera] = await enrol(rivera, ana);
  await rivera.changeSettings({ filing: true });
});
after(async () => {
  await Promise.all([rivera?.dispose(), ana?.dispose()]);
  await relay?.end();
});

const ofLabel = async (label) => (await rivera.messages(toAna)).find(({ session }) => session === label);
let count = 0;
/** Ana writes to Dr. Rivera; the message as it arrived. */
async function arrived(content) {
  const session = `visit-${count++}`;
  await ana.send(toRivera, { ...content, session });
  await syncedUntil([ana, rivera], "the message", () => ofLabel(session));
  return ofLabel(session);
}
/** Files whatever other tests left. */
const emptied = async (record) => {
  const { failed } = await fileUnfiled(rivera, record, planOf);
  assert.deepEqual(failed, []);
};
const refusedWith = (code, promise, pattern = /./) =>
  assert.rejects(promise, (error) => error.code === code && pattern.test(error.message));

const SERVERS = [
  ["Medplum's router", startMedplum, false],
  ["Helios", startHelios, HELIOS_MISSING],
];
for (const [name, start, skip] of SERVERS)
  describe(`filing on ${name}`, { skip }, () => {
    let server, record;
    before(async () => {
      server = await start();
      record = await HealthRecord.open({ base: server.base, fetch });
      // The references of the map exist there.
      for (const [type, id] of [
        ["Patient", "ana"],
        ["Practitioner", "rivera"],
      ])
        await fetch(`${server.base}/${type}/${id}`, {
          method: "PUT",
          headers: { "content-type": "application/fhir+json" },
          body: JSON.stringify({ resourceType: type, id }),
        });
    });
    after(() => server?.stop());

    const get = async (path) => {
      const response = await fetch(`${server.base}/${path}`);
      assert.equal(response.status, 200, path);
      return response.json();
    };
    const found = async (query) => ((await get(query)).entry ?? []).map(({ resource }) => resource);
    const filedAs = async (message) => (await ofLabel(message.session)).filing;
    const communication = async (message) => get(`Communication/${(await filedAs(message)).id}`);
    const withIdentifierOf = ({ resourceType, identifier: [{ system, value }] }) =>
      found(`${resourceType}?identifier=${encodeURIComponent(`${system}|${value}`)}`);

    test("a message is filed with the evidence of who wrote it, and the vault says where", async () => {
      const message = await arrived({ text: "Desde ayer me mareo." });
      assert.equal(message.filing.state, "unfiled");
      const told = [];
      rivera.addEventListener("filing", ({ detail }) => told.push(detail.filing.state));
      await fileMessage(rivera, record, message, planOf(message));
      assert.deepEqual(told, ["filing", "filed"]);
      const { state, id, version, outdated } = await filedAs(message);
      assert.deepEqual([state, outdated], ["filed", false]);
      const resource = await communication(message);
      assert.deepEqual([resource.id, resource.meta.versionId], [id, version]);
      assert.equal(Buffer.from(resource.payload[0].contentAttachment.data, "base64").toString(), message.text);
      const [provenance, ...others] = await found(`Provenance?target=Communication/${id}`);
      assert.equal(others.length, 0);
      const evidence = new Uint8Array(Buffer.from(provenance.signature[0].data, "base64"));
      assert.deepEqual(verifyEvidence(evidence, await message.body()).sender, (await ana.me()).fingerprint);
      const logged = (await rivera.audit.entries()).filter(({ event }) => event === "filed");
      assert.equal(logged.at(-1).message, message.id);
    });

    test("filed twice it is there once, with its files and its evidence", async () => {
      const attachments = [1, 2].map((n) => new File([utf8(`%PDF ${n}`)], `${n}.pdf`, { type: "application/pdf" }));
      const message = await arrived({ text: "Two pages.", attachments });
      for (const _ of [1, 2]) await fileMessage(rivera, record, message, planOf(message));
      const resource = await communication(message);
      assert.equal((await withIdentifierOf(resource)).length, 1);
      const documents = resource.payload.slice(1).map(({ contentReference }) => contentReference.reference);
      assert.equal(documents.length, 2);
      for (const [index, reference] of documents.entries()) {
        const path = /DocumentReference\/[^/]+$/.exec(reference)[0];
        const { content } = await get(path);
        assert.equal(Buffer.from(content[0].attachment.data, "base64").toString(), `%PDF ${index + 1}`);
      }
      const [provenance, ...others] = await found(`Provenance?target=Communication/${resource.id}`);
      assert.deepEqual([provenance.target.length, others.length], [3, 0]);
    });

    test("a change of state is filed again, as a new version of the same resource", async () => {
      await emptied(record);
      const { id, session } = await rivera.send(toAna, { text: "Take half.", session: `visit-${count++}` });
      await emptied(record);
      const first = await ofLabel(session);
      assert.equal((await communication(first)).status, "in-progress");
      await syncedUntil([rivera, ana], "the receipt", async () => (await ofLabel(session)).state === "delivered");
      assert.equal((await ofLabel(session)).filing.outdated, true);
      const { messages } = await rivera.filing.unfiled();
      assert.deepEqual(
        messages.map((message) => message.id),
        [id],
      );
      await emptied(record);
      const last = await ofLabel(session);
      assert.deepEqual([last.filing.id, last.filing.outdated], [first.filing.id, false]);
      assert.notEqual(last.filing.version, first.filing.version);
      const resource = await communication(last);
      assert.equal(resource.status, "completed");
      assert.equal((await withIdentifierOf(resource)).length, 1);
    });

    test("a conversation has one head, of which its messages are parts", async () => {
      const messages = [await arrived({ text: "one" }), await arrived({ text: "two" })];
      const heads = new Set();
      for (const message of messages) {
        await fileMessage(rivera, record, message, { ...planOf(message), thread: true });
        const [{ reference }] = (await communication(message)).partOf;
        heads.add(/Communication\/[^/]+$/.exec(reference)[0]);
      }
      assert.equal(heads.size, 1);
      const head = await get([...heads][0]);
      assert.equal(head.payload, undefined);
    });

    test("interrupted at any request, before or after it was carried out, it is filed once", async () => {
      for (let at = 0; ; at++) {
        let interrupted = false;
        for (const isDone of [false, true]) {
          const message = await arrived({ text: `interrupted at ${at}`, attachments: [new File(["x"], "x.txt")] });
          let requests = 0;
          const failing = async (url, init) => {
            const isCut = requests++ === at && init.method !== "GET";
            if (isCut) interrupted = true;
            if (isCut && !isDone) throw new TypeError("fetch failed");
            const response = await fetch(url, init);
            if (!isCut) return response;
            await response.text();
            throw new TypeError("fetch failed");
          };
          const cut = await HealthRecord.open({ base: server.base, fetch: failing, attempts: 1 });
          requests = 0;
          await fileMessage(rivera, cut, message, planOf(message)).catch((error) =>
            assert.equal(error.code, "RECORD_UNREACHABLE"),
          );
          const state = (await filedAs(message)).state;
          assert.equal(state, interrupted ? "failed" : "filed", `request ${at}`);
          await fileMessage(rivera, record, message, planOf(message));
          const resource = await communication(message);
          assert.equal((await withIdentifierOf(resource)).length, 1);
          assert.equal((await found(`Provenance?target=Communication/${resource.id}`)).length, 1);
        }
        if (!interrupted) break;
        assert.ok(at < 10);
      }
    });

    test("a portal that closes while it files goes on when it is opened again", async () => {
      const message = await arrived({ text: "the tab closes" });
      let reached;
      const sent = new Promise((resolve) => (reached = resolve));
      const never = async (url, init) => {
        if (init.method === "GET") return fetch(url, init);
        await fetch(url, init); // carried out, and nobody hears of it
        reached();
        return new Promise(() => {});
      };
      void fileMessage(rivera, await HealthRecord.open({ base: server.base, fetch: never }), message, planOf(message));
      await sent;
      await rivera.dispose();
      rivera = await Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE });
      assert.equal((await filedAs(message)).state, "filing");
      const { messages } = await rivera.filing.unfiled();
      assert.ok(messages.some(({ id }) => id === message.id));
      await emptied(record);
      assert.equal((await filedAs(message)).state, "filed");
      assert.equal((await withIdentifierOf(await communication(message))).length, 1);
    });
  });

describe("what is not in the record", () => {
  let message;
  before(async () => {
    message = await arrived({ text: "not filed" });
  });

  test("is not deleted unasked: not the message, not the contact, not the vault, open or locked", async () => {
    assert.deepEqual(await rivera.settings(), { graceDays: 7, retentionDays: 60, filing: true });
    await rivera.changeSettings({ graceDays: 7, filing: undefined });
    await refusedWith("MESSAGE_UNFILED", rivera.deleteMessage(message.id), /1 message/);
    await refusedWith("MESSAGE_UNFILED", rivera.removeContact(toAna));
    await refusedWith("MESSAGE_UNFILED", rivera.vault.destroy());
    await rivera.vault.lock();
    await refusedWith("MESSAGE_UNFILED", rivera.vault.destroy());
    await rivera.vault.unlock(PASSPHRASE);
    assert.ok(await ofLabel(message.session), "the portal goes on");
    const { index } = await rivera.audit.checkpoint();
    assert.ok(index > 0);
    await rivera.deleteMessage(message.id, { discardUnfiled: true });
    assert.equal(await ofLabel(message.session), undefined);
  });

  test("is counted in an export of the audit log", async () => {
    await arrived({ text: "to be counted" });
    const { count: unfiled } = await rivera.filing.unfiled();
    assert.ok(unfiled > 0);
    await rivera.audit.export("ndjson");
    assert.equal((await rivera.audit.entries({ limit: 1 }))[0].unfiled, unfiled);
  });

  test("without the setting nothing is unfiled", async () => {
    assert.deepEqual(await ana.filing.unfiled(), { count: 0, messages: [] });
    const [sent] = await ana.messages(toRivera);
    await refusedWith("INVALID_ARGUMENT", ana.filing.started(sent.id), /settings\.filing/);
    await ana.deleteMessage(sent.id);
  });

  test("bad marks are refused with the name of the argument", async () => {
    const other = await arrived({ text: "marked" });
    const filed = { id: "1", version: "1", filedAs: "verified" };
    for (const [change, pattern] of [
      [{ id: "a b" }, /id/],
      [{ version: "" }, /version/],
      [{ filedAs: "nothing" }, /filedAs/],
      [{ extra: 1 }, /extra/],
    ])
      await refusedWith("INVALID_ARGUMENT", rivera.filing.filed(other.id, { ...filed, ...change }), pattern);
    await refusedWith("INVALID_ARGUMENT", rivera.filing.failed(other.id, "Ana Gómez"), /code/);
    await refusedWith("MESSAGE_UNKNOWN", rivera.filing.started("nothing"));
    assert.equal((await ofLabel(other.session)).filing.state, "unfiled");
  });
});
