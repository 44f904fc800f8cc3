// Health records that fail, refuse, or take less than a message needs: what is said, and that nothing is filed half.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import { HealthRecord, fileMessage, fileUnfiled } from "../../pkg/dist/fhir/index.js";
import { enrol, person, syncedUntil } from "../../pkg/test/people.mjs";
import { startRelay } from "../node/relay.mjs";

const secret = new Uint8Array(32).fill(3);
const plan = {
  secret,
  map: {
    subject: { reference: "Patient/ana" },
    sender: { reference: "Patient/ana" },
    recipient: [{ reference: "Practitioner/rivera" }],
  },
  device: { display: "Tessera portal" },
};
const RESULT = {
  resourceType: "Bundle",
  type: "collection",
  entry: [
    {
      fullUrl: "urn:uuid:0d7d9e0e-5c6c-4f3c-8a8e-000000000001",
      resource: {
        resourceType: "Observation",
        identifier: [{ system: "urn:lab", value: "42" }],
        status: "final",
        code: { text: "Creatinine" },
        valueQuantity: { value: 2, unit: "mg/dL" },
      },
    },
  ],
};

let relay, rivera, ana, plain, withFile, result;
before(async () => {
  relay = await startRelay();
  [rivera, ana] = [await person("Dr. Rivera", relay.url), await person("Ana Gómez", relay.url)];
  const [toAna, toRivera] = await enrol(rivera, ana);
  await rivera.changeSettings({ filing: true });
  const file = new File(["%PDF"], "Ana Gómez.pdf", { type: "application/pdf" });
  const report = new File([JSON.stringify(RESULT)], "result.json", { type: "application/fhir+json" });
  await ana.send(toRivera, { text: "Secreto: sífilis" });
  await ana.send(toRivera, { attachments: [file] });
  await ana.send(toRivera, { attachments: [report] });
  await syncedUntil([ana, rivera], "the messages", async () => (await rivera.messages(toAna)).length === 3);
  [plain, withFile, result] = await rivera.messages(toAna);
});
after(async () => {
  await Promise.all([rivera?.dispose(), ana?.dispose()]);
  await relay?.end();
});

const ALL = ["Communication", "DocumentReference", "Provenance", "DiagnosticReport", "Observation"];
const statement = ({ types = ALL, conditional = true, transaction = true, ...more } = {}) => ({
  resourceType: "CapabilityStatement",
  fhirVersion: "4.0.1",
  rest: [
    {
      mode: "server",
      interaction: transaction ? [{ code: "transaction" }] : [],
      resource: types.map((type) => ({
        type,
        interaction: [{ code: "create" }, { code: "update" }],
        conditionalCreate: conditional,
        conditionalUpdate: conditional,
      })),
    },
  ],
  ...more,
});

/** A FHIR service that answers as it is told: `answers` in their order, the last one again and again. */
let server, base, requests, answers, says;
beforeEach(() => {
  [requests, answers, says] = [[], [[500]], statement()];
});
before(async () => {
  server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const { method, url, headers } = request;
    if (url === "/fhir/metadata") return response.end(JSON.stringify(says));
    requests.push({ method, url, headers, body: body === "" ? null : JSON.parse(body) });
    const [status, answer, more = {}] = answers.length > 1 ? answers.shift() : answers[0];
    if (status === "never") return;
    if (status === "cut") return response.destroy();
    response
      .writeHead(status, { "content-type": "application/fhir+json", ...more })
      .end(JSON.stringify(answer ?? null));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${server.address().port}/fhir`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
});

const open = (more = {}) => HealthRecord.open({ base, fetch, wait: async () => {}, ...more });
/** Opens the record as it is described, files a message, and gives the error; the vault has kept its code. */
async function failure(message, { record = {}, ...more } = {}) {
  const error = await fileMessage(rivera, await open(record), message, { ...plan, ...more }).then(
    () => assert.fail("it was filed"),
    (thrown) => thrown,
  );
  const { messages } = await rivera.filing.unfiled();
  const { filing } = messages.find(({ id }) => id === message.id);
  assert.deepEqual([filing.state, filing.code], ["failed", error.code]);
  assert.doesNotMatch(`${error.message} ${error.cause ?? ""}`, /Secreto|sífilis|Ana|127\.0\.0\.1/);
  return error;
}
const created = (...types) => [
  200,
  {
    resourceType: "Bundle",
    type: "transaction-response",
    entry: types.map((type) => ({ response: { status: "201 Created", location: `${type}/7/_history/1` } })),
  },
];

describe("a server that does not answer", () => {
  test("is asked again after growing pauses, and as it says", async () => {
    answers = [[503, null, { "retry-after": "7" }], [500], ["cut"], [409], [500]];
    const pauses = [];
    const error = await failure(plain, { record: { wait: async (milliseconds) => void pauses.push(milliseconds) } });
    assert.deepEqual([error.code, error.retryable], ["RECORD_UNREACHABLE", true]);
    assert.equal(requests.length, 5);
    assert.equal(pauses[0], 7000);
    for (const [index, least] of [1000, 2000, 4000].entries())
      assert.ok(pauses[index + 1] >= least && pauses[index + 1] <= 2 * least, `${pauses}`);
    assert.equal(new Set(requests.map(({ body }) => JSON.stringify(body))).size, 1, "the same transaction");
  });

  test("and wants to be left alone for long is left alone", async () => {
    answers = [[429, null, { "retry-after": "3600" }]];
    const error = await failure(plain);
    assert.deepEqual([error.code, error.retryAfter, requests.length], ["RECORD_UNREACHABLE", 3600, 1]);
  });

  test("in time is given up", async () => {
    answers = [["never"]];
    const error = await failure(plain, { record: { timeoutSeconds: 0.2, attempts: 2 } });
    assert.deepEqual([error.code, requests.length], ["RECORD_UNREACHABLE", 2]);
  });

  test("at all is said when it is opened", async () => {
    const closed = { base: "http://127.0.0.1:1/fhir", attempts: 2 };
    await assert.rejects(open(closed), { code: "RECORD_UNREACHABLE" });
  });

  test("for one message is not asked for the next ones", async () => {
    const record = await open();
    const { filed, failed } = await fileUnfiled(rivera, record, () => plan);
    assert.deepEqual([filed, failed.length, failed[0].error.code], [0, 1, "RECORD_UNREACHABLE"]);
    assert.equal(requests.length, 5);
  });

  test("while the host ends the call leaves the message to be filed", async () => {
    answers = [["never"]];
    const ending = new AbortController();
    const filing = fileMessage(rivera, await open(), plain, { ...plan, signal: ending.signal });
    while (requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    ending.abort();
    await assert.rejects(filing, { code: "ABORTED" });
    const { messages } = await rivera.filing.unfiled();
    assert.equal(messages.find(({ id }) => id === plain.id).filing.state, "filing");
  });
});

describe("a server that refuses", () => {
  for (const [answer, code, pattern] of [
    [
      [422, { resourceType: "OperationOutcome", issue: [{ code: "invariant", diagnostics: "Secreto: sífilis" }] }],
      "RECORD_REFUSED",
      /422, invariant/,
    ],
    [[401], "RECORD_REFUSED", /401/],
    [[413], "RECORD_REFUSED", /413/],
    [[412], "RECORD_AMBIGUOUS", /412/],
    [[400, { issue: [{ code: "multiple-matches" }] }], "RECORD_AMBIGUOUS", /multiple-matches/],
    [[501], "RECORD_UNSUPPORTED", /501/],
    [[200, "no bundle"], "RECORD_REFUSED", /200/],
    [[200, { resourceType: "Bundle", entry: [{ response: { status: "403 Forbidden" } }] }], "RECORD_REFUSED", /403/],
    [[200, { resourceType: "Bundle", entry: [{ response: { status: "412" } }] }], "RECORD_AMBIGUOUS", /412/],
  ])
    test(`with ${JSON.stringify(answer)} is not asked again: ${code}`, async () => {
      answers = [answer];
      const error = await failure(plain);
      assert.equal(error.code, code);
      assert.match(error.message, pattern);
      assert.equal(requests.length, 1);
    });

  test("a part of what it answered for is not filed", async () => {
    answers = [created("Communication")];
    assert.equal((await failure(withFile)).code, "RECORD_REFUSED");
  });

  test("the evidence has not filed the message", async () => {
    answers = [created("Communication"), [422]];
    assert.equal((await failure(plain)).code, "RECORD_REFUSED");
    assert.deepEqual(
      requests.map(({ body }) => body.entry[0].resource.resourceType),
      ["Communication", "Provenance"],
    );
  });
});

describe("a server that takes less", () => {
  const unsupported = async (message, pattern, more = {}) => {
    const error = await failure(message, more);
    assert.equal(error.code, "RECORD_UNSUPPORTED");
    assert.match(error.message, pattern);
    assert.equal(requests.length, 0, "nothing was sent");
  };

  test("is not sent what it does not take", async () => {
    says = statement({ types: ["Observation"] });
    await unsupported(plain, /conditional creates of Communication/, { evidence: false });
    says = statement({ types: ["Communication", "Provenance"] });
    await unsupported(withFile, /DocumentReference/);
    says = statement({ types: ["Communication"] });
    await unsupported(plain, /Provenance: plan\.evidence false files without/);
    says = statement({ conditional: false });
    await unsupported(plain, /conditional creates/);
    says = statement({ transaction: false });
    await unsupported(withFile, /no transactions/);
  });

  test("gets a text alone where it takes no transactions", async () => {
    says = statement({ transaction: false });
    answers = [
      [201, null, { location: `${base}/Communication/7/_history/1` }],
      [201, null, { location: `${base}/Provenance/8` }],
    ];
    await fileMessage(rivera, await open(), plain, plan);
    assert.deepEqual(
      requests.map(({ method, url }) => `${method} ${url}`),
      ["POST /fhir/Communication", "POST /fhir/Provenance"],
    );
    assert.match(requests[0].headers["if-none-exist"], /^identifier=https:.*\/message\|[0-9a-f]{32}$/);
    assert.equal(requests[1].headers["if-none-exist"], "target=Communication/7");
  });

  test("or is no FHIR R4 server is refused when it is opened", async () => {
    for (const said of [statement({ fhirVersion: "5.0.0" }), {}, null, "text", statement({ rest: [] })]) {
      says = said;
      await assert.rejects(open(), { code: "RECORD_UNSUPPORTED" });
    }
    for (const wrong of [
      "http://record.example/fhir",
      "ftp://x",
      "nothing",
      "https://u:p@x.example",
      "https://x.example/?a=1",
    ])
      await assert.rejects(open({ base: wrong }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(open({ kind: "epic" }), { code: "INVALID_ARGUMENT" });
    await assert.rejects(open({ fetch: undefined }), { code: "INVALID_ARGUMENT" });
  });
});

describe("Oracle Health", () => {
  const oracle = { types: ["Communication"], conditional: false, transaction: false, publisher: "Oracle Health" };
  beforeEach(() => {
    says = statement(oracle);
  });
  const withoutEvidence = { evidence: false };

  test("gets a text as its rules want it", async () => {
    answers = [[201, null, { location: `${base}/Communication/9` }]];
    await fileMessage(rivera, await open(), plain, { ...plan, ...withoutEvidence, again: true });
    const [{ method, url, body }] = requests;
    assert.equal(`${method} ${url}`, "POST /fhir/Communication");
    assert.deepEqual([body.priority, body.payload[0].contentAttachment.contentType], ["routine", "text/plain"]);
  });

  test("gets nothing else", async () => {
    for (const [message, change, pattern] of [
      [plain, {}, /evidence false/],
      [withFile, withoutEvidence, /text only/],
      [plain, { ...withoutEvidence, category: [{ text: "ours" }] }, /categories/],
      [plain, { ...withoutEvidence, map: { ...plan.map, recipient: [{ reference: "Patient/x" }] } }, /Practitioner/],
    ]) {
      const error = await failure(message, { ...change, again: true });
      assert.match(error.message, pattern);
    }
    assert.equal(requests.length, 0);
  });

  test("is not asked twice by itself when its answer was lost: it cannot tell", async () => {
    for (const lost of [["cut"], [500]]) {
      answers = [lost];
      assert.equal((await failure(plain, { ...withoutEvidence, again: true })).code, "RECORD_AMBIGUOUS");
    }
    assert.equal(requests.length, 2);
    const { messages } = await rivera.filing.unfiled();
    const now = messages.find(({ id }) => id === plain.id);
    assert.equal((await failure(now, withoutEvidence)).code, "RECORD_AMBIGUOUS");
    assert.equal(requests.length, 2, "a person has to look");
    answers = [[503], [201, null, { location: "Communication/9" }]];
    await fileMessage(rivera, await open(), now, { ...plan, ...withoutEvidence, again: true });
    assert.equal(requests.length, 4, "503 says that nothing was done");
  });
});

describe("OpenMRS", () => {
  beforeEach(() => {
    says = statement({
      types: ["DiagnosticReport", "Observation"],
      conditional: false,
      transaction: false,
      software: { name: "OpenMRS" },
    });
  });

  test("gets the results of a laboratory's message, each once by its own number", async () => {
    const nothing = [200, { resourceType: "Bundle", entry: [] }];
    answers = [nothing, [201, null, { location: "Observation/3" }]];
    await fileMessage(rivera, await open(), result, { ...plan, passthrough: true });
    assert.deepEqual(
      requests.map(({ method, url }) => `${method} ${url}`),
      ["GET /fhir/Observation?identifier=urn%3Alab|42", "POST /fhir/Observation"],
    );
    assert.deepEqual(requests[1].body.subject, plan.map.subject);
    requests = [];
    answers = [[200, { resourceType: "Bundle", entry: [{ resource: { resourceType: "Observation", id: "3" } }] }]];
    await fileMessage(rivera, await open(), result, { ...plan, passthrough: true });
    assert.equal(requests.length, 1, "it is there");
  });

  test("gets no message, and that is said", async () => {
    const error = await failure(plain);
    assert.equal(error.code, "RECORD_UNSUPPORTED");
    assert.match(error.message, /no Communication/);
    assert.equal(requests.length, 0);
  });
});
