// Published FHIR files and the facts that must be readable in them, in both languages.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { Foreign, readResult, resultText } from "../dist/fhir/index.js";
import { mismatches } from "./fhir-facts.mjs";

const FOLDER = new URL("../../tests/data/fhir/cases/", import.meta.url);
const EXPECTED = JSON.parse(readFileSync(new URL("expected.json", FOLDER), "utf8"));
const file = (name) => readFileSync(new URL(name, FOLDER));
const letters = (phrase) => phrase.map((part) => (part instanceof Foreign ? part.text : part)).join("");

/** The script that listed the facts does not follow contained resources that lack their type; the view does. */
const NOT_FOLLOWED = { "derived-deep-chain.json": ["#1: not told to be elsewhere"] };

for (const lang of ["en", "es"]) {
  const options = { lang, timeZone: "America/Los_Angeles" };
  describe(`the facts of published files, in ${lang}`, () => {
    for (const [name, { facts }] of Object.entries(EXPECTED))
      test(name, () => {
        const bytes = file(name);
        const found = mismatches(facts, readResult(bytes, options), resultText(bytes, options), lang);
        assert.deepEqual(
          found.filter((sentence) => !(NOT_FOLLOWED[name] ?? []).includes(sentence)),
          [],
        );
      });
  });
}

test("every file has its facts, and every facts their file", () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json") && name !== "expected.json");
  assert.deepEqual(files.sort(), Object.keys(EXPECTED).sort());
});

/** What must be readable, and what must not, beyond the facts that a script can list. */
const SAYINGS = {
  "eu-HepatitisPanel.json": {
    must: [/CIA Index: 9\.89 IV · High \(Low Positive\)/, /Equivocal: 0\.8 – 0\.99/, /Interp: Positive · Abnormal/],
  },
  "eu-Observation-ratio.json": { must: [/15 mg \/ 24 h/], mustNot: [/see the original/i] },
  "hl7-Bundle-101.json": {
    must: [
      /Neutrophils: 0\.9 \S+ · Critical low/,
      /Eosinophils: 0\.92 \S+ · Critical high/,
      /0\.04 – 0\.40/,
      /application\/pdf, 68 KB/,
    ],
  },
  "hl7-Bundle-f001.json": {
    must: [/(?:Observation\/f00[1-5]: not in this file[\s\S]*){5}/, /Core lab/],
    mustNot: [/no value/],
  },
  "hl7-Bundle-f202.json": { must: [/Bacteremia due to staphylococcus/, /not in this file/], mustNot: [/no value/] },
  "hl7-Bundle-general-nested.json": { must: [/SERUM CHEMISTRY/, /KLEBSIELLA PNEUMONIAE/] },
  "hl7-Bundle-lri-example.json": {
    must: [
      /Klebsiella pneumonia › Ampicilin MIC: <0\.06 ug\/ml · Susceptible/,
      /Staphlyococcuc aureus › Ampicilin MIC: <0\.06 ug\/ml · Susceptible/,
      /Gram Stain › Gram Stain: Many\n[\s\S]*?- Gram Stain › Gram Stain: WBCS/,
    ],
  },
  "hl7-Bundle-micro.json": {
    must: [
      /Ampicillin: Resistant/,
      /Erythromycin: >=8 · Resistant/,
      /Penicillin: >=2 · Resistant/,
      /Vancomycin: 1 · Susceptible/,
      /Staphylococcus aureus Panel › Susceptibility - Automated broth dilution \(Billed\) › Ampicillin/,
      /Disk diffusion \(Billed\) › Oxacillin: Susceptible/,
    ],
    mustNot: [/no value/, /—/],
  },
  "hl7-DiagnosticReport-102.json": { must: [/At risk of osteoporotic fracture/] },
  "hl7-DiagnosticReport-gingival-mass.json": {
    must: [/Max Jones/, /application\/pdf, 539 KB/],
    mustNot: [/^Results:/m],
  },
  "hl7-DiagnosticReport-pap.json": {
    must: [/no coded results\. Its text is in the original/, /LOINC 47527-7/, /Atypical squamous cells/],
    mustNot: [/^Results:/m, /^47527-7/m],
  },
  "hl7-DiagnosticReport-ultrasound.json": { must: [/Unremarkable study/, /Image: A comment about the image/] },
  "hl7-Observation-blood-pressure-cancel.json": {
    must: [/· Cancelled/, /Not Asked/, /not available due to cancellation/, /no longer valid: Below low normal/],
    mustNot: [/\bLow\b/],
  },
  "hl7-Observation-blood-pressure.json": {
    must: [/: Low \(Below low normal\)/, /Right arm/, /107 mmHg · Normal/, /60 mmHg · Low/],
  },
  "hl7-Observation-decimal.json": { must: [/: 1\.0 g/, /: 1\.00 g/, /: 1E-22 g/, /-1\.000000000000000000E\+245 g/] },
  "hl7-Observation-ekg.json": { must: [/116 samples, period 10 ms/] },
  "hl7-Observation-f205.json": {
    must: [
      /≥ 60 \S+ · for non-black\/african-american · age from 18 yrs/,
      /GFR estimating/,
      /level of kindey function/,
    ],
    mustNot: [/\*$/m],
  },
  "hl7-Observation-f206.json": { must: [/Staphylococcus aureus · Positive/], mustNot: [/—/] },
  "hl7-Observation-glasgow.json": {
    must: [/Severe TBI: ≤ 8 score/, /Moderate TBI: 9 – 12 score/, /Mild TBI: ≥ 13 score/],
  },
  "hl7-Observation-herd1.json": {
    must: [/0\.2 % \(sample\/positive control\) · Negative/, />0\.4 Positive; 0\.3 to 0\.4 Suspect/],
    mustNot: [/—/],
  },
  "hl7-Observation-unsat.json": {
    must: [/Specimen unsatisfactory for evaluation · Cancelled/, /Tube broken in transit/],
  },
  "ips-hemoglobin-a1c.json": { must: [/Note: Above stated goal of 7\.0 %/] },
  "ms-LRI_2.0-NG_CBC_Typ_Message.json": {
    must: [/105600 cells per microliter · Critical high/, /12\.5 grams per milliliter · Low/],
  },
  "synthea-fonseca.json": { must: [/Agustín Fonseca/, /(?:Body Height: \S+ cm\n\s+Taken: 20\d\d-[\s\S]*){5}/] },
  "tc-obs-sampled-data.json": { must: [/15,386 samples|15386 samples/, /µV/] },
  "uscore-DiagnosticReport-chest-xray-report.json": {
    must: [/application\/xhtml, 1 KB/, /Findings: not in this file/, /Impression: not in this file/],
    mustNot: [/<html/i],
  },
  "derived-bidi.json": {
    must: [/Glucose \[U\+202E\]3\.6 lamron\[U\+202C\]: 6\.3 mmol\/l/],
    mustNot: [/[\u202a-\u202e]/],
  },
  "derived-cycle.json": { must: [/^- A: one\n- A: one › B: two$/m] },
  "derived-date-impossible-day.json": { must: [/2011-02-30T08:30:00\+11:00 \(not a date\)/], mustNot: [/Mar 2/] },
  "derived-date-impossible-month.json": { must: [/2011-13-04T08:30:00\+11:00 \(not a date\)/] },
  "derived-deep-chain.json": { must: [/more in the original: results are shown to a depth of 8/] },
  "derived-interpretation-and-range-cases.json": {
    must: [
      /text-only-critical: \S+ mg\/dL · CRITICAL HIGH/,
      /v2-symbol-gt: 1 mg\/dL · Above absolute high \(off scale, may be critical\)/,
      /local-N: 1 mg\/dL · NOT ACCEPTABLE/,
      /N-and-HH: 1 mg\/dL · Critical high; Normal/,
      /D-decreased: 1 mg\/dL · Significant change down/,
      /range-treatment: 1 mg\/dL\n\s+Reference range: Treatment: 0\.5 – 2\.0/,
      /range-one-sex: 1\.2 mg\/dL\n\s+Reference range: 0\.76 – 1\.27 mg\/dL · for Male/,
      /0\.6 – 0\.2 mg\/dL · limits look swapped/,
      /unit-and-code-differ: 5 mmol\/L\n[^-]*disagree: mmol\/L and mg\/dL/,
      /no-value-analyser-error: Analyser error/,
      /0\.2 – 0\.6; See comment/,
      /modifierExtension: 1 mg\/dL\n[^-]*Warning: The sender added something that changes the meaning/,
      /code-without-display: SNOMED CT 260385009/,
    ],
    mustNot: [/In range/, /\*/],
  },
  "derived-markup.json": { must: [/<img src=x onerror=alert\(1\)><script>alert\(2\)<\/script>/] },
  "derived-preliminary-and-corrected.json": {
    must: [/Not final: the results may still change/, /Corrected: this report replaces/],
  },
  "derived-two-reports-same-contained-id.json": {
    must: [
      /Basic Metabolic Panel[\s\S]*Potassium, Blood: 5\.4 mmol\/L[\s\S]*Lipid Panel[\s\S]*Cholesterol: 6\.3 mmol\/L/,
    ],
  },
  "derived-versioned-and-absolute-references.json": { mustNot: [/no value/, /outside a report/, /not in this file/] },
};

describe("sayings", () => {
  for (const [name, { must = [], mustNot = [] }] of Object.entries(SAYINGS))
    test(name, () => {
      const text = resultText(file(name), { timeZone: "America/Los_Angeles" });
      for (const pattern of must) assert.match(text, pattern);
      for (const pattern of mustNot) assert.doesNotMatch(text, pattern);
    });

  test("each result stands once in a report that lists it by version, by address and by type", () => {
    const [report, ...others] = readResult(file("derived-versioned-and-absolute-references.json")).reports;
    assert.equal(others.length, 0);
    assert.equal(report.rows.length, 8);
  });

  test("a report does not show the value of another that uses the same contained id", () => {
    const [basic, lipid] = readResult(file("derived-two-reports-same-contained-id.json")).reports;
    assert.deepEqual(
      basic.rows.map((row) => letters(row.name)),
      ["Potassium, Blood"],
    );
    assert.deepEqual(
      lipid.rows.map((row) => letters(row.name)),
      ["Cholesterol"],
    );
  });

  test("critical results stand above all others", () => {
    const [report] = readResult(file("hl7-Bundle-101.json")).reports;
    assert.deepEqual(
      report.critical.map((row) => letters(row.name)),
      ["Neutrophils", "Eosinophils"],
    );
    const text = resultText(file("hl7-Bundle-101.json"));
    assert.ok(text.indexOf("Critical results:") < text.indexOf("Results:\n"));
  });
});
