/** Every sentence of the stage, in both languages. What the panes say comes with the elements. */

import type { Language } from "../languages";
import type { Role } from "./people";

const TEXT = {
  title: ["Tessera stage", "Escenario de Tessera"],
  tagline: [
    "Three people and the message service, on one screen.",
    "Tres personas y el servicio de mensajes, en una pantalla.",
  ],
  skip: ["Skip to the conversations", "Ir a las conversaciones"],
  language: ["Language", "Idioma"],
  add_specialist: ["Add Dr. Chen, specialist", "Añadir al Dr. Chen, especialista"],
  open_alone: ["Open {name} alone in a new tab", "Abrir {name} en una pestaña aparte"],
  role_clinician: ["Clinician", "Profesional clínico"],
  role_patient: ["Patient", "Paciente"],
  role_lab: ["Laboratory", "Laboratorio"],
  role_specialist: ["Specialist", "Especialista"],
  demo_passphrase: [
    "On this stage the passphrase is “{passphrase}”.",
    "En este escenario la contraseña es «{passphrase}».",
  ],
  offered_heading: ["An invitation came with this link", "Este enlace trae una invitación"],
  offered_who: ["Who answers it?", "¿Quién la responde?"],

  relay_pane: ["What the message service sees", "Lo que ve el servicio de mensajes"],
  relay_pane_help: [
    "Read over plain public HTTP, as anyone on the network could.",
    "Leído por HTTP público, como podría hacerlo cualquiera en la red.",
  ],
  relay_down: ["Not reachable", "Sin conexión"],
  see_buckets: ["buckets", "buzones"],
  see_batches: ["batches", "lotes"],
  see_cells: ["cells", "celdas"],
  see_bytes: ["bytes each", "bytes cada una"],
  cannot_heading: ["What a reader of this cannot tell", "Lo que quien lee esto no puede saber"],
  cannot_real: ["Which cells are messages, which are cover", "Qué celdas son mensajes y cuáles relleno"],
  cannot_who: ["Who wrote, or to whom", "Quién escribió, ni a quién"],
  cannot_what: ["A word, a lab value, a file", "Una palabra, un valor, un archivo"],
  cannot_thread: ["Which cells belong to one conversation", "Qué celdas son de una misma conversación"],
  can_heading: ["What the service itself also knows", "Lo que además sabe el propio servicio"],
  can_connect: ["Who connects, when, and which bucket they pull", "Quién se conecta, cuándo y qué buzón consulta"],
  can_cover: ["Which cells are cover that it made itself", "Qué celdas son relleno que él mismo creó"],
  lobby: ["lobby", "vestíbulo"],
  bucket: ["bucket {bucket}", "buzón {bucket}"],
  epoch: ["epoch {epoch}", "época {epoch}"],
  cells_count: ["{count} cells", "{count} celdas"],
  latest: ["Latest batches, first bytes of each cell", "Últimos lotes, primeros bytes de cada celda"],
  waiting_batches: ["Waiting for the first batch…", "Esperando el primer lote…"],
  cover_line: ["cover: {mechanism}", "relleno: {mechanism}"],
} as const satisfies Record<string, readonly [en: string, es: string]>;

export type TextKey = keyof typeof TEXT;

let language: Language = "en";

export function setLanguage(next: Language): void {
  language = next;
  document.documentElement.lang = next;
  document.title = t("title");
}

export function currentLanguage(): Language {
  return language;
}

/** The sentence of that key in the reader's language, with `{name}` places filled. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const sentence = TEXT[key][language === "en" ? 0 : 1];
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function roleName(role: Role): string {
  return t(`role_${role}`);
}

export function number(value: number): string {
  return new Intl.NumberFormat(language).format(value);
}
