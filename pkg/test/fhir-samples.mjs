// What the tests of results share: small documents, and what is shown of them.

import { Foreign, readResult, resultText } from "../dist/fhir/index.js";

export const V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation";
export const UCUM = "http://unitsofmeasure.org";
export const encode = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
export const letters = (phrase) => (phrase ?? []).map((part) => (part instanceof Foreign ? part.text : part)).join("");
export const told = (value, options = {}) => resultText(encode(value), { timeZone: "UTC", ...options });
export const bundle = (...entry) => ({ resourceType: "Bundle", type: "collection", entry });
export const mg = (value) => ({ value, unit: "mg/dL", system: UCUM, code: "mg/dL" });

/** An observation above its only range, final, without an interpretation. */
export const observation = (more = {}) => ({
  resourceType: "Observation",
  status: "final",
  code: { text: "Creatinine" },
  valueQuantity: mg(2),
  referenceRange: [{ low: mg(0.5), high: mg(1) }],
  ...more,
});
export const rowsOf = (value, options) => readResult(encode(value), options).reports.flatMap((report) => report.rows);
export const flagsOf = (value, options) =>
  rowsOf(value, options).flatMap((row) => row.flags.map((flag) => `${flag.level}: ${letters(flag.words)}`));
export const coded = (code, system = V3) => [{ coding: [{ system, code }] }];
