/** The status of a report or an observation, in words. */

import { foreign, phrase, type Phrase } from "./phrase.js";
import { text } from "./json.js";
import type { JsonObject } from "./scanner.js";
import type { Lang } from "./words.js";

/** From harmless to worst: the worse of a report's and a row's status holds for the row. */
const STATUS = {
  final: ["Final", "Definitivo"],
  corrected: ["Corrected", "Corregido"],
  amended: ["Amended (corrected)", "Modificado (corregido)"],
  appended: ["Appended (corrected)", "Ampliado (corregido)"],
  preliminary: ["Preliminary (not final)", "Preliminar (no definitivo)"],
  partial: ["Partial (not final)", "Parcial (no definitivo)"],
  registered: ["Registered (not final)", "Registrado (no definitivo)"],
  unknown: ["Unknown status", "Estado desconocido"],
  cancelled: ["Cancelled", "Cancelado"],
  "entered-in-error": ["Entered in error", "Introducido por error"],
} as const satisfies Record<string, readonly [en: string, es: string]>;

export type Status = keyof typeof STATUS;

/** What R4 allows a DiagnosticReport, and an Observation. */
export const REPORT_STATUSES: ReadonlySet<string> = new Set(Object.keys(STATUS));
export const ROW_STATUSES: ReadonlySet<string> = new Set(
  Object.keys(STATUS).filter((status) => status !== "appended" && status !== "partial"),
);

const ORDER = Object.keys(STATUS) as readonly Status[];

const CORRECTED = [
  "Corrected: this report replaces an earlier version.",
  "Corregido: este informe sustituye a una versión anterior.",
] as const;
const NOT_FINAL = [
  "Not final: the results may still change.",
  "No definitivo: los resultados aún pueden cambiar.",
] as const;

/** What is shown above a report whose status is not simply final. */
const SENTENCE: Readonly<Record<Exclude<Status, "final">, readonly [en: string, es: string]>> = {
  corrected: CORRECTED,
  amended: CORRECTED,
  appended: ["Corrected: something was added to this report.", "Corregido: se añadió algo a este informe."],
  preliminary: NOT_FINAL,
  partial: NOT_FINAL,
  registered: NOT_FINAL,
  unknown: ["The status of this report is unknown.", "Se desconoce el estado de este informe."],
  cancelled: ["This report was cancelled.", "Este informe se canceló."],
  "entered-in-error": [
    "This report was entered in error. Do not use it.",
    "Este informe se introdujo por error. No lo use.",
  ],
};

/** The status of a resource; one that FHIR does not have counts as unknown. */
export function statusOf(resource: JsonObject): Status {
  const sent = text(resource["status"]);
  return ORDER.find((status) => status === sent) ?? "unknown";
}

export function worse(one: Status, other: Status): Status {
  return ORDER.indexOf(one) >= ORDER.indexOf(other) ? one : other;
}

/** Whether a value stands and may be compared with a range. */
export function isSettled(status: Status): boolean {
  return ORDER.indexOf(status) <= ORDER.indexOf("appended");
}

/** Whether the result was withdrawn: its flags are no longer valid. */
export function isWithdrawn(status: Status): boolean {
  return status === "cancelled" || status === "entered-in-error";
}

export function statusWord(status: Status, lang: Lang): string {
  return STATUS[status][lang === "en" ? 0 : 1];
}

/** The word for a resource's status, with what was sent if FHIR has no such status. */
export function statusPhrase(resource: JsonObject, lang: Lang): Phrase {
  const status = statusOf(resource);
  const sent = text(resource["status"]);
  const word = statusWord(status, lang);
  return sent === null || sent === status ? [word] : phrase(word, " (", foreign(sent), ")");
}

export function statusSentence(status: Status, lang: Lang): string | null {
  return status === "final" ? null : SENTENCE[status][lang === "en" ? 0 : 1];
}
