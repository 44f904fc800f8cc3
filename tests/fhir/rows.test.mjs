// Each element of what is filed, with the code or the source that it has to have.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { toProvenance, toTransaction } from "../../pkg/dist/fhir/index.js";

const secret = new Uint8Array(32).fill(9);
const sender = new Uint8Array(32).fill(7);
const utf8 = (text) => new TextEncoder().encode(text);
const map = {
  subject: { reference: "Patient/ana" },
  encounter: { reference: "Encounter/7421" },
  basedOn: [{ reference: "ServiceRequest/1" }],
  sender: { reference: "Practitioner/rivera" },
  recipient: [{ reference: "Patient/ana" }],
};
const message = (more = {}) => ({
  id: "0123456789abcdef-4",
  contactId: "0123456789abcdef",
  direction: "in",
  state: "verified",
  text: "Tome metformina.",
  attachments: [],
  problem: null,
  sentAt: 1_714_550_400,
  receivedAt: 1_714_550_460,
  session: "visit-7421",
  sender,
  ...more,
});
const SID = "https://github.com/tessera-health/tessera/fhir/sid";
const file = { contentType: "application/pdf", filename: "Ana Gómez.pdf", body: utf8("%PDF") };
const withFile = () => message({ text: null, attachments: [{ ...file, size: 4 }] });
const coding = ({ coding: [{ system, code }] }) => `${system}#${code}`;
const withOptions = {
  secret,
  label: true,
  filename: true,
  category: [{ text: "after discharge" }],
  about: [{ reference: "MedicationRequest/1" }],
  partOf: [{ reference: "Communication/0" }],
  inResponseTo: [{ reference: "Communication/1" }],
  statusReason: "taken back",
  documentType: { text: "Letter" },
  documentCategory: [{ text: "Clinical note" }],
  task: { owner: { reference: "Organization/knee" }, focus: { reference: "ServiceRequest/1" } },
};

describe("Communication", () => {
  const [{ resource, request }] = toTransaction(message(), utf8("Tome metformina."), map, { secret }).entry;
  const [{ resource: full }] = toTransaction(withFile(), file.body, map, withOptions).entry;

  test("has an identifier, category, medium, people and times", () => {
    assert.equal(resource.identifier[0].system, `${SID}/message`);
    assert.equal(request.ifNoneExist, `identifier=${SID}/message|${resource.identifier[0].value}`);
    assert.deepEqual(resource.category.map(coding), [
      "http://terminology.hl7.org/CodeSystem/communication-category#notification",
    ]);
    assert.deepEqual(resource.medium.map(coding), [
      "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode#ONLINEWRIT",
    ]);
    for (const element of ["subject", "encounter", "sender", "recipient", "basedOn"])
      assert.deepEqual(resource[element], map[element], element);
    assert.deepEqual([resource.sent, resource.received], ["2024-05-01T08:00:00.000Z", "2024-05-01T08:01:00.000Z"]);
  });

  test("an outgoing message has no time of receipt", () => {
    const out = message({ direction: "out", state: "sent", receivedAt: null });
    const [entry] = toTransaction(out, utf8("x"), map, { secret }).entry;
    assert.equal(entry.resource.received, undefined);
  });

  test("has what the options add, and nothing of it without them", () => {
    assert.deepEqual(full.category[1], { text: "after discharge" });
    assert.deepEqual(full.topic, { text: "visit-7421" });
    assert.deepEqual(full.statusReason, { text: "taken back" });
    for (const element of ["about", "partOf", "inResponseTo"]) {
      assert.deepEqual(full[element], withOptions[element], element);
      assert.equal(resource[element], undefined, element);
    }
    assert.deepEqual([resource.topic, resource.statusReason], [undefined, undefined]);
  });

  test("a conversation's head has neither payload nor sender, and one identifier for its messages", () => {
    const heads = ["0123456789abcdef-4", "0123456789abcdef-5"].map((id) => {
      const { entry } = toTransaction(message({ id }), utf8("x"), map, { ...withOptions, thread: true });
      const head = entry.find(({ resource: { identifier } }) => identifier[0].system === `${SID}/thread`);
      assert.deepEqual(entry[0].resource.partOf, [...withOptions.partOf, { reference: head.fullUrl }]);
      return head;
    });
    assert.deepEqual([heads[0].resource.payload, heads[0].resource.sender], [undefined, undefined]);
    assert.equal(heads[0].request.ifNoneExist, heads[1].request.ifNoneExist);
  });
});

test("DocumentReference has its type, people, time and attachment", () => {
  const { resource } = toTransaction(withFile(), file.body, map, withOptions).entry[1];
  assert.deepEqual([resource.resourceType, resource.status], ["DocumentReference", "current"]);
  assert.equal(resource.identifier[0].system, `${SID}/attachment`);
  assert.deepEqual([resource.type, resource.category], [{ text: "Letter" }, [{ text: "Clinical note" }]]);
  assert.deepEqual([resource.subject, resource.author], [map.subject, [map.sender]]);
  assert.equal(resource.date, "2024-05-01T08:01:00.000Z", "received");
  assert.deepEqual(resource.content[0].attachment, {
    contentType: "application/pdf",
    data: Buffer.from(file.body).toString("base64"),
    size: 4,
    hash: createHash("sha1").update(file.body).digest("base64"),
    title: "Ana Gómez.pdf",
  });
});

test("Task is a requested order on its focus", () => {
  const task = (options) => toTransaction(withFile(), file.body, map, options).entry.at(-1).resource;
  const { resourceType, status, intent, focus, owner, requester, ...rest } = task(withOptions);
  assert.deepEqual([resourceType, status, intent], ["Task", "requested", "order"]);
  assert.deepEqual([focus, owner, requester], [withOptions.task.focus, withOptions.task.owner, map.sender]);
  assert.deepEqual(rest.for, map.subject);
  const { entry } = toTransaction(withFile(), file.body, map, { secret, task: { owner } });
  assert.deepEqual(entry.at(-1).resource.focus, { reference: entry[0].fullUrl }, "the message, if nothing else");
});

test("Provenance names author, verifier, content and evidence", () => {
  const filed = { communication: "Communication/1", documents: ["DocumentReference/2"] };
  const device = { reference: "Device/portal" };
  const [{ resource, request }] = toProvenance(
    message(),
    utf8("Tome metformina."),
    filed,
    utf8("evidence"),
    { ...map, device },
    { secret },
  ).entry;
  assert.deepEqual(resource.target, [{ reference: "Communication/1" }, { reference: "DocumentReference/2" }]);
  assert.equal(resource.recorded, "2024-05-01T08:01:00.000Z", "received");
  assert.equal(coding(resource.activity), "http://terminology.hl7.org/CodeSystem/v3-DataOperation#CREATE");
  const AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
  assert.deepEqual(
    resource.agent.map(({ type, who }) => [coding(type), who]),
    [
      [`${AGENT}#author`, map.sender],
      [`${AGENT}#verifier`, device],
    ],
  );
  const [{ role, what }] = resource.entity;
  const digest = createHash("sha256").update("Tome metformina.").digest("hex");
  assert.deepEqual([role, what.identifier], ["source", { system: `${SID}/content-sha256`, value: digest }]);
  const [{ type, who, targetFormat, sigFormat, data }] = resource.signature;
  assert.deepEqual([type[0].code, who], ["1.2.840.10065.1.12.1.5", map.sender]);
  assert.deepEqual([targetFormat, sigFormat], ["text/plain; charset=utf-8", "application/vnd.tessera.evidence+cbor"]);
  assert.equal(Buffer.from(data, "base64").toString(), "evidence");
  assert.equal(request.ifNoneExist, "target=Communication/1");
});
