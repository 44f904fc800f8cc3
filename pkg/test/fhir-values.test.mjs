// How values, units and dates are shown. Each rule has a case that keeps it and one that breaks it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { coded, letters, observation, rowsOf, UCUM } from "./fhir-samples.mjs";

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
