// How a result is judged: interpretation codes, flags that are computed, and status. Each rule has a case that keeps it and one that breaks it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { coded, flagsOf, letters, mg, observation, rowsOf, told, UCUM, V3 } from "./fhir-samples.mjs";

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
