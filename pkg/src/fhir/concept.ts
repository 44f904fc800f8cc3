/** Coded things by name: their text, else what the code is displayed as, else the code with the system it is of. */

import { has, list, object, text } from "./json.js";
import { asSent, foreign, phrase, type Phrase } from "./phrase.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Lang } from "./words.js";

const SYSTEMS: Readonly<Record<string, string>> = {
  "http://loinc.org": "LOINC",
  "http://snomed.info/sct": "SNOMED CT",
  "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
  "http://hl7.org/fhir/sid/icd-10": "ICD-10",
  "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
  "http://www.genenames.org/geneId": "HGNC",
  "http://www.genenames.org": "HGNC",
  "http://varnomen.hgvs.org": "HGVS",
  "http://www.ncbi.nlm.nih.gov/clinvar": "ClinVar",
  "http://www.ncbi.nlm.nih.gov/projects/SNP": "dbSNP",
  "http://unitsofmeasure.org": "UCUM",
  "http://www.ama-assn.org/go/cpt": "CPT",
  "urn:oid:2.16.840.1.113883.6.24": "MDC",
  "urn:iso:std:iso:11073:10101": "MDC",
};

/** The name of a CodeableConcept, or null if it has none. */
export function conceptName(source: Json | undefined, lang: Lang): Phrase | null {
  const concept = object(source);
  if (!concept) return null;
  const codings = list(concept["coding"]);
  const [display] = codings.flatMap((coding) => text(coding["display"]) ?? []);
  const [name] = codings.flatMap((coding) => {
    const code = text(coding["code"]);
    return code === null ? [] : [codeName(code, text(coding["system"]), lang)];
  });
  return asSent(concept["text"]) ?? asSent(display) ?? name ?? absence(concept, lang);
}

/** The names of those that have one. A name may have several parts, so they are not flattened. */
export function conceptNames(sources: readonly JsonObject[], lang: Lang): Phrase[] {
  return sources.map((source) => conceptName(source, lang)).filter((name) => name !== null);
}

/** A code that has no name: never a bare number. */
function codeName(code: string, system: string | null, lang: Lang): Phrase {
  if (system === ABSENT_SYSTEM) return formatAbsence(code, lang);
  const known = system === null ? undefined : SYSTEMS[system];
  if (known !== undefined) return phrase(known, " ", foreign(code));
  if (/\p{Letter}{2}/u.test(code)) return foreign(code);
  return phrase(foreign(code), ...(system === null ? [] : [" (", foreign(system.replace(/^https?:\/\//, "")), ")"]));
}

const ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
const ABSENT_EXTENSION = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const ABSENT: Readonly<Record<string, readonly [en: string, es: string]>> = {
  unknown: ["unknown", "desconocido"],
  "asked-unknown": ["asked but unknown", "preguntado pero desconocido"],
  "temp-unknown": ["temporarily unknown", "desconocido por ahora"],
  "not-asked": ["not asked", "no preguntado"],
  "asked-declined": ["asked but declined", "preguntado y no respondido"],
  masked: ["masked", "oculto"],
  "not-applicable": ["not applicable", "no procede"],
  unsupported: ["unsupported", "no admitido"],
  "as-text": ["as text", "como texto"],
  error: ["error", "error"],
  "not-a-number": ["not a number", "no es un número"],
  "negative-infinity": ["negative infinity", "infinito negativo"],
  "positive-infinity": ["positive infinity", "infinito positivo"],
  "not-performed": ["not performed", "no realizado"],
  "not-permitted": ["not permitted", "no permitido"],
};

function absenceWord(code: string, lang: Lang): string | null {
  return Object.hasOwn(ABSENT, code) ? (ABSENT[code]?.[lang === "en" ? 0 : 1] ?? null) : null;
}

/** The word for a code of data-absent-reason; beside a translated one the code itself, as it was sent. */
function formatAbsence(code: string, lang: Lang): Phrase {
  const word = absenceWord(code, lang);
  if (word === null) return foreign(code);
  return lang === "en" ? [word] : phrase(word, " (", foreign(code), ")");
}

/** Why something is absent, as its data-absent-reason extension says. */
function absence(source: JsonObject | null, lang: Lang): Phrase | null {
  const [code] = list(source?.["extension"]).flatMap((extension) =>
    text(extension["url"]) === ABSENT_EXTENSION ? (text(extension["valueCode"]) ?? []) : [],
  );
  return code === undefined ? null : formatAbsence(code, lang);
}

/** Why a row has no value: what the laboratory wrote, and in the reader's language where its code is known. */
export function absentReason(source: JsonObject, lang: Lang): Phrase | null {
  if (has(source, "dataAbsentReason")) {
    const reason = object(source["dataAbsentReason"]);
    const sent = conceptName(reason, lang);
    const code = list(reason?.["coding"]).find((coding) => text(coding["system"]) === ABSENT_SYSTEM);
    const word = code ? absenceWord(text(code["code"]) ?? "", lang) : null;
    if (sent === null || word === null || lang === "en") return sent;
    return sent.includes(word) ? sent : phrase(word, " (", sent, ")");
  }
  for (const [field, value] of Object.entries(source)) {
    if (!/^_?value[A-Z]/.test(field)) continue;
    const content = absence(object(value), lang) ?? absence(object(object(value)?.["_value"]), lang);
    if (content !== null) return content;
  }
  return null;
}
