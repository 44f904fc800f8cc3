/** Every sentence of the verifying page, in both languages. */

import type { Language } from "../languages";

const WORDS = {
  title: ["Verify an audit log", "Verificar un registro de auditoría"],
  intro: [
    "Choose the export of an audit log (NDJSON). It is verified here, in this browser; the file is sent nowhere.",
    "Elija la exportación de un registro de auditoría (NDJSON). Se verifica aquí, en este navegador; el archivo no se envía a ninguna parte.",
  ],
  language: ["Language", "Idioma"],
  export_step: ["1. The export", "1. La exportación"],
  export_help: ["A file ending in .ndjson, exported from a portal.", "Un archivo .ndjson exportado de un portal."],
  kept_step: ["2. What was kept elsewhere", "2. Lo que se guardó en otro lugar"],
  kept_help: [
    "A checkpoint, or an earlier export, kept where the owner of the log could not change it. It is optional; without it, less is proved.",
    "Un punto de control, o una exportación anterior, guardado donde el dueño del registro no podía alcanzarlo. Se puede omitir; entonces se demuestra menos.",
  ],
  choose: ["Choose a file…", "Elegir un archivo…"],
  chosen: ["Chosen: {name}", "Elegido: {name}"],
  remove: ["Remove it", "Omitirlo"],
  working: ["Verifying…", "Verificando…"],
  failed: [
    "The verifier could not start in this browser. It needs WebAssembly.",
    "El verificador no pudo iniciarse en este navegador. Necesita WebAssembly.",
  ],

  ok_fixed: ["Verified up to entry {fixed}", "Verificado hasta la entrada {fixed}"],
  ok_chain: ["Consistent in itself", "Coherente en sí mismo"],
  bad: ["Not verified", "No verificado"],
  proved: ["What this proves", "Qué demuestra"],
  not_proved: ["What it does not prove", "Qué no demuestra"],
  about: ["About this log", "Sobre este registro"],

  p_chain: [
    "The {entries} entries in this file form an unbroken chain. Changing, removing, inserting or moving an entry would be detected, unless all later ones were rewritten as well.",
    "Las {entries} entradas de este archivo se siguen unas de otras. Cambiar, quitar, insertar o mover una se notaría, salvo que se reescribieran también todas las posteriores.",
  ],
  p_signed: [
    "The owner of the key below has signed entries 0 to {signed}.",
    "El dueño de la clave indicada abajo ha firmado las entradas 0 a {signed}.",
  ],
  p_fixed: [
    "Entries 0 to {fixed} are the same as when the checkpoint you added was made. Since then nobody, not even the owner, has changed them.",
    "Las entradas 0 a {fixed} son las mismas que cuando se hizo el punto de control que añadió. Desde entonces nadie, ni siquiera el dueño, las ha cambiado.",
  ],
  n_unsigned: [
    "Nobody has signed it: anyone could have written all of it.",
    "Nadie lo ha firmado: cualquiera pudo haberlo escrito entero.",
  ],
  n_some_unsigned: [
    "Entries after {signed} are not signed.",
    "Las entradas posteriores a la {signed} no están firmadas.",
  ],
  n_owner: [
    "The owner could have rewritten the whole log before exporting it. Only a checkpoint that was kept elsewhere rules that out.",
    "El dueño pudo haber reescrito todo el registro antes de exportarlo. Solo un punto de control guardado en otro lugar lo descarta.",
  ],
  n_later: [
    "The owner could have rewritten the entries after {fixed} before the export.",
    "El dueño pudo haber reescrito las entradas posteriores a la {fixed} antes de exportar.",
  ],
  n_logged: [
    "That everything that happened was logged. The times are those of the owner's clock.",
    "Que todo lo ocurrido se haya registrado. Las horas son las del reloj del dueño.",
  ],

  b_malformed: [
    "This is not an export of an audit log, or a line of it was changed. Make sure it is the NDJSON export and that no program has saved it again.",
    "Esto no es una exportación de un registro de auditoría, o alguna de sus líneas se cambió de modo que ya no lo es. Compruebe que sea la exportación NDJSON y que ningún programa la haya vuelto a guardar.",
  ],
  b_keptMalformed: ["The second file contains no checkpoint.", "El segundo archivo no contiene un punto de control."],
  b_broken: [
    "Entry {index} does not follow the previous entry. It, or an earlier entry, was changed, removed, inserted or moved.",
    "La entrada {index} no se sigue de la anterior. Ella, o una anterior, se cambió, quitó, insertó o movió.",
  ],
  b_truncated: [
    "Entries are missing at the end: the log was cut off before an entry that had been signed.",
    "Faltan entradas al final: el registro se cortó antes de una entrada que había sido firmada.",
  ],
  b_checkpoint: [
    "A checkpoint is of another owner, or this is not the log that was signed: it was rewritten after the checkpoint.",
    "Un punto de control no es de este dueño, o este no es el registro que se firmó: se reescribió después del punto de control.",
  ],
  b_what: [
    "Do not rely on any entry of this file. Ask for the export again and keep both files.",
    "No se fíe de ninguna entrada de este archivo. Pida la exportación de nuevo y conserve ambos archivos.",
  ],

  e_title: ["Who wrote a message", "Quién escribió un mensaje"],
  e_intro: [
    "With a message and its evidence, both exported from a portal, anyone can verify who wrote it.",
    "Con un mensaje y la prueba, ambos exportados de un portal, cualquiera puede verificar quién lo escribió.",
  ],
  e_evidence_step: ["1. The evidence", "1. La prueba"],
  e_evidence_help: ["The file that the recipient's portal gave.", "El archivo que dio el portal del destinatario."],
  e_body_step: ["2. The message", "2. El mensaje"],
  e_body_help: [
    "The content exactly as it was sent, saved with the evidence.",
    "El contenido exactamente como se envió, guardado con la prueba.",
  ],
  e_ok: ["Verified: the holder of this key wrote it", "Verificado: lo escribió quien tiene esta clave"],
  e_p_wrote: [
    "The holder of the sender's key below wrote exactly this message, for the recipient below.",
    "Quien tiene la clave del remitente indicada abajo escribió exactamente este mensaje, para el destinatario indicado abajo.",
  ],
  e_n_person: [
    "Who holds that key. Compare the sender's fingerprint with one that you know.",
    "Quién tiene esa clave. Compare la huella del remitente con una que usted conozca.",
  ],
  e_n_time: [
    "When it was written: the time is that of the sender's clock.",
    "Cuándo se escribió: la hora es la del reloj del remitente.",
  ],
  e_n_unchecked: [
    "Whether the recipient checked whose key it is: that was not kept.",
    "Si el destinatario comprobó de quién es la clave: eso no se guardó.",
  ],
  e_n_digits: [
    "The recipient says that both people compared six digits, on {time}. Only the recipient says so.",
    "El destinatario dice que ambas personas compararon seis dígitos, el {time}. Solo lo dice el destinatario.",
  ],
  e_n_expected: [
    "The recipient says that the fingerprint was known in advance, on {time}. Only the recipient says so.",
    "El destinatario dice que la huella se conocía de antemano, el {time}. Solo lo dice el destinatario.",
  ],
  e_n_inPerson: [
    "The recipient says that the invitation came from the sender in person, on {time}. Only the recipient says so.",
    "El destinatario dice que la invitación vino del remitente en persona, el {time}. Solo lo dice el destinatario.",
  ],
  e_not_authentic: [
    "This evidence does not prove who wrote this message. The message may have been changed or saved again, or the two files do not belong together.",
    "Esta prueba no demuestra quién escribió este mensaje. Quizá el mensaje se cambió o se guardó de nuevo, o los dos archivos no corresponden.",
  ],
  e_malformed: ["The first file is no evidence.", "El primer archivo no es una prueba."],
  e_about: ["About this message", "Sobre este mensaje"],
  e_sender: ["Fingerprint of the sender", "Huella del remitente"],
  e_recipient: ["Fingerprint of the recipient", "Huella del destinatario"],
  e_sent: ["Sent", "Enviado"],
  e_session: ["Visit", "Visita"],
  e_type: ["Type", "Tipo"],
  e_text: ["Text", "Texto"],

  entries: ["Entries", "Entradas"],
  first: ["First entry", "Primera entrada"],
  last: ["Last entry", "Última entrada"],
  owner: ["Key of the owner", "Clave del dueño"],
} as const satisfies Record<string, readonly [string, string]>;

export type Word = keyof typeof WORDS;

let language: Language = "en";

export function speak(chosen: Language): void {
  language = chosen;
  document.documentElement.lang = chosen;
}

export function spoken(): Language {
  return language;
}

export function say(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const text: string = WORDS[word][language === "en" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}
