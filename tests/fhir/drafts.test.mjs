// Drafts of messages from what a record holds.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromCommunication, fromDiagnosticReport, toTransaction } from "../../pkg/dist/fhir/index.js";
import { PDF, WORDS, lab, map, message, refusal, secret, utf8 } from "./samples.mjs";

describe("drafts from the record", () => {
  const contacts = {
    "Patient/ana": { id: "c1", state: "active" },
    "Patient/eve": { id: "c2", state: "pending" },
    "Patient/mal": { id: "c3", state: "suspect" },
  };
  const contactOf = ({ reference }) => contacts[reference];
  const communication = (more = {}) => ({
    resourceType: "Communication",
    status: "preparation",
    recipient: [{ reference: "Patient/ana" }],
    payload: [{ contentString: WORDS }],
    ...more,
  });

  test("a prepared message with one checked recipient is a draft", () => {
    assert.deepEqual(fromCommunication(communication(), contactOf), { contactId: "c1", text: WORDS, attachments: [] });
    const data = Buffer.from(PDF).toString("base64");
    const payload = [
      { contentString: WORDS },
      { contentAttachment: { contentType: "application/pdf", data, title: "a.pdf" } },
    ];
    const draft = fromCommunication(communication({ payload }), contactOf);
    assert.deepEqual(draft.attachments, [{ contentType: "application/pdf", body: PDF, filename: "a.pdf" }]);
  });

  test("what was filed reads back as the same draft", () => {
    const [{ resource }] = toTransaction(message(), utf8(WORDS), map, { secret }).entry;
    assert.equal(fromCommunication({ ...resource, status: "preparation" }, contactOf).text, WORDS);
  });

  test("everything else is refused", () => {
    const refused = (more, code, pattern) =>
      assert.throws(() => fromCommunication(communication(more), contactOf), refusal(code, pattern));
    refused({ status: "completed" }, "INVALID_ARGUMENT", /status/);
    refused({ resourceType: "Task" }, "INVALID_ARGUMENT", /not a Communication/);
    refused({ recipient: [] }, "INVALID_ARGUMENT", /recipient/);
    refused(
      { recipient: [{ reference: "Patient/ana" }, { reference: "Patient/eve" }] },
      "INVALID_ARGUMENT",
      /recipient/,
    );
    refused({ recipient: [{ reference: "Patient/nobody" }] }, "CONTACT_UNKNOWN", /recipient/);
    refused({ recipient: [{ reference: "Patient/eve" }] }, "CONTACT_PENDING", /recipient/);
    refused({ recipient: [{ reference: "Patient/mal" }] }, "CONTACT_SUSPECT", /recipient/);
    refused({ payload: [] }, "INVALID_ARGUMENT", /payload/);
    refused({ payload: [{ contentReference: { reference: "Binary/1" } }] }, "INVALID_ARGUMENT", /payload/);
    refused({ payload: [{ contentAttachment: { url: "https://x.example" } }] }, "INVALID_ARGUMENT", /payload/);
    refused({ payload: [{ contentAttachment: { data: "%%%" } }] }, "INVALID_ARGUMENT", /base64/);
    refused({ payload: [{ contentString: "a" }, { contentString: "b" }] }, "INVALID_ARGUMENT", /more than one/);
    refused({ modifierExtension: [{ url: "urn:x" }] }, "INVALID_ARGUMENT", /modifierExtension/);
  });

  test("a whole report is drafted byte for byte; one that points elsewhere is refused", () => {
    const bytes = lab("hl7-Bundle-101.json");
    const draft = fromDiagnosticReport(bytes, "c1", "report.json");
    assert.deepEqual(draft.attachments, [
      { contentType: "application/fhir+json", body: bytes, filename: "report.json" },
    ]);
    assert.throws(
      () => fromDiagnosticReport(lab("hl7-Bundle-f001.json"), "c1"),
      refusal("INVALID_ARGUMENT", /5 of its references/),
    );
    assert.throws(
      () => fromDiagnosticReport(lab("hl7-Observation-f001.json"), "c1"),
      refusal("INVALID_ARGUMENT", /no DiagnosticReport/),
    );
    assert.throws(() => fromDiagnosticReport("{", "c1"), refusal("INVALID_ARGUMENT", /not JSON/));
  });
});
