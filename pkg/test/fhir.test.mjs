// The rules by which a FHIR document is shown in words: each with a case that keeps it and one that breaks it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Foreign, readResult, resultText } from "../dist/fhir/index.js";
import { scan } from "../dist/fhir/scanner.js";
import { arbitrary, HOSTILE } from "./foreign.mjs";

const V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
const UCUM = "http://unitsofmeasure.org";
const encode = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const letters = (phrase) => (phrase ?? []).map((part) => (part instanceof Foreign ? part.text : part)).join("");
const told = (value, options = {}) => resultText(encode(value), { timeZone: "UTC", ...options });
const bundle = (...entry) => ({ resourceType: "Bundle", type: "collection", entry });
const mg = (value) => ({ value, unit: "mg/dL", system: UCUM, code: "mg/dL" });

/** An observation above its only range, final, without an interpretation. */
const observation = (more = {}) => ({
  resourceType: "Observation",
  status: "final",
  code: { text: "Creatinine" },
  valueQuantity: mg(2),
  referenceRange: [{ low: mg(0.5), high: mg(1) }],
  ...more,
});
const rowsOf = (value, options) => readResult(encode(value), options).reports.flatMap((report) => report.rows);
const flagsOf = (value, options) =>
  rowsOf(value, options).flatMap((row) => row.flags.map((flag) => `${flag.level}: ${letters(flag.words)}`));
const coded = (code, system = V3) => [{ coding: [{ system, code }] }];

function isFhir(document) {
  try {
    return typeof JSON.parse(document)?.resourceType === "string" && JSON.parse(document).resourceType.trim() !== "";
  } catch {
    return false;
  }
}

describe("no input makes the reader fail", () => {
  test("arbitrary documents", () => {
    const seed = 77;
    let read = 0;
    for (const { document } of arbitrary(seed, 4_000)) {
      for (const lang of ["en", "es"])
        assert.equal(typeof resultText(encode(document), { lang }), "string", `seed ${seed}: ${document}`);
      // What is FHIR is read, not given up.
      if (!isFhir(document)) continue;
      read += 1;
      assert.notEqual(readResult(encode(document)).kind, "unreadable", `seed ${seed}: ${document}`);
    }
    assert.ok(read > 3_000);
  });

  for (const [name, document] of HOSTILE)
    test(name, () => {
      const before = performance.now();
      assert.ok(told(document).length > 0);
      assert.ok(performance.now() - before < 20_000, "in bounded time");
    });

  test("a time zone that does not exist is refused before anything is read", () => {
    for (const document of ["", observation()])
      assert.throws(() => readResult(encode(document), { timeZone: "Mars/Olympus" }), RangeError);
  });

  test("arbitrary bytes", () => {
    for (let length = 0; length < 300; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + length * 31) % 256);
      assert.equal(readResult(bytes).kind, length === 0 ? "empty" : "unreadable");
    }
  });

  test("rows beyond the limit are counted", () => {
    const entry = Array.from({ length: 700 }, (_, id) => ({ resource: observation({ id: `o${id}` }) }));
    assert.match(told(bundle(...entry)), /^200 more results are in the original/);
    assert.equal(rowsOf(bundle(...entry)).length, 500);
  });

  test("long texts and lists are cut, with a warning", () => {
    const long = told(observation({ code: { text: "x".repeat(1_000_000) } }));
    assert.ok(long.length < 50_000);
    assert.match(long, /^There is more in the original: long texts and lists/);
    const performer = Array.from({ length: 100_000 }, (_, index) => ({ display: `P${index}` }));
    assert.match(told(observation({ performer })), /long texts and lists[\s\S]*By: P0, [\s\S]*P49\n/);
    assert.doesNotMatch(told(observation()), /long texts/);
  });

  test("nested panels are cut at depth 8, with a warning", () => {
    const entry = Array.from({ length: 40 }, (_, level) => ({
      resource: observation({
        id: `o${level}`,
        hasMember: [1, 2, 3].map((step) => ({ reference: `Observation/o${level + step}` })),
      }),
    }));
    assert.match(told(bundle(...entry)), /results are shown to a depth of 8/);
  });

  test("nested Bundles are read to depth 3; the rest are counted", () => {
    const inside = (depth, resource) => (depth === 0 ? resource : bundle({ resource: inside(depth - 1, resource) }));
    assert.match(told(inside(4, observation())), /Creatinine/);
    assert.match(told(inside(5, observation())), /1 inner Bundles were not read/);
  });
});

describe("the scanner", () => {
  test("reads what JSON.parse reads, and refuses what it refuses", () => {
    const plain = (value) => JSON.parse(JSON.stringify(value, (_, one) => (one?.text ? Number(one.text) : one)));
    const texts = ['{"a":[1,2.50,-0,1e3,true,null,"\\u00e9\\n\\"x\\\\"]}', "[]", " {} ", '""', "0", '{"__proto__":1}'];
    for (const source of texts) assert.deepEqual(plain(scan(source).root), plain(JSON.parse(source)), source);
    for (const source of [
      "",
      "{",
      "[1,]",
      "{a:1}",
      "01",
      "1.",
      "+1",
      "'a'",
      '"\n"',
      "[1 2]",
      "nul",
      '{"a" 1}',
      "1 1",
      '"\\x"',
    ])
      assert.throws(() => scan(source), SyntaxError, source);
  });

  test("keeps the digits of every number", () => {
    for (const digits of ["1.0", "1.00", "1E-22", "-0", "123456789012345678901234567890", "1e999"])
      assert.equal(scan(digits).root.text, digits);
  });

  test("counts repeated names", () => {
    const text = told('{"resourceType":"Observation","status":"final","valueString":"7","valueString":"8"}');
    assert.match(text, /states something twice/);
  });
});

describe("interpretation", () => {
  const CODES =
    "_GeneticObservationInterpretation CAR Carrier _ObservationInterpretationChange B D U W _ObservationInterpretationExceptions < > AC IE QCF TOX _ObservationInterpretationNormality A AA HH LL H H> HU L L< LU N _ObservationInterpretationSusceptibility I MS NCL NS R SYN-R S SDD SYN-S VS EX HX LX HM ObservationInterpretationDetection IND E NEG ND POS DET ObservationInterpretationExpectation EXP UNE OBX ReactivityObservationInterpretation NR RR WR".split(
      " ",
    );

  test("every code has a word in both languages, and no word is a code", () => {
    assert.equal(CODES.length, 57);
    for (const code of CODES)
      for (const lang of ["en", "es"]) {
        const [flag] = flagsOf(observation({ interpretation: coded(code) }), { lang });
        assert.match(flag, /^\w+: \p{Lu}\p{Ll}/u, code);
        assert.ok(!flag.endsWith(`: ${code}`) || code === "Carrier", code);
      }
  });

  test("critical codes are named as critical; high and low are not", () => {
    for (const code of ["HH", "LL", "AA", "HU", "LU", "H>", "L<", ">", "<"]) {
      assert.match(flagsOf(observation({ interpretation: coded(code) }))[0], /^critical: .*critical/i, code);
      assert.match(flagsOf(observation({ interpretation: coded(code) }), { lang: "es" })[0], /crítico/i, code);
    }
    for (const code of ["H", "L", "A"])
      assert.doesNotMatch(flagsOf(observation({ interpretation: coded(code) }))[0], /critical/i);
  });

  test("older URLs of the code systems are accepted", () => {
    for (const system of ["http://hl7.org/fhir/v3/ObservationInterpretation", "http://hl7.org/fhir/v2/0078"])
      assert.deepEqual(flagsOf(observation({ interpretation: coded("HH", system) })), ["critical: Critical high"]);
  });

  test("a code of another system is shown with its own words", () => {
    const own = [{ coding: [{ system: "urn:lab", code: "N", display: "NOT ACCEPTABLE" }] }];
    assert.deepEqual(flagsOf(observation({ interpretation: own })), ["notice: NOT ACCEPTABLE"]);
    assert.deepEqual(flagsOf(observation({ interpretation: coded("N", "urn:lab") })), [
      "notice: N (the laboratory’s own code)",
    ]);
  });

  test("all are shown, the gravest first, each with the laboratory's words where they differ", () => {
    const both = [...coded("N"), { coding: [{ system: V3, code: "LL" }], text: "PANIC" }];
    assert.deepEqual(flagsOf(observation({ interpretation: both })), [
      "critical: Critical low (PANIC)",
      "normal: Normal",
    ]);
  });
});

describe("a computed flag", () => {
  test("is set when value and range are comparable", () => {
    assert.deepEqual(flagsOf(observation()), ["abnormal: High*"]);
    assert.deepEqual(flagsOf(observation({ valueQuantity: mg(0.4) })), ["abnormal: Low*"]);
    assert.deepEqual(flagsOf(observation({ valueQuantity: mg(1) })), ["normal: In range*"]);
    assert.deepEqual(flagsOf(observation({ referenceRange: [{ high: mg(1) }] })), ["abnormal: High*"]);
    for (const status of ["amended", "corrected"])
      assert.deepEqual(flagsOf(observation({ status })), ["abnormal: High*"]);
    const noCodes = { valueQuantity: { value: 2, unit: "g" }, referenceRange: [{ high: { value: 1, unit: "g" } }] };
    assert.deepEqual(flagsOf(observation(noCodes)), ["abnormal: High*"]);
  });

  const range = { low: mg(0.5), high: mg(1) };
  const refusals = {
    "the laboratory spoke": { interpretation: [{ text: "see comment" }] },
    "not final": { status: "preliminary" },
    "unknown status": { status: "done" },
    "a comparator": { valueQuantity: { ...mg(2), comparator: "<" } },
    "a modifier extension": { modifierExtension: [{ url: "urn:x", valueBoolean: true }] },
    "two ranges": { referenceRange: [range, range] },
    "limits swapped": { referenceRange: [{ low: mg(1), high: mg(0.5) }] },
    "a range of another type": { referenceRange: [{ ...range, type: { coding: [{ code: "treatment" }] } }] },
    "a range for some people": { referenceRange: [{ ...range, appliesTo: [{ text: "Male" }] }] },
    "a range for an age": { referenceRange: [{ ...range, age: { low: { value: 18, unit: "a" } } }] },
    "a range with text": { referenceRange: [{ ...range, text: "see comment" }] },
    "another unit": { referenceRange: [{ high: { value: 1, unit: "mg/dL", system: UCUM, code: "g/L" } }] },
    "no unit in the range": { referenceRange: [{ high: { value: 1 } }] },
    "a unit that contradicts its code": { valueQuantity: { ...mg(2), unit: "mmol/L" } },
    "a number beyond reckoning": { valueQuantity: JSON.parse('{"unit":"mg/dL","code":"mg/dL"}') },
  };
  for (const [why, more] of Object.entries(refusals))
    test(`is not set: ${why}`, () => {
      assert.ok(!flagsOf(observation(more)).some((flag) => flag.includes("*")));
    });

  test("is not set below an interpreted panel or in a report that is not final", () => {
    const panel = observation({ valueQuantity: undefined, component: [observation()] });
    assert.deepEqual(flagsOf(panel), ["abnormal: High*"]);
    assert.deepEqual(flagsOf({ ...panel, interpretation: [{ text: "noted" }] }), ["notice: noted"]);
    const report = (status) => ({
      resourceType: "DiagnosticReport",
      status,
      code: { text: "Panel" },
      contained: [observation({ id: "a" })],
      result: [{ reference: "#a" }],
    });
    assert.deepEqual(flagsOf(report("final")), ["abnormal: High*"]);
    for (const status of ["preliminary", "cancelled", "entered-in-error", "nonsense"])
      assert.deepEqual(flagsOf(report(status)), [], status);
  });
});

describe("status", () => {
  test("a result entered in error has no flag, and a warning stands above it", () => {
    const [row] = rowsOf(observation({ status: "entered-in-error", interpretation: coded("HH") }));
    assert.deepEqual([row.status, row.flags, letters(row.statusText)], ["entered-in-error", [], "Entered in error"]);
    const text = told({
      resourceType: "DiagnosticReport",
      status: "final",
      contained: [observation({ id: "a", status: "entered-in-error", interpretation: coded("HH") })],
      result: [{ reference: "#a" }],
    });
    assert.match(text, /Some results here were entered in error/);
    assert.match(text, /Creatinine: 2 mg\/dL \(do not use\) · Entered in error/);
    assert.match(text, /no longer valid: Critical high/);
    assert.match(told(observation({ status: "entered-in-error" })), /^Result\nSome results here were entered in error/);
  });

  test("the worse of a report's and a row's status holds", () => {
    const report = { resourceType: "DiagnosticReport", status: "entered-in-error", result: [{ reference: "#a" }] };
    const [row] = rowsOf({ ...report, contained: [observation({ id: "a" })] });
    assert.equal(row.status, "entered-in-error");
    assert.match(told({ ...report, contained: [observation({ id: "a" })] }), /This report was entered in error/);
  });

  test("every status has a word; an invalid one is unknown and shown as sent", () => {
    const word = (status, lang) => letters(rowsOf(observation({ status }), { lang })[0].statusText);
    assert.equal(word("final", "en"), "");
    assert.match(word("preliminary", "es"), /no definitivo/);
    assert.match(word("amended", "en"), /corrected/);
    assert.equal(word("toString", "en"), "Unknown status (toString)");
    assert.equal(word(undefined, "en"), "Unknown status");
  });
});

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

describe("values and units", () => {
  const value = (more, options) =>
    letters(rowsOf(observation({ valueQuantity: undefined, ...more }), options)[0].value);

  test("each kind of value is shown as it was sent", () => {
    assert.equal(value({ valueQuantity: { value: 10, code: "{score}", system: UCUM } }), "10 score");
    assert.equal(value({ valueQuantity: { value: 0.4, code: "1", system: UCUM } }), "0.4");
    assert.equal(
      value({ valueRatio: { numerator: { value: 15, unit: "mg" }, denominator: { value: 24, unit: "h" } } }),
      "15 mg / 24 h",
    );
    assert.equal(
      value({ valueRange: { low: { value: 1, unit: "cm" }, high: { value: 2, unit: "cm" } } }),
      "1 cm – 2 cm",
    );
    assert.equal(value({ valueBoolean: true }, { lang: "es" }), "sí");
    assert.equal(value({ valueInteger: 7 }), "7");
    assert.equal(value({ valuePeriod: { start: "2024-01", end: "2024-02-01" } }), "from 2024-01 to 2024-02-01");
    assert.equal(
      value({ valueCodeableConcept: { coding: [{ system: "http://loinc.org", code: "LA6576-8" }] } }),
      "LOINC LA6576-8",
    );
    assert.equal(value({ valueSampledData: { period: 10, data: "1 2 E" } }), "Waveform: 3 samples, period 10 ms");
    assert.equal(value({ valueAttachment: {} }), "Attachment (in the original)");
  });

  test("the reason for a missing value is shown", () => {
    const reason = {
      dataAbsentReason: {
        coding: [{ system: "http://terminology.hl7.org/CodeSystem/data-absent-reason", code: "masked" }],
      },
    };
    assert.equal(value(reason), "masked");
    assert.equal(value(reason, { lang: "es" }), "oculto (masked)");
    const extension = [
      { url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", valueCode: "not-performed" },
    ];
    assert.equal(value({ valueQuantity: { extension } }), "not performed");
    assert.equal(value({ _valueString: { extension } }), "not performed");
    assert.equal(value({}), "no value");
    assert.equal(value({ interpretation: coded("R") }), "", "the interpretation is the result");
    assert.equal(value({ extension: [{ url: "urn:x", valueString: "7" }] }), "in the original");
  });

  test("a unit that contradicts its code gets a warning", () => {
    const warns = (unit, code) =>
      rowsOf(observation({ valueQuantity: { value: 1, unit, system: UCUM, code } }))[0].lines.some(
        ({ kind }) => kind === "warning",
      );
    for (const [unit, code] of [
      ["mmol/L", "mg/dL"],
      ["g/L", "g/dL"],
      ["10^9/L", "10*12/L"],
      ["ug/mL", "mg/mL"],
      ["%", "g/L"],
    ])
      assert.ok(warns(unit, code), `${unit} ${code}`);
    for (const [unit, code] of [
      ["mmol/l", "mmol/L"],
      ["x10*9/L", "10*9/L"],
      ["10^9/L", "10*9/L"],
      ["µmol/L", "umol/L"],
      ["K/uL", "10*3/uL"],
      ["mmHg", "mm[Hg]"],
      ["IU/L", "U/L"],
      ["mL/min/1.73m2", "mL/min/{1.73_m2}"],
      ["liters/min", "L/min"],
      ["per HPF", "/[HPF]"],
    ])
      assert.ok(!warns(unit, code), `${unit} ${code}`);
  });
});

describe("dates", () => {
  const taken = (effectiveDateTime, options) => {
    const line = rowsOf(observation({ effectiveDateTime }), options)[0].lines.find(({ label }) => label === "Taken");
    return letters(line?.content);
  };

  test("are shown in the laboratory's time, with the reader's time beside it", () => {
    assert.equal(
      taken("2024-03-01T23:30:00+11:00", { timeZone: "UTC" }),
      "2024-03-01 23:30:00 UTC+11:00 (your time: Mar 1, 2024, 12:30 PM)",
    );
    assert.equal(taken("2024-03-01T23:30:00Z", { timeZone: "UTC" }), "2024-03-01 23:30:00 UTC");
    for (const date of ["2024", "2024-03", "2024-02-29"]) assert.equal(taken(date), date);
  });

  test("an impossible date is shown as sent and marked", () => {
    for (const date of ["2023-02-29", "2024-13-01", "0000-00-00T00:00:00Z", "2024-01-01T25:00:00Z", "yesterday"])
      assert.equal(taken(date), `${date} (not a date)`);
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
