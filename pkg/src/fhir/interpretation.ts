/** What the laboratory says about a value: HL7's codes in words, and its own words as sent. */

import { text, texts } from "./json.js";
import { asSent, distinct, foreign, phrase, type Phrase } from "./phrase.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import type { Words } from "./words.js";

/** From gravest to harmless. `notice`: neither normal nor abnormal by itself, or not known here. */
export type Level = "critical" | "abnormal" | "notice" | "normal";

export interface Flag {
  readonly level: Level;
  readonly words: Phrase;
  /** Computed here from the reference range; the laboratory gave none. */
  readonly computed: boolean;
}

const SYSTEMS = new Set([
  "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
  "http://terminology.hl7.org/CodeSystem/v2-0078",
  "http://hl7.org/fhir/v3/ObservationInterpretation",
  "http://hl7.org/fhir/v2/0078",
  "urn:oid:2.16.840.1.113883.5.83",
  "urn:oid:2.16.840.1.113883.12.78",
]);

/**
 * Every code of v3-ObservationInterpretation (57, abstract ones too) and the one that only v2-0078 has, by level.
 * What HL7 calls significantly high or low, and what is off the instrument's scale, may need action at once, so these
 * stand with the critical ones; the word says what they are.
 */
const CODES: Readonly<Record<Level, Readonly<Record<string, readonly [en: string, es: string]>>>> = {
  critical: {
    AA: ["Critical abnormal", "Anormal crítico"],
    HH: ["Critical high", "Alto crítico"],
    LL: ["Critical low", "Bajo crítico"],
    HU: ["Significantly high (near critical)", "Muy alto (cerca de lo crítico)"],
    "H>": ["Significantly high (near critical)", "Muy alto (cerca de lo crítico)"],
    LU: ["Significantly low (near critical)", "Muy bajo (cerca de lo crítico)"],
    "L<": ["Significantly low (near critical)", "Muy bajo (cerca de lo crítico)"],
    ">": [
      "Above absolute high (off scale, may be critical)",
      "Por encima del máximo absoluto (fuera de escala, puede ser crítico)",
    ],
    "<": [
      "Below absolute low (off scale, may be critical)",
      "Por debajo del mínimo absoluto (fuera de escala, puede ser crítico)",
    ],
  },
  abnormal: {
    A: ["Abnormal", "Anormal"],
    H: ["High", "Alto"],
    L: ["Low", "Bajo"],
    EX: ["Outside threshold", "Fuera del umbral"],
    HX: ["Above high threshold", "Por encima del umbral superior"],
    LX: ["Below low threshold", "Por debajo del umbral inferior"],
    R: ["Resistant", "Resistente"],
    "SYN-R": ["Synergy: resistant", "Sinergia: resistente"],
    NS: ["Non-susceptible", "No sensible"],
    W: ["Worse", "Peor"],
    UNE: ["Unexpected", "Inesperado"],
  },
  notice: {
    POS: ["Positive", "Positivo"],
    DET: ["Detected", "Detectado"],
    RR: ["Reactive", "Reactivo"],
    WR: ["Weakly reactive", "Débilmente reactivo"],
    IND: ["Indeterminate", "Indeterminado"],
    E: ["Equivocal", "Equívoco"],
    I: ["Intermediate", "Intermedio"],
    SDD: ["Susceptible, depending on dose", "Sensible según la dosis"],
    MS: ["Moderately susceptible", "Moderadamente sensible"],
    NCL: ["No CLSI breakpoint", "Sin punto de corte CLSI"],
    D: ["Significant change down", "Descenso significativo"],
    U: ["Significant change up", "Aumento significativo"],
    B: ["Better", "Mejor"],
    CAR: ["Carrier", "Portador"],
    Carrier: ["Carrier", "Portador"],
    IE: ["Insufficient evidence", "Evidencia insuficiente"],
    AC: ["Anti-complementary substances present", "Sustancias anticomplementarias presentes"],
    QCF: ["Quality control failure", "Fallo del control de calidad"],
    TOX: ["Cytotoxic substance present", "Sustancia citotóxica presente"],
    HM: ["Held for medical review", "Retenido para revisión médica"],
    OBX: ["Qualifiers are sent separately", "Los calificadores se envían aparte"],
    null: ["No range, or normal ranges do not apply", "Sin rango, o los rangos normales no se aplican"],
    _GeneticObservationInterpretation: ["Genetic interpretation", "Interpretación genética"],
    _ObservationInterpretationChange: ["Change", "Cambio"],
    _ObservationInterpretationExceptions: ["Technical exception", "Excepción técnica"],
    _ObservationInterpretationNormality: ["Normality", "Normalidad"],
    _ObservationInterpretationSusceptibility: ["Susceptibility", "Sensibilidad"],
    ObservationInterpretationDetection: ["Detection", "Detección"],
    ObservationInterpretationExpectation: ["Expectation", "Expectativa"],
    ReactivityObservationInterpretation: ["Reactivity", "Reactividad"],
  },
  normal: {
    N: ["Normal", "Normal"],
    S: ["Susceptible", "Sensible"],
    "SYN-S": ["Synergy: susceptible", "Sinergia: sensible"],
    VS: ["Very susceptible", "Muy sensible"],
    NEG: ["Negative", "Negativo"],
    ND: ["Not detected", "No detectado"],
    NR: ["Non-reactive", "No reactivo"],
    EXP: ["Expected", "Esperado"],
  },
};

const LEVELS = Object.keys(CODES) as readonly Level[];
const LEVEL_OF = new Map(LEVELS.flatMap((level) => Object.keys(CODES[level]).map((code) => [code, level] as const)));

/** What a row's `interpretation` says, gravest first. */
export function statedFlags(interpretation: Json | undefined, formatter: Formatter): Flag[] {
  const flags = [
    ...formatter.some(interpretation).flatMap((concept) => flagsOf(concept, formatter)),
    // Not in FHIR's form: it is shown, but not interpreted.
    ...texts(interpretation)
      .flatMap((code) => ownCode(code, formatter.words))
      .map((words): Flag => ({ level: "notice", words, computed: false })),
  ];
  return [...flags].sort((one, other) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level));
}

/** What the laboratory wrote, in its own words, where they differ from the word for a code. */
export function interpretationAsSent(interpretation: Json | undefined, formatter: Formatter): Phrase[] {
  return formatter.some(interpretation).flatMap((concept) => {
    const sent = sentWords(concept, formatter);
    return sent.length > 0 ? sent : flagsOf(concept, formatter).map((flag) => flag.words);
  });
}

function flagsOf(concept: JsonObject, formatter: Formatter): Flag[] {
  const codes = formatter
    .some(concept["coding"])
    .filter((coding) => SYSTEMS.has(text(coding["system"]) ?? ""))
    .map((coding) => text(coding["code"]) ?? "")
    .filter((code) => LEVEL_OF.has(code));
  const sent = sentWords(concept, formatter);
  if (codes.length === 0) {
    const own = formatter.some(concept["coding"]).flatMap((coding) => ownCode(text(coding["code"]), formatter.words));
    return (sent.length > 0 ? sent : own).map((content) => ({ level: "notice", words: content, computed: false }));
  }
  return [...new Set(codes)].map((code, index) => {
    const level = LEVEL_OF.get(code) ?? "notice";
    const word = CODES[level][code]?.[formatter.lang === "en" ? 0 : 1] ?? code;
    const beside = index === 0 ? sent.filter((content) => distinct([[word], content]).length > 1) : [];
    return { level, words: phrase(word, ...beside.flatMap((content) => [" (", content, ")"])), computed: false };
  });
}

/** The text of an interpretation, or else the names of its codes. */
function sentWords(concept: JsonObject, formatter: Formatter): Phrase[] {
  const plain = asSent(concept["text"]);
  return plain ? [plain] : distinct(formatter.some(concept["coding"]).map((coding) => asSent(coding["display"])));
}

function ownCode(code: string | null, words: Words): Phrase[] {
  return code === null ? [] : [phrase(foreign(code), ` (${words("own_code")})`)];
}
