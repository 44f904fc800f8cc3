// What a laboratory should not send, and does: nothing of it is lost, and nothing is made of it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readResult, resultText } from "../dist/fhir/index.js";

const encode = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const told = (value, options = {}) => resultText(encode(value), { timeZone: "UTC", ...options });
const flags = (value) =>
  readResult(encode(value)).reports.flatMap(({ rows }) => rows.flatMap((row) => row.flags.map(({ level }) => level)));
const mg = (value) => ({ value, unit: "mg/dL", system: "http://unitsofmeasure.org", code: "mg/dL" });
const observation = (more = {}) => ({
  resourceType: "Observation",
  status: "final",
  code: { text: "Creatinine" },
  valueQuantity: mg(2),
  referenceRange: [{ low: mg(0.5), high: mg(1) }],
  ...more,
});
const bundle = (...resources) => ({
  resourceType: "Bundle",
  type: "collection",
  entry: resources.map((resource) => ({ resource })),
});

describe("a value", () => {
  test("whose number is text is shown as sent, and compared with nothing", () => {
    const odd = observation({ valueQuantity: { ...mg("5.0") } });
    assert.match(told(odd), /Creatinine: 5\.0 mg\/dL$/m);
    assert.deepEqual(flags(odd), []);
  });

  test("beside another value: both are shown, with a warning and without a flag", () => {
    const odd = observation({ valueString: "hemolyzed, repeat" });
    assert.match(told(odd), /Creatinine: 2 mg\/dL; hemolyzed, repeat/);
    assert.match(told(odd), /more than one value/);
    assert.match(told(odd, { lang: "es" }), /más de un valor/);
    assert.deepEqual(flags(odd), []);
  });

  test("beside the reason why there is none has no flag", () => {
    const odd = observation({ dataAbsentReason: { text: "not performed" } });
    assert.match(told(odd), /2 mg\/dL.*Reason: not performed/s);
    assert.deepEqual(flags(odd), []);
  });

  test("that exceeds a limit in a digit beyond double precision is above it", () => {
    const exact = (value, high) =>
      flags(
        `{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":${value},"unit":"m"},"referenceRange":[{"high":{"value":${high},"unit":"m"}}]}`,
      );
    assert.deepEqual(exact("1.00000000000000000001", "1"), ["abnormal"]);
    assert.deepEqual(exact("1.0000", "1"), ["normal"]);
    assert.deepEqual(exact("-0.5", "-0.4e0"), ["normal"]);
    assert.deepEqual(exact("-0.3", "-4E-1"), ["abnormal"]);
    assert.deepEqual(exact("1e-300", "2e+300"), ["normal"]);
    assert.deepEqual(exact(`0.${"9".repeat(100_000)}`, "2"), ["normal"]);
  });
});

describe("a part of another form", () => {
  test("an interpretation that is text is shown without a meaning", () => {
    for (const interpretation of ["HH", ["HH"]]) {
      const odd = observation({ interpretation });
      assert.match(told(odd), /HH \(the laboratory’s own code\)/);
      assert.deepEqual(flags(odd), ["notice"]);
    }
  });

  test("ranges and notes that are text are shown", () => {
    const text = told(observation({ referenceRange: ["0.5-1 mg/dL"], note: "call us" }));
    assert.match(text, /Reference range: 0\.5-1 mg\/dL/);
    assert.match(text, /Note: call us/);
  });

  test("a form whose bytes are damaged says so", () => {
    const form = { contentType: "application/pdf", data: "!!!" };
    const report = { resourceType: "DiagnosticReport", status: "final", code: { text: "X" }, presentedForm: [form] };
    assert.match(told(report), /Attached: application\/pdf, damaged/);
    assert.equal(readResult(encode(report)).reports[0].forms[0].bytes(), null);
  });
});

describe("what changes the meaning", () => {
  test("a result about a fetus or a donor says about whom it is", () => {
    assert.match(told(observation({ focus: [{ display: "Fetus A" }] })), /About: Fetus A/);
    assert.match(told(observation({ focus: [{ display: "Feto A" }] }), { lang: "es" }), /Sobre: Feto A/);
  });

  test("an unsatisfactory specimen and its condition are named", () => {
    const specimen = {
      resourceType: "Specimen",
      id: "s",
      status: "unsatisfactory",
      type: { text: "Blood" },
      condition: [{ text: "Hemolyzed" }],
    };
    const text = told(bundle(specimen, observation({ specimen: { reference: "Specimen/s" } })));
    assert.match(text, /Specimen: Blood, unsatisfactory, Hemolyzed/);
  });

  test("rules that a Bundle names are a warning, and nothing in it is flagged", () => {
    const odd = { ...bundle(observation()), implicitRules: "urn:rules" };
    assert.match(told(odd), /^The sender names rules/);
    assert.deepEqual(flags(odd), []);
    const inner = bundle({ resourceType: "DiagnosticReport", status: "final", code: { text: "R" } }, odd);
    assert.match(told(inner), /The sender names rules/);
  });

  test("a time that is a timing is shown", () => {
    const text = told(observation({ effectiveTiming: { event: ["2026-05-01", "2026-05-02"] } }));
    assert.match(text, /Taken: 2026-05-01, 2026-05-02/);
    assert.match(told(observation({ effectiveTiming: { code: { text: "BID" } } })), /Taken: BID/);
    assert.match(told(observation({ effectiveTiming: { repeat: {} } })), /Taken: in the original/);
  });
});

describe("HL7 v2", () => {
  const message = "MSH|^~\\&|LAB||||20260501||ORU^R01|1|P|2.5.1||||||";
  const latin = (text) => new Uint8Array(Buffer.from(text, "latin1"));
  test("is text in the character set that it names", () => {
    assert.match(resultText(latin(`${message}8859/1\rPID|1||7||Gómez^Ana\r`)), /Gómez\^Ana/);
    assert.match(resultText(latin(`${message}8859/15\rNTE|1||\xa4\r`)), /€/);
    assert.match(resultText(encode(`${message}UNICODE UTF-8\rPID|1||7||Gómez^Ana\r`)), /Gómez\^Ana/);
    assert.match(resultText(latin(`${message}\rPID|1||7||Gómez^Ana\r`)), /Gómez\^Ana/, "unnamed and not UTF-8");
  });

  test("in the frame of MLLP, each segment on its line, is not converted", () => {
    const text = resultText(encode(`\x0b${message}\rOBX|1|NM|K||9.9|mmol/L|||HH||F\r\x1c\r`));
    assert.match(text, /^This is an HL7 v2 message\./);
    assert.match(text, /^OBX\|1\|NM\|K\|\|9\.9\|mmol\/L\|\|\|HH\|\|F$/m);
    assert.doesNotMatch(text, /Critical/);
  });

  test("that is long says that there is more", () => {
    assert.match(resultText(encode(`${message}\r${"NTE|1||x\r".repeat(5_000)}`)), /There is more in the original/);
  });
});

describe("a code without a name, which is shown with its system, stays in one piece", () => {
  const coded = (code) => ({ coding: [{ system: "http://snomed.info/sct", code }] });

  test("as the group that a range is for", () => {
    const range = { low: mg(0.5), high: mg(1), appliesTo: [coded("248152002"), coded("112144000")] };
    const text = told(observation({ referenceRange: [range] }));
    assert.match(text, /· for SNOMED CT 248152002, SNOMED CT 112144000$/m);
  });

  test("as the condition of a specimen", () => {
    const condition = [coded("281279002"), coded("281282007")];
    const specimen = { resourceType: "Specimen", id: "s", type: { text: "Blood" }, condition };
    const text = told(observation({ contained: [specimen], specimen: { reference: "#s" } }));
    assert.match(text, /Blood, SNOMED CT 281279002, SNOMED CT 281282007$/m);
  });
});
