/** What the fictional hospital's own pages say, in both languages. */

import type { Language } from "../languages";

const TEXT = {
  home: ["Home", "Inicio"],
  appointments: ["Appointments", "Citas"],
  medicines: ["Medicines", "Medicamentos"],
  messages: ["Messages", "Mensajes"],
  language: ["Language", "Idioma"],
  skip: ["Skip to messages", "Ir a los mensajes"],
  fictional: [
    "A demonstration. Riverside Clinic and everybody in it are made up.",
    "Una demostración. La clínica Riverside y sus personas son inventadas.",
  ],
  see_as: ["See the demonstration as", "Ver la demostración como"],
  patient: ["Patient", "Paciente"],
  desk: ["Clinician", "Médica"],
  lab: ["Laboratory", "Laboratorio"],
  officer: ["Security officer", "Responsable de seguridad"],
  stage: ["All on one screen", "Todo en una pantalla"],
  patient_title: ["Your health, Ana", "Su salud, Ana"],
  next_visit: ["Next visit", "Próxima visita"],
  visit_what: [
    "Dr. Rivera, family medicine. Bring your medicine list.",
    "Dra. Rivera, medicina de familia. Traiga la lista de medicamentos.",
  ],
  medicine_list: ["Your medicines", "Medicamentos"],
  medicine_what: [
    "Metformin 500 mg, twice a day, with meals.",
    "Metformina 500 mg, dos veces al día, con las comidas.",
  ],
  desk_title: ["Dr. Rivera’s desk", "Mesa de la Dra. Rivera"],
  lab_title: ["Northside Laboratory: results to send", "Laboratorio Northside: resultados por enviar"],
  officer_title: ["Privacy and security", "Privacidad y seguridad"],
  staff_passphrase: [
    "In this demonstration the staff passphrase is “{passphrase}”.",
    "En esta demostración la contraseña del personal es «{passphrase}».",
  ],
} as const satisfies Record<string, readonly [en: string, es: string]>;

export type TextKey = keyof typeof TEXT;

export function say(key: TextKey, language: Language, values: Record<string, string> = {}): string {
  const sentence = TEXT[key][language === "en" ? 0 : 1];
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
