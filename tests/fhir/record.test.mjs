// Messages as they are filed: what is written, what is refused, and what validators and a server make of it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { recordBody, toProvenance, toTransaction, transactionJson } from "../../pkg/dist/fhir/index.js";
import { startMedplum } from "./medplum.mjs";
import { PDF, WORDS, lab, map, message, refusal, secret, utf8 } from "./samples.mjs";
import { PYTHON_MISSING, VALIDATORS, pythonComplaints } from "./validators.mjs";

const attached = (contentType, body, filename = null) => ({
  text: null,
  attachments: [{ contentType, filename, size: body.length }],
});
const file = (more = {}) => message({ ...attached("application/pdf", PDF, "Informe de Ana Gómez.pdf"), ...more });

const everything = () => {
  const options = { secret, label: true, filename: true, passthrough: true };
  const results = lab("hl7-Bundle-101.json");
  const result = message(attached("application/fhir+json", results));
  return [
    toTransaction(message(), utf8(WORDS), map, { secret }),
    toTransaction(file(), PDF, map, { secret, label: true, filename: true, documentType: { text: "Report" } }),
    toTransaction(message({ direction: "out", state: "cancelled", receivedAt: null }), utf8(WORDS), map, {
      secret,
      statusReason: "taken back",
      update: true,
    }),
    toTransaction(result, results, map, options),
    toTransaction(message(), utf8(WORDS), map, { secret, task: { owner: { reference: "Organization/knee" } } }),
    toProvenance(
      message(),
      utf8(WORDS),
      { communication: "Communication/1", documents: ["DocumentReference/2"] },
      utf8("evidence"),
      { ...map, device: { display: "Tessera portal" } },
      { secret },
    ),
  ];
};

describe("a message as a transaction", () => {
  test("text is filed with its exact bytes, its times and its people", () => {
    const { entry } = toTransaction(message(), utf8(WORDS), map, { secret });
    assert.equal(entry.length, 1);
    const [{ resource, request, fullUrl }] = entry;
    assert.match(fullUrl, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(resource.resourceType, "Communication");
    assert.deepEqual(
      [resource.status, resource.sent, resource.received],
      ["completed", "2024-05-01T08:00:00.000Z", "2024-05-01T08:01:00.000Z"],
    );
    assert.deepEqual([resource.subject, resource.sender, resource.recipient], [map.subject, map.sender, map.recipient]);
    const { contentAttachment } = resource.payload[0];
    assert.deepEqual(Buffer.from(contentAttachment.data, "base64"), Buffer.from(WORDS));
    assert.equal(contentAttachment.hash, createHash("sha1").update(WORDS).digest("base64"));
    assert.equal(contentAttachment.contentType, "text/plain; charset=utf-8");
    const [{ system, value }] = resource.identifier;
    assert.equal(request.ifNoneExist, `identifier=${system}|${value}`);
    assert.equal(resource.topic, undefined, "the label of a visit only by option");
  });

  test("another body is a document that the message points to, with a name only by option", () => {
    const plain = toTransaction(file(), PDF, map, { secret }).entry;
    assert.deepEqual(
      plain.map(({ resource }) => resource.resourceType),
      ["Communication", "DocumentReference"],
    );
    assert.equal(plain[0].resource.payload[0].contentReference.reference, plain[1].fullUrl);
    const { attachment } = plain[1].resource.content[0];
    assert.deepEqual(Buffer.from(attachment.data, "base64"), Buffer.from(PDF));
    assert.equal(attachment.title, undefined);
    const named = toTransaction(file(), PDF, map, { secret, filename: true, label: true }).entry;
    assert.equal(named[1].resource.content[0].attachment.title, "Informe de Ana Gómez.pdf");
    assert.equal(named[0].resource.topic.text, "visit-7421");
  });

  test("text with attachments is one message with a document for each", async () => {
    const attachments = [1, 2].map((n) => ({
      contentType: "image/jpeg",
      filename: `${n}.jpg`,
      size: PDF.length - n,
      body: async () => PDF.subarray(n),
    }));
    const sent = message({ attachments });
    const { entry } = toTransaction(sent, await recordBody(sent), map, { secret });
    assert.throws(
      () => toTransaction(sent, utf8(WORDS), map, { secret }),
      refusal("INVALID_ARGUMENT", /several parts: pass recordBody/),
    );
    assert.equal(entry[0].resource.payload.length, 3);
    assert.equal(new Set(entry.map(({ fullUrl }) => fullUrl)).size, 3);
    assert.equal(new Set(entry.map(({ request }) => request.ifNoneExist)).size, 3);
  });

  test("each state of an outgoing message has its status", () => {
    const status = (state) =>
      toTransaction(message({ direction: "out", state, receivedAt: null }), utf8(WORDS), map, { secret }).entry[0]
        .resource.status;
    assert.deepEqual(["queued", "sent", "delivered", "undelivered", "cancelled"].map(status), [
      "in-progress",
      "in-progress",
      "completed",
      "stopped",
      "not-done",
    ]);
  });

  test("invalid input is refused with a code that names it", () => {
    const file =
      (more, otherMap = map, options = { secret }) =>
      () =>
        toTransaction(message(more), utf8(WORDS), otherMap, options);
    assert.throws(file({ state: "held" }), refusal("CONTACT_PENDING", /held/));
    assert.throws(file({ state: "stored", direction: "out" }), refusal("INVALID_ARGUMENT", /message\.state/));
    assert.throws(file({ state: "toString" }), refusal("INVALID_ARGUMENT", /message\.state/));
    assert.throws(file({}, { ...map, subject: undefined }), refusal("INVALID_ARGUMENT", /map\.subject/));
    assert.throws(file({}, { ...map, recipient: [] }), refusal("INVALID_ARGUMENT", /map\.recipient/));
    assert.throws(file({}, map, { secret: new Uint8Array(15) }), refusal("INVALID_ARGUMENT", /options\.secret/));
    assert.throws(file({ sender: new Uint8Array(31) }), refusal("INVALID_ARGUMENT", /message\.sender/));
    assert.throws(
      file({ state: "delivered", direction: "out" }, map, { secret, passthrough: true }),
      refusal("INVALID_ARGUMENT", /passthrough/),
    );
    assert.throws(file({ problem: "damaged", text: null }), refusal("INVALID_ARGUMENT", /damaged/));
    assert.throws(
      file(attached("application/pdf", PDF)),
      refusal("INVALID_ARGUMENT", /not the bytes of the attachment/),
    );
    const without = toTransaction(message(), utf8(WORDS), { ...map, subject: undefined }, { secret, noPatient: true });
    assert.equal(without.entry[0].resource.subject, undefined);
  });

  test("identifiers and URLs hold no name, label, file name or fingerprint", () => {
    for (const { entry } of everything())
      for (const { fullUrl, request, resource } of entry) {
        const visible = `${fullUrl} ${JSON.stringify(request)} ${JSON.stringify(resource.identifier)}`;
        assert.doesNotMatch(visible, /ana|gómez|rivera|visit|informe|07070707|0123456789abcdef/i);
      }
  });

  test("identifiers are stable within a deployment and differ between deployments", () => {
    const key = (options, more) =>
      toTransaction(message(more), utf8(WORDS), map, options).entry[0].resource.identifier[0].value;
    assert.equal(key({ secret }), key({ secret }, { state: "verified", receivedAt: 1_714_560_000 }));
    const others = [
      { id: "0123456789abcdef-5" },
      { direction: "out", state: "delivered" },
      { sender: new Uint8Array(32) },
    ];
    const keys = [key({ secret }), key({ secret: new Uint8Array(32) }), ...others.map((more) => key({ secret }, more))];
    assert.equal(new Set(keys).size, keys.length);
    for (const one of keys) assert.match(one, /^[0-9a-f]{32}$/);
  });

  test("passed-through resources keep their content and get this record's subject and performer", () => {
    const results = lab("hl7-Bundle-101.json");
    const result = message(attached("application/fhir+json", results));
    const bundle = toTransaction(result, results, map, { secret, passthrough: true });
    const reports = bundle.entry.filter(({ resource }) => resource.resourceType === "DiagnosticReport");
    assert.equal(reports.length, 1, "observations without an identifier of their own stay in the document");
    const [{ resource, request }] = reports;
    assert.deepEqual([resource.subject, resource.performer], [map.subject, [map.sender]]);
    assert.equal(resource.id, undefined);
    assert.equal(resource.encounter.reference, undefined, "another server's encounter is not one of this server");
    assert.match(request.ifNoneExist, /^identifier=http%3A%2F%2Facme\.com%2Flab%2Freports\|5234342$/);
  });

  test("numbers keep the digits that were sent", () => {
    const source =
      '{"resourceType":"Observation","status":"final","identifier":[{"system":"urn:lab","value":"1"}],"code":{"text":"x"},"valueQuantity":{"value":2.00}}';
    const result = message(attached("application/fhir+json", utf8(source)));
    const json = transactionJson(toTransaction(result, utf8(source), map, { secret, passthrough: true }));
    assert.match(json, /"value":2\.00[},]/);
    assert.equal(JSON.parse(json).entry.at(-1).resource.valueQuantity.value, 2);
  });
});

describe("validators", () => {
  for (const [name, complaints] of Object.entries(VALIDATORS)) {
    test(`${name} takes every transaction and every resource in it`, () => {
      for (const bundle of everything().map((one) => JSON.parse(transactionJson(one)))) {
        assert.deepEqual(complaints(bundle), []);
        for (const { resource } of bundle.entry) assert.deepEqual(complaints(resource), [], resource.resourceType);
      }
    });

    test(`${name} refuses a planted error in each kind of resource`, () => {
      const resources = everything()
        .map((one) => JSON.parse(transactionJson(one)))
        .flatMap(({ entry }) => entry.map(({ resource }) => resource));
      const plant = {
        Communication: { recipient: "Patient/ana" },
        DocumentReference: { content: "none" },
        DiagnosticReport: { result: "none" },
        Task: { intent: 7 },
        Provenance: { agent: "nobody" },
      };
      for (const [type, error] of Object.entries(plant)) {
        const resource = resources.find(({ resourceType }) => resourceType === type);
        assert.ok(resource, type);
        assert.notDeepEqual(complaints({ ...resource, ...error }), [], type);
      }
    });
  }
});

describe("fhir.resources", { skip: PYTHON_MISSING }, () => {
  const resources = everything().flatMap((one) => {
    const bundle = JSON.parse(transactionJson(one));
    return [bundle, ...bundle.entry.map(({ resource }) => resource)];
  });

  test("takes every transaction and every resource in it", () => {
    assert.deepEqual(pythonComplaints(resources).flat(), []);
  });

  test("refuses a planted error in each", () => {
    const planted = resources.map((resource) => ({ ...resource, identifier: 7, type: 7, recorded: "yesterday" }));
    for (const [index, complaints] of pythonComplaints(planted).entries())
      assert.ok(complaints.length > 0, resources[index].resourceType);
  });
});

describe("a server: Medplum's router over HTTP", () => {
  let medplum;
  before(async () => {
    medplum = await startMedplum();
  });
  after(async () => {
    await medplum?.stop();
  });
  const post = async (bundle) => {
    const response = await fetch(`${medplum.base}/`, {
      method: "POST",
      headers: { "content-type": "application/fhir+json" },
      body: transactionJson(bundle),
    });
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    return body.entry.map(({ response: { status, location } }) => ({ status: status.slice(0, 3), location }));
  };
  const count = async (query) => {
    const found = await (await fetch(`${medplum.base}/${query}`)).json();
    return found.entry?.length ?? 0;
  };

  test("the same transaction twice gives 201, then 200, and one of each", async () => {
    const bundle = toTransaction(file(), PDF, map, { secret });
    const first = await post(bundle);
    assert.deepEqual(
      first.map(({ status }) => status),
      ["201", "201"],
    );
    assert.deepEqual(
      (await post(bundle)).map(({ status }) => status),
      ["200", "200"],
    );
    const [{ system, value }] = bundle.entry[0].resource.identifier;
    assert.equal(await count(`Communication?identifier=${encodeURIComponent(`${system}|${value}`)}`), 1);
    assert.equal(await count("DocumentReference"), 1);
    const filed = await (await fetch(`${medplum.base}/Communication`)).json();
    const { payload } = filed.entry[0].resource;
    assert.match(payload[0].contentReference.reference, /^DocumentReference\//, "the server's own reference");
  });

  test("a conditional update replaces the status", async () => {
    const out = (state) => message({ id: "0123456789abcdef-9", direction: "out", state, receivedAt: null });
    await post(toTransaction(out("queued"), utf8(WORDS), map, { secret }));
    await post(toTransaction(out("delivered"), utf8(WORDS), map, { secret, update: true }));
    const [{ system, value }] = toTransaction(out("queued"), utf8(WORDS), map, { secret }).entry[0].resource.identifier;
    const found = await (
      await fetch(`${medplum.base}/Communication?identifier=${encodeURIComponent(`${system}|${value}`)}`)
    ).json();
    assert.deepEqual(
      found.entry.map(({ resource }) => resource.status),
      ["completed"],
    );
  });

  test("the evidence is filed once, on the message it belongs to", async () => {
    const [{ location }] = await post(
      toTransaction(message({ id: "0123456789abcdef-10" }), utf8(WORDS), map, { secret }),
    );
    const communication = /Communication\/[^/]+/.exec(location)[0];
    const device = { display: "Tessera portal" };
    const evidence = toProvenance(
      message({ id: "0123456789abcdef-10" }),
      utf8(WORDS),
      { communication },
      utf8("cbor"),
      { ...map, device },
      { secret },
    );
    await post(evidence);
    await post(evidence);
    assert.equal(await count(`Provenance?target=${communication}`), 1);
  });

  test("a report passed through is filed once by the laboratory's own number", async () => {
    const results = lab("hl7-Bundle-101.json");
    const result = (id) => message({ id, ...attached("application/fhir+json", results) });
    for (const id of ["0123456789abcdef-11", "0123456789abcdef-12"])
      await post(toTransaction(result(id), results, map, { secret, passthrough: true }));
    assert.equal(await count("DiagnosticReport"), 1);
  });
});
