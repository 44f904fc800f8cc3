// How the parts of a document belong together: references, people, other kinds of files, and text of others. Each rule has a case that keeps it and one that breaks it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readResult } from "../dist/fhir/index.js";
import { bundle, encode, letters, observation, told } from "./fhir-samples.mjs";

describe("references", () => {
  const at = (fullUrl, id, valueString, more = {}) => ({
    fullUrl,
    resource: { resourceType: "Observation", id, status: "final", code: { text: "Test" }, valueString, ...more },
  });
  const report = (reference, ...entries) =>
    bundle(
      {
        fullUrl: "https://lab.example/fhir/DiagnosticReport/r",
        resource: { resourceType: "DiagnosticReport", id: "r", status: "final", result: [{ reference }] },
      },
      ...entries,
    );
  const first = (document) => letters(readResult(encode(document)).reports[0].rows[0].value);

  test("a relative reference is resolved against the entry's base, then by type and id", () => {
    const here = at("https://lab.example/fhir/Observation/a", "a", "here");
    const there = at("https://other.example/Observation/a", "a", "there");
    assert.equal(first(report("Observation/a", there, here)), "here");
    assert.equal(first(report("Observation/a", at("urn:uuid:1", "a", "by name"))), "by name");
  });

  test("an ambiguous reference is not resolved", () => {
    const document = report("Observation/a", at("urn:uuid:1", "a", "one"), at("urn:uuid:2", "a", "two"));
    assert.equal(first(document), "not in this file");
  });

  test("a versioned reference selects that version", () => {
    const versions = [1, 2].map((version) =>
      at("https://lab.example/fhir/Observation/a", "a", `version ${version}`, { meta: { versionId: String(version) } }),
    );
    assert.equal(first(report("Observation/a/_history/2", ...versions)), "version 2");
    assert.equal(first(report("Observation/a/_history/9", ...versions)), "not in this file");
    assert.equal(first(report("Observation/a/_history/9", versions[0])), "version 1");
  });

  test("an absolute reference is resolved by URL or by its last two segments", () => {
    assert.equal(
      first(report("https://x.example/Observation/a", at("https://x.example/Observation/a", "z", "exact"))),
      "exact",
    );
    assert.equal(first(report("https://x.example/fhir/Observation/a", at("urn:uuid:1", "a", "by name"))), "by name");
    assert.equal(first(report("urn:uuid:1", at("urn:uuid:1", "a", "by uuid"))), "by uuid");
  });

  test("a contained reference is resolved only within its resource", () => {
    const other = at("https://lab.example/fhir/Observation/b", "b", "other", {
      contained: [{ resourceType: "Observation", id: "a", valueString: "not mine" }],
    });
    assert.equal(first(report("#a", other)), "not in this file");
  });

  test("a member is shown once per report, below its panel", () => {
    const panel = at(null, "p", undefined, { hasMember: [{ reference: "Observation/a" }] });
    const document = report("Observation/p", panel, at(null, "a", "7"));
    document.entry[0].resource.result.push({ reference: "Observation/a" });
    const second = structuredClone(document.entry[0]);
    second.resource.id = "r2";
    document.entry.push(second);
    const { reports } = readResult(encode(document));
    assert.deepEqual(
      reports.map(({ rows }) => rows.length),
      [2, 2],
    );
  });
});

describe("people", () => {
  const patient = {
    resourceType: "Patient",
    id: "p",
    name: [{ given: ["Ana"], family: "Gómez" }],
    birthDate: "1980-05-01",
    identifier: [{ system: "urn:mrn", value: "77" }],
  };
  const document = bundle({ resource: patient }, { resource: observation({ subject: { reference: "Patient/p" } }) });
  const warned = (expected) => /names another person/.test(told(document, { patient: expected }));

  test("a result of another patient gets a warning", () => {
    assert.ok(warned({ name: "Luis Pérez" }));
    assert.ok(warned({ name: "Ana Gómez", birthDate: "1980-05-02" }));
    assert.ok(warned({ name: "Ana Gómez", identifiers: [{ system: "urn:mrn", value: "78" }] }));
    assert.ok(!warned({ name: "GOMEZ, Ana" }));
    assert.ok(!warned({ name: "A. G.", identifiers: [{ system: "urn:mrn", value: "77" }] }), "the identifier decides");
    assert.ok(!warned(undefined));
    assert.match(told(document), /Patient: Ana Gómez, born 1980-05-01, 77/);
  });

  test("results of two patients in one file are separated, with a warning", () => {
    const two = structuredClone(document);
    two.entry.push({ resource: { ...patient, id: "q", name: [{ text: "Luis Pérez" }] } });
    two.entry.push({ resource: observation({ subject: { reference: "Patient/q" } }) });
    const result = readResult(encode(two));
    assert.match(letters(result.warnings[0]), /more than one person/);
    assert.equal(result.reports.length, 2);
  });
});

describe("other files", () => {
  test("are identified by format", () => {
    const kinds = {
      xml: '<?xml version="1.0"?><Observation xmlns="http://hl7.org/fhir"/>',
      ndjson: `${JSON.stringify(observation())}\n${JSON.stringify(observation())}\n`,
      hl7v2: "MSH|^~\\&|LAB|X\rOBX|1|NM|GLU||182",
      other: '{"resourceType":"Communication"}',
      empty: "  \n",
      unreadable: '{"a":1}',
    };
    for (const [kind, source] of Object.entries(kinds)) assert.equal(readResult(encode(source)).kind, kind);
    assert.match(told(kinds.hl7v2), /\nOBX\|1\|NM\|GLU\|\|182$/);
    assert.match(told(kinds.other), /holds no result\. It holds: Communication/);
  });
});

describe("foreign text", () => {
  test("bidirectional controls are visible, and right-to-left text is isolated", () => {
    const text = told(
      observation({ code: { text: "a\u202eb\u0007c" }, valueQuantity: undefined, valueString: "שלום" }),
    );
    assert.match(text, /a\[U\+202E\]b\[U\+0007\]c: \u2068שלום\u2069/);
  });

  test("a line break in foreign text does not start a row", () => {
    const text = told(observation({ code: { text: "Sodium\nPotassium: 9 · Critical high" } }));
    assert.match(text, /^- Sodium\n {2}Potassium/m);
  });

  test("a narrative is shown as plain text, and only without coded results", () => {
    const div =
      '<div><p>A &lt;b&gt;&#x41;</p><script>alert(1)</script><img src="x" onerror="alert(1)"><style>p{}</style></div>';
    const report = { resourceType: "DiagnosticReport", status: "final", text: { div } };
    assert.match(told(report), /own words: A <b>A$/);
    assert.match(
      told({ ...report, contained: [observation({ id: "a" })], result: [{ reference: "#a" }] }),
      /text of its own, which is not shown/,
    );
  });

  test("attached forms return their bytes, or are marked as missing", () => {
    const report = (form) => ({ resourceType: "DiagnosticReport", status: "final", presentedForm: [form] });
    const [form] = readResult(encode(report({ contentType: "application/pdf", title: "T", data: "JVBERg==" })))
      .reports[0].forms;
    assert.deepEqual([letters(form.content), [...form.bytes()]], ["T (application/pdf, 4 bytes)", [37, 80, 68, 70]]);
    const [away] = readResult(encode(report({ url: "https://x.example/1.pdf" }))).reports[0].forms;
    assert.match(letters(away.content), /not in this file, https:\/\/x\.example/);
    assert.equal(away.bytes(), null);
  });
});
