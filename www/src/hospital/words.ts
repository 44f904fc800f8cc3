/** What the fictional hospital's own pages say, in both languages. */

import type { Language } from "../languages";

const TEXT = {
  messages: ["Messages", "Mensajes"],
  language: ["Language", "Idioma"],
  skip: ["Skip to messages", "Ir a los mensajes"],
  signed_in_unread: ["{name} · {count} new", "{name} · {count} sin leer"],
  fictional: [
    "A demonstration. Riverside Clinic and everybody in it are made up.",
    "Una demostración. La clínica Riverside y todas las personas son inventadas.",
  ],
  see_as: ["See the demonstration as", "Ver la demostración como"],
  patient: ["Patient", "Paciente"],
  desk: ["Clinician", "Médica"],
  lab: ["Laboratory", "Laboratorio"],
  officer: ["Security officer", "Responsable de seguridad"],
  text: ["Protected text", "Texto protegido"],
  full_desk: ["Desk with 60 patients", "Consulta con 60 pacientes"],
  stage: ["All on one screen", "Todo en una pantalla"],
  verify: ["Verify a log", "Verificar un registro"],
  staff_passphrase: [
    "In this demonstration the staff passphrase is “{passphrase}”.",
    "En esta demostración la contraseña del personal es «{passphrase}».",
  ],

  // A patient's home
  patient_title: ["Your health, {first}", "Hola, {first}"],
  next_visit: ["Next visit", "Próxima visita"],
  visit_what: [
    "Dr. Rivera, family medicine. Bring your medicine list.",
    "Dra. Rivera, medicina de familia. Traiga la lista de medicamentos.",
  ],
  medicine_list: ["Your medicines", "Medicamentos"],
  medicine_what: ["Twice a day, with meals.", "Dos veces al día, con las comidas."],
  last_result: ["Last blood test", "Último análisis de sangre"],
  result_name: ["In your messages", "En los mensajes"],
  result_what: [
    "Results come sealed, from the laboratory to you.",
    "Los resultados llegan protegidos, del laboratorio a usted.",
  ],

  // The desk
  desk_title: ["Dr. Rivera’s desk", "Consulta de la Dra. Rivera"],
  filling: [
    "Patients connect with the desk: {count} of {people}",
    "Los pacientes se conectan con la consulta: {count} de {people}",
  ],

  // The laboratory
  lab_title: ["Northside Laboratory", "Laboratorio Northside"],
  ready: ["Results to send", "Resultados por enviar"],
  ready_potassium: ["Electrolytes: potassium critical", "Electrolitos: potasio crítico"],
  ready_hba1c: ["Hemoglobin A1c", "Hemoglobina A1c"],
  ready_culture: ["Urine culture, preliminary", "Urocultivo, preliminar"],
  ready_creatinine: ["Creatinine, corrected", "Creatinina, corregida"],
  connect_first: ["Connect with a clinic or a patient first.", "Primero conéctese con una clínica o un paciente."],
  connect_clinic: ["Connect", "Conectar"],
  send_to: ["To", "Para"],
  send: ["Send", "Enviar"],
  send_file: ["Send another file…", "Enviar otro archivo…"],
  outbox: ["Outbox", "Enviados"],
  outbox_empty: ["Nothing was sent yet.", "Todavía no se envió nada."],
  sent_to: ["To {name}, {time}", "Para {name}, {time}"],
  a_file: ["A file", "Un archivo"],
  state_queued: ["Waiting to leave", "En espera"],
  state_leaves: ["Waiting. Leaves by {time}", "En espera. Sale antes de: {time}"],
  state_leaving: ["It is being sent now and cannot be taken back", "Se está enviando y ya no se puede retirar"],
  state_sent: ["Sent. Not yet on their device", "Enviado. Todavía no está en el dispositivo de destino"],
  state_delivered: ["On their device", "En el dispositivo de destino"],
  state_undelivered: [
    "Not confirmed for seven days. Call them, or send it again",
    "Sin confirmar desde hace siete días. Llame, o envíelo otra vez",
  ],
  state_cancelled: ["Taken back before it left", "Retirado antes de salir"],
  state_stopped: [
    "Not sent: this contact is blocked. Connect again, in person",
    "No enviado: el contacto está bloqueado. Conéctese otra vez, en persona",
  ],
  failed_too_large: ["Not sent: the file is too large", "No enviado: el archivo es demasiado grande"],
  failed_other: ["Not sent ({code})", "No enviado ({code})"],
  send_again: ["Send again", "Enviar otra vez"],
  take_back: ["Take back", "Retirar"],
  open_elsewhere: ["The outbox is open in another tab.", "Los enviados están abiertos en otra pestaña."],
  move_here: ["Move here", "Abrir aquí"],

  // Others
  officer_title: ["Privacy and security", "Privacidad y seguridad"],
  text_title: ["Protected text for other messengers", "Texto protegido para otros servicios de mensajes"],
} as const satisfies Record<string, readonly [en: string, es: string]>;

export type TextKey = keyof typeof TEXT;

export function say(key: TextKey, language: Language, values: Record<string, string | number> = {}): string {
  const sentence = TEXT[key][language === "en" ? 0 : 1];
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
