/** The view's own words in both languages. Text of a document is never translated. */

export type Lang = "en" | "es";

export const WORDS = {
  // The document
  unreadable: [
    "This file is not FHIR that can be shown here. Save the original.",
    "Este archivo no es FHIR que se pueda mostrar aquí. Guarde el original.",
  ],
  empty_file: ["This file is empty.", "Este archivo está vacío."],
  xml: [
    "This is FHIR in XML. It cannot be shown here. Save the original.",
    "Esto es FHIR en XML. No se puede mostrar aquí. Guarde el original.",
  ],
  ndjson: [
    "This is FHIR as NDJSON, with one record on each line. It cannot be shown here. Save the original.",
    "Esto es FHIR en NDJSON, con un registro en cada línea. No se puede mostrar aquí. Guarde el original.",
  ],
  hl7v2: [
    "This is an HL7 v2 message. It is shown as it was sent.",
    "Esto es un mensaje HL7 v2. Se muestra tal como se envió.",
  ],
  no_result: ["This FHIR file holds no result. It holds:", "Este archivo FHIR no contiene resultados. Contiene:"],
  result: ["Result", "Resultado"],
  other_results: ["Results outside a report", "Resultados fuera de un informe"],
  critical_results: ["Critical results", "Resultados críticos"],
  results: ["Results", "Resultados"],

  // Warnings
  modifier_extension: [
    "The sender added something that changes the meaning and that cannot be shown here. Read the original.",
    "Quien lo envió añadió algo que cambia el significado y que no se puede mostrar aquí. Lea el original.",
  ],
  implicit_rules: [
    "The sender follows rules that are not known here. The meaning may differ. Read the original.",
    "Quien lo envió sigue reglas que aquí no se conocen. El significado puede ser otro. Lea el original.",
  ],
  repeated_names: [
    "The file states something twice. Another program may show another value.",
    "El archivo indica algo dos veces. Otro programa puede mostrar otro valor.",
  ],
  other_patient: [
    "This result names another person than this conversation.",
    "Este resultado nombra a otra persona que esta conversación.",
  ],
  several_patients: [
    "This file holds results of more than one person.",
    "Este archivo contiene resultados de más de una persona.",
  ],
  some_not_final: [
    "Some results here are not final, or their status is unknown.",
    "Algunos de estos resultados no son definitivos, o se desconoce el estado.",
  ],
  some_cancelled: ["Some results here were cancelled.", "Algunos de estos resultados se cancelaron."],
  some_in_error: [
    "Some results here were entered in error. Do not use them.",
    "Algunos de estos resultados se introdujeron por error. No los use.",
  ],
  document_rules: [
    "The sender names rules for this file that change its meaning and that are not known here. Read the original.",
    "El remitente indica para este archivo reglas que cambian el significado y que aquí no se conocen. Lea el original.",
  ],
  more_rows_one: ["1 more result is in the original.", "Hay 1 resultado más en el original."],
  more_rows: ["{count} more results are in the original.", "Hay {count} resultados más en el original."],
  more_text: [
    "There is more in the original: long texts and lists are shown in part.",
    "Hay más en el original: los textos y listas largos se muestran en parte.",
  ],
  more_levels: [
    "There is more in the original: results are shown to a depth of {count}.",
    "Hay más en el original: los resultados se muestran hasta una profundidad de {count}.",
  ],
  more_bundles: [
    "There is more in the original: {count} inner Bundles were not read.",
    "Hay más en el original: no se leyeron {count} Bundle interiores.",
  ],
  no_coded: [
    "This report has no coded results. Its text is in the original.",
    "Este informe no tiene resultados codificados. El texto está en el original.",
  ],
  own_words: ["The document’s own words", "El texto del documento"],
  narrative_hidden: [
    "The document also holds a text of its own, which is not shown here.",
    "El documento contiene además un texto propio, que aquí no se muestra.",
  ],
  computed_hint: [
    "* Computed here from the reference range. The laboratory gave no flag.",
    "* Calculado aquí a partir del rango de referencia. El laboratorio no dio ningún aviso.",
  ],

  // Facts
  patient: ["Patient", "Paciente"],
  status: ["Status", "Estado"],
  born: ["born", "nacimiento"],
  effective: ["Taken", "Tomado"],
  issued: ["Issued", "Emitido"],
  performer: ["By", "Por"],
  interpreter: ["Interpreted by", "Interpretado por"],
  specimen: ["Specimen", "Muestra"],
  collected: ["collected", "tomada"],
  conclusion: ["Conclusion", "Conclusión"],
  diagnosis: ["Conclusion code", "Código de la conclusión"],
  note: ["Note", "Nota"],
  range: ["Reference range", "Rango de referencia"],
  specimen_unsatisfactory: ["unsatisfactory", "no satisfactoria"],
  specimen_unavailable: ["unavailable", "no disponible"],
  specimen_in_error: ["entered in error", "introducida por error"],
  about: ["About", "Sobre"],
  body_site: ["Body site", "Parte del cuerpo"],
  method: ["Method", "Método"],
  device: ["Device", "Aparato"],
  image: ["Image", "Imagen"],
  image_hidden: ["in the original", "en el original"],
  form: ["Attached", "Adjunto"],
  form_elsewhere: ["not in this file", "no está en este archivo"],
  form_damaged: ["damaged", "dañado"],
  bytes: ["{count} bytes", "{count} bytes"],
  kilobytes: ["{count} KB ({bytes} bytes)", "{count} KB ({bytes} bytes)"],
  unit_code: ["Unit code", "Código de la unidad"],
  warning: ["Warning", "Advertencia"],
  reason: ["Reason", "Motivo"],
  withdrawn: ["Sent before, no longer valid", "Enviado antes, ya no es válido"],

  // Rows
  no_name: ["unnamed test", "prueba sin nombre"],
  no_value: ["no value", "sin valor"],
  not_here: ["not in this file", "no está en este archivo"],
  other_kind: ["in the original", "en el original"],
  unit_differs: [
    "The unit and its code disagree: {unit} and {code}. Ask the laboratory.",
    "La unidad y el código no coinciden: {unit} y {code}. Pregunte al laboratorio.",
  ],
  several_values: [
    "The sender gave more than one value. Ask the laboratory.",
    "El remitente dio más de un valor. Pregunte al laboratorio.",
  ],
  limits_swapped: ["limits look swapped", "los límites parecen intercambiados"],
  applies_to: ["for", "para"],
  age: ["age", "edad"],
  from: ["from", "desde"],
  to: ["to", "hasta"],
  not_a_date: ["not a date", "no es una fecha"],
  your_time: ["your time", "aquí"],
  yes: ["yes", "sí"],
  no: ["no", "no"],
  waveform: ["Waveform", "Onda"],
  samples: ["{count} samples", "{count} muestras"],
  period: ["period", "periodo"],
  interval: ["interval", "intervalo"],
  unit: ["unit", "unidad"],
  struck: ["do not use", "no usar"],
  flag_high: ["High", "Alto"],
  flag_low: ["Low", "Bajo"],
  flag_in_range: ["In range", "En rango"],
  own_code: ["the laboratory’s own code", "código propio del laboratorio"],
} as const satisfies Record<string, readonly [en: string, es: string]>;

export type Word = keyof typeof WORDS;
export type Words = (word: Word, places?: Readonly<Record<string, string | number>>) => string;

export function wordsIn(lang: Lang): Words {
  return (word, places = {}) =>
    WORDS[word][lang === "en" ? 0 : 1].replace(/\{(\w+)\}/g, (whole, place: string) => String(places[place] ?? whole));
}
