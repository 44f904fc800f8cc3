/** Every sentence of the page, in both languages, in one table. */

import type { Role } from "./people";

export type Language = "en" | "es";

const TEXT = {
  // The frame
  title: ["Tessera demo portal", "Portal de demostración de Tessera"],
  tagline: [
    "Private clinical messages, over a relay that holds no names.",
    "Mensajes clínicos privados, por un relé que no guarda nombres.",
  ],
  skip: ["Skip to the conversations", "Ir a las conversaciones"],
  language: ["Language", "Idioma"],
  kept_here: [
    "Each person's vault is kept in this browser, sealed under a passphrase.",
    "La bóveda de cada persona se guarda en este navegador, sellada con una frase de acceso.",
  ],
  add_specialist: ["Add Dr. Chen, specialist", "Añadir a Dr. Chen, especialista"],
  open_alone: ["Open alone", "Abrir sola"],
  open_alone_label: ["Open {name} alone in a new tab", "Abrir {name} en una pestaña propia"],
  starting: ["Creating an identity…", "Creando una identidad…"],
  failed_to_start: ["Could not start: {reason}", "No se pudo iniciar: {reason}"],
  link_burnt: [
    "This invitation cannot be used: its # was changed on the way, so that its secret reached a server. Ask the person who invited you to withdraw it and to send another.",
    "Esta invitación no se puede usar: su # cambió por el camino y su secreto llegó a un servidor. Pida a quien le invitó que la retire y envíe otra.",
  ],
  role_clinician: ["Clinician", "Profesional clínico"],
  role_patient: ["Patient", "Paciente"],
  role_lab: ["Laboratory", "Laboratorio"],
  role_specialist: ["Specialist", "Especialista"],

  // The vault
  lock: ["Lock", "Cerrar"],
  unlock: ["Unlock", "Abrir"],
  locked_line: ["Locked: nothing is read or sent", "Cerrado: no se lee ni se envía nada"],
  locked_heading: ["Locked", "Cerrado"],
  locked_manual: ["You locked it. What you were writing is kept.", "Usted lo cerró. Lo que escribía está guardado."],
  locked_idle: [
    "Nobody used it for {minutes} minutes. What was being written is kept.",
    "Nadie lo usó durante {minutes} minutos. Lo que se escribía está guardado.",
  ],
  locked_idle_soon: [
    "Nobody used it for a while. What was being written is kept.",
    "Nadie lo usó durante un rato. Lo que se escribía está guardado.",
  ],
  locked_before: ["Your vault from an earlier visit is here.", "Aquí está su bóveda de una visita anterior."],
  passphrase: ["Passphrase", "Frase de acceso"],
  demo_passphrase: [
    "In this demo it is “{passphrase}”. A real portal never shows it.",
    "En esta demostración es «{passphrase}». Un portal real nunca la muestra.",
  ],
  elsewhere_heading: ["Open in another tab", "Abierto en otra pestaña"],
  elsewhere_help: ["A vault is open in one place at a time.", "Una bóveda se abre en un solo lugar a la vez."],
  move_here: ["Move it here", "Traerla aquí"],
  gone_heading: ["The vault is gone", "La bóveda ya no está"],
  gone_help: [
    "The browser, or someone, cleared what was kept here: contacts and messages are lost on this device.",
    "El navegador, o alguien, borró lo guardado aquí: en este dispositivo se perdieron contactos y mensajes.",
  ],
  start_over_heading: ["Start over", "Empezar de nuevo"],
  start_over_help: [
    "Destroys this person's identity, contacts and messages for good, and makes a new identity.",
    "Destruye para siempre la identidad, los contactos y los mensajes de esta persona, y crea una identidad nueva.",
  ],
  start_over: ["Destroy and start over", "Destruir y empezar de nuevo"],

  // The relay, as a person sees it
  relay_unknown: ["Connecting to the relay…", "Conectando con el relé…"],
  relay_up: ["Relay reachable", "Relé accesible"],
  relay_down: ["Relay not reachable", "Relé inaccesible"],
  waiting_none: ["nothing waits", "nada en espera"],
  waiting_one: ["1 message waits to leave", "1 mensaje espera salir"],
  waiting_many: ["{count} messages wait to leave", "{count} mensajes esperan salir"],

  // Contacts
  contacts: ["Contacts", "Contactos"],
  add_contact: ["Add a contact", "Añadir contacto"],
  state_pending: ["not checked yet", "sin comprobar"],
  state_waiting: ["waiting for the other side", "esperando a la otra parte"],
  state_digits: ["checked by digits", "comprobado con cifras"],
  state_expected: ["checked in person", "comprobado en persona"],
  state_active: ["checked", "comprobado"],
  state_suspect: ["do not trust", "no confiar"],
  nameless: ["New contact", "Contacto nuevo"],
  unread: ["{count} new", "{count} nuevos"],

  // The access log
  log: ["Access log", "Registro de accesos"],
  log_help: [
    "What happened on this device, step by step, in a chain that shows tampering. It never holds what was written.",
    "Lo que ocurrió en este dispositivo, paso a paso, en una cadena que muestra alteraciones. Nunca contiene lo escrito.",
  ],
  log_verify: ["Verify", "Verificar"],
  log_export: ["Export", "Exportar"],
  log_export_as: ["Export as {format}", "Exportar como {format}"],
  log_checkpoint: ["Save a checkpoint", "Guardar un punto de control"],
  log_list: ["Entries, newest first", "Entradas, la más reciente primero"],
  log_older: ["Show older entries", "Mostrar entradas anteriores"],
  log_page: ["Verify an exported log", "Verificar un registro exportado"],
  log_intact: ["All {count} entries are as they were written.", "Las {count} entradas están como se escribieron."],
  log_broken: [
    "Entry {index} is not as it was written: this log was tampered with or damaged.",
    "La entrada {index} no está como se escribió: este registro fue alterado o dañado.",
  ],
  log_exported: [
    "Exported. The export itself is now in the log.",
    "Exportado. La exportación misma consta ahora en el registro.",
  ],
  log_kept: [
    "Saved. Keep it where this device cannot reach it.",
    "Guardado. Consérvelo donde este dispositivo no pueda alcanzarlo.",
  ],
  log_someone: ["a contact that was removed", "un contacto eliminado"],
  log_began: ["The log begins", "Comienza el registro"],
  log_invited: ["Invitation made", "Invitación creada"],
  log_withdrawn: ["Invitation withdrawn", "Invitación retirada"],
  log_accepted: ["Invitation accepted: {name}", "Invitación aceptada: {name}"],
  log_enrolled: ["Keys agreed with {name}", "Claves acordadas con {name}"],
  log_verified: ["{name} was checked", "Se comprobó a {name}"],
  log_suspect: ["{name} is not to be trusted", "No confiar en {name}"],
  log_removed: ["Contact removed", "Contacto eliminado"],
  log_sent: ["Sent to {name}", "Enviado a {name}"],
  log_delivered: ["{name} has received it", "{name} lo recibió"],
  log_undelivered: ["No word of it from {name}", "Sin noticia de {name}"],
  log_deleted: ["Message deleted here: {name}", "Mensaje eliminado aquí: {name}"],
  log_cancelled: ["Taken back before it left: {name}", "Retirado antes de salir: {name}"],
  log_received: ["Received from {name}", "Recibido de {name}"],
  log_held: ["Held back until {name} is checked", "Retenido hasta comprobar a {name}"],
  log_released: ["Shown after the check: {name}", "Mostrado tras la comprobación: {name}"],
  log_rejected: ["Refused: {code}", "Rechazado: {code}"],
  log_gap: ["Something is missing, or has come after all", "Falta algo, o ha llegado después"],
  log_rotated: ["New keys for {month}", "Claves nuevas para {month}"],
  log_shredded: ["Keys before {before} destroyed", "Claves anteriores a {before} destruidas"],
  log_locked: ["Locked", "Bloqueado"],
  log_unlocked: ["Unlocked", "Desbloqueado"],
  log_rekeyed: ["A way to unlock was changed", "Se cambió una forma de desbloqueo"],
  log_backedUp: ["Backup made", "Copia de seguridad creada"],
  log_restored: ["Restored from a backup", "Restaurado desde una copia"],
  log_breakGlassStarted: ["Emergency access began: {reason}", "Comenzó un acceso de emergencia: {reason}"],
  log_breakGlassEnded: ["Emergency access ended", "Terminó el acceso de emergencia"],
  log_sharesCreated: [
    "Emergency shares made: {threshold} of {shares}",
    "Partes de emergencia creadas: {threshold} de {shares}",
  ],
  log_exported_as: ["Log exported as {format}", "Registro exportado como {format}"],
  log_signed: ["Log signed", "Registro firmado"],

  // Inviting
  invite_heading: ["Invite someone", "Invitar a alguien"],
  invite_qr: ["In person: QR code", "En persona: código QR"],
  invite_link: ["Remote: link", "A distancia: enlace"],
  invite_validity: ["Valid for", "Válida durante"],
  validity_minute: ["1 minute", "1 minuto"],
  validity_hour: ["1 hour", "1 hora"],
  validity_day: ["24 hours", "24 horas"],
  qr_title: ["Invitation to scan", "Invitación para escanear"],
  link_title: ["Invitation link", "Enlace de invitación"],
  qr_help: [
    "Let the other person scan this, or paste the text below in their portal.",
    "Deje que la otra persona lo escanee o pegue el texto en su portal.",
  ],
  link_help: [
    "Send this link by a channel you trust. Whoever opens it first can answer; the six digits show whether it was the right person.",
    "Envíe este enlace por un canal de confianza. Quien lo abra primero puede responder; las seis cifras muestran si fue la persona correcta.",
  ],
  qr_alt: ["QR code of the invitation", "Código QR de la invitación"],
  invitation_text: ["Invitation as text", "Invitación como texto"],
  copy: ["Copy", "Copiar"],
  copied: ["Copied", "Copiado"],
  valid_until: ["Valid until {time}", "Válida hasta {time}"],
  cancel_invitation: ["Withdraw", "Retirar"],
  in_person_heading: ["In person: no digits needed", "En persona: sin comparar cifras"],
  in_person_help: [
    "Scan or paste the fingerprint that their portal shows. Only that person can then answer this invitation.",
    "Escanee o pegue la huella que muestra su portal. Solo esa persona podrá responder a esta invitación.",
  ],
  expect_text: ["Their fingerprint", "Su huella"],
  expect_button: ["Expect this person", "Esperar a esta persona"],
  expect_done: [
    "Only the person with that fingerprint will be accepted.",
    "Solo se aceptará a la persona con esa huella.",
  ],
  fingerprint_bad: ["That is not a fingerprint.", "Eso no es una huella."],

  // Accepting
  accept_heading: ["Accept an invitation", "Aceptar una invitación"],
  accept_text: ["Invitation link or text", "Enlace o texto de invitación"],
  accept_button: ["Accept", "Aceptar"],
  accept_file: ["Read a QR image", "Leer una imagen QR"],
  accept_in_person: [
    "In person: I have it from the inviter's own hand or screen",
    "En persona: la tengo de la mano o pantalla de quien invita",
  ],
  accept_hint: [
    "Accepting shows your name and identity to the inviter only.",
    "Al aceptar, solo quien invita ve su nombre e identidad.",
  ],
  qr_unreadable: ["No QR code found in that image.", "No se encontró un código QR en esa imagen."],
  offered_heading: ["An invitation came with this link", "Este enlace trae una invitación"],
  offered_who: ["Who accepts it?", "¿Quién la acepta?"],
  my_fingerprint: ["Your fingerprint", "Su huella"],
  my_fingerprint_help: [
    "In person, let the inviter scan this: then nobody needs to compare digits.",
    "En persona, deje que quien invita escanee esto: así nadie necesita comparar cifras.",
  ],
  fingerprint_alt: ["QR code of your fingerprint", "Código QR de su huella"],

  // Checking who it is
  check_heading: ["Is it really {name}?", "¿Es realmente {name}?"],
  check_help: [
    "Read these six digits to each other, by voice or side by side.",
    "Léanse estas seis cifras, de viva voz o lado a lado.",
  ],
  sas_label: ["Six digits: {digits}", "Seis cifras: {digits}"],
  sas_match: ["They match", "Coinciden"],
  sas_differ: ["They differ", "No coinciden"],
  sas_wait: [
    "Waiting for the other side to answer. The six digits appear here.",
    "Esperando la respuesta de la otra parte. Las seis cifras aparecerán aquí.",
  ],
  suspect_heading: ["Do not trust this contact", "No confíe en este contacto"],
  suspect_help: [
    "Someone may stand in between. Nothing is sent to this contact. Remove it and enrol again in person.",
    "Alguien puede interponerse. No se envía nada a este contacto. Elimínelo y vuelva a inscribirlo en persona.",
  ],
  remove_contact: ["Remove contact", "Eliminar contacto"],

  // Messages
  messages_with: ["Messages with {name}", "Mensajes con {name}"],
  no_messages: ["No messages yet.", "Aún no hay mensajes."],
  from_name: ["From {name}", "De {name}"],
  from_you: ["You", "Usted"],
  message_queued: ["Queued: waits for the next slot", "En cola: espera el próximo turno"],
  message_queued_down: ["Queued: waits for the relay", "En cola: espera al relé"],
  message_sent: ["On its way: stored by the relay", "En camino: guardado por el relé"],
  message_delivered: ["Delivered", "Entregado"],
  message_undelivered: ["Undelivered: no receipt came back", "No entregado: no llegó acuse de recibo"],
  message_cancelled: ["Taken back before it had left", "Retirado antes de enviarse"],
  message_stopped: [
    "Stopped: the contact is not to be trusted. Nothing more of it leaves",
    "Detenido: el contacto no es de confianza. No se envía nada más",
  ],
  transfer_in: [
    "A large message from {name} is arriving: {percent} %",
    "Llega un mensaje grande de {name}: {percent} %",
  ],
  transfer_out: [
    "A large message to {name} is leaving: {percent} %",
    "Sale un mensaje grande para {name}: {percent} %",
  ],
  cancel_transfer: ["Take back", "Retirar"],
  message_verified: ["Verified: truly from {name}", "Verificado: realmente de {name}"],
  message_held: ["Held until you have compared the digits", "Retenido hasta que compare las cifras"],
  new_message: ["New message from {name}", "Nuevo mensaje de {name}"],
  visit: ["Label", "Etiqueta"],
  visit_placeholder: ["visit-7421", "visita-7421"],
  write: ["Message", "Mensaje"],
  write_placeholder: ["Write to {name}…", "Escriba a {name}…"],
  send: ["Send", "Enviar"],
  attach: ["Attach file", "Adjuntar archivo"],
  attached: ["Attached: {name}", "Adjunto: {name}"],
  detach: ["Remove attachment", "Quitar adjunto"],
  cannot_write_pending: [
    "You can write once you have checked who this is.",
    "Podrá escribir cuando haya comprobado quién es.",
  ],
  cannot_write_suspect: ["Writing to this contact is blocked.", "Escribir a este contacto está bloqueado."],
  too_long_label: ["The label may have at most 48 bytes.", "La etiqueta admite como máximo 48 bytes."],

  // Results
  col_test: ["Test", "Prueba"],
  col_result: ["Result", "Resultado"],
  col_flag: ["Flag", "Aviso"],
  col_range: ["Reference range", "Rango de referencia"],
  test_more: ["More about this test", "Más sobre esta prueba"],
  save_form: ["Save", "Guardar"],
  open_form: ["Open in a new tab", "Abrir en otra pestaña"],
  file: ["File", "Archivo"],
  text_goes_on: [
    "This is only the beginning of the message. Save it to read all of it.",
    "Esto es solo el principio del mensaje. Guárdelo para leerlo entero.",
  ],
  save_text: ["Save the whole message", "Guardar el mensaje entero"],
  cannot_show: [
    "This message cannot be shown here. Save the original.",
    "Este mensaje no se puede mostrar aquí. Guarde el original.",
  ],
  text_damaged: [
    "The content of this message is damaged on this device. Ask the sender to send it again.",
    "El contenido de este mensaje está dañado en este dispositivo. Pida a quien lo envió que lo envíe otra vez.",
  ],
  attachment_damaged: [
    "The file of this message is damaged on this device. Ask the sender to send it again.",
    "El archivo de este mensaje está dañado en este dispositivo. Pida a quien lo envió que lo envíe otra vez.",
  ],
  download: ["Download the original ({size})", "Descargar el original ({size})"],
  bytes: ["{count} bytes", "{count} bytes"],

  // Notices
  notices: ["Warnings", "Avisos"],
  blocked: ["Blocked", "Bloqueado"],
  blocked_from: ["Blocked, under {name}", "Bloqueado, a nombre de {name}"],
  gap: ["Something is missing", "Falta algo"],
  gap_batches: [
    "Published batches are missing ({count}): the relay withheld or lost them, and any message in them. Ask your contacts whether they sent something.",
    "Faltan lotes publicados ({count}): el relé los retuvo o los perdió, con los mensajes que llevaran. Pregunte a sus contactos si enviaron algo.",
  ],
  gap_sequence: [
    "Earlier messages from {name} have not arrived ({count}). Do not act as if you had read everything: ask {name}.",
    "No han llegado mensajes anteriores de {name} ({count}). No actúe como si lo hubiera leído todo: pregunte a {name}.",
  ],
  gap_sequence_unknown: [
    "Earlier messages from a contact have not arrived. Ask what was sent.",
    "Faltan mensajes anteriores de un contacto. Pregunte qué se envió.",
  ],
  gap_origin: [
    "The relay now signs with another key. It may have been restored from a backup, or replaced: messages may be missing.",
    "El relé firma ahora con otra clave. Pudo restaurarse de una copia o ser sustituido: pueden faltar mensajes.",
  ],
  times: ["{count} times", "{count} veces"],
  dismiss: ["Understood", "Entendido"],
  someone: ["a contact", "un contacto"],
  error: ["That did not work", "No se pudo"],

  // Copies and emergencies
  safety: ["Copies and emergencies", "Copias y emergencias"],
  safety_short: ["Backup", "Copias"],
  device_first: ["This is the device on which the vault was created.", "En este dispositivo se creó la bóveda."],
  device_restored: [
    "This is device {index}: it was restored from a backup.",
    "Este es el dispositivo {index}: se restauró de una copia de seguridad.",
  ],
  device_superseded: [
    "Another device, restored from a backup, took this one's place. Messages can be read here, but nothing is sent any more.",
    "Otro dispositivo, restaurado de una copia, ocupó el lugar de este. Aquí se pueden leer mensajes, pero ya no se envía nada.",
  ],
  device_notice: ["Two devices are in use", "Hay dos dispositivos en uso"],
  device_notice_former: [
    "A device whose place this one took is still open somewhere. It sends nothing any more. If it is not in your hands, ask for help.",
    "Un dispositivo cuyo lugar ocupó este sigue abierto en alguna parte. Ya no envía nada. Si no está en sus manos, pida ayuda.",
  ],
  device_notice_contact: [
    "{name} wrote from an older device after a newer one was in use. Ask {name} whether both are theirs.",
    "{name} escribió desde un dispositivo anterior cuando ya usaba uno más nuevo. Pregunte a {name} si ambos son suyos.",
  ],
  break_glass: ["A backup of yours was opened in an emergency", "Se abrió una copia suya en una emergencia"],
  break_glass_help: [
    "Someone with enough of your emergency shares could read what is in it.",
    "Alguien con suficientes partes de emergencia suyas pudo leer lo que contiene.",
  ],
  backup_heading: ["Back up", "Copia de seguridad"],
  backup_help: [
    "The whole vault in one sealed file. Your passphrase opens it, so keep it where others cannot get it.",
    "Toda la bóveda en un archivo sellado. Lo abre su frase de acceso: guárdelo donde otros no lo alcancen.",
  ],
  backup_button: ["Save a backup", "Guardar una copia"],
  backup_done: ["Saved, and read back before it was given.", "Guardada, y comprobada antes de entregarla."],
  code_heading: ["Recovery code", "Código de recuperación"],
  code_help: [
    "On paper, for the day the passphrase is forgotten. It opens backups made from now on.",
    "En papel, para el día en que se olvide la frase de acceso. Abre las copias hechas desde ahora.",
  ],
  code_button: ["Make a code", "Crear un código"],
  code_again: ["Make a new code", "Crear otro código"],
  code_remove: ["Remove the code", "Quitar el código"],
  code_sheet: ["Recovery code of {name}", "Código de recuperación de {name}"],
  code_sheet_help: [
    "Together with a backup file this opens the vault. Keep it apart from the file. Upper or lower case, spaces and hyphens do not matter.",
    "Junto con un archivo de copia, esto abre la bóveda. Guárdelo aparte del archivo. Mayúsculas, espacios y guiones no importan.",
  ],
  shares_heading: ["Emergency shares", "Partes de emergencia"],
  shares_help: [
    "Give each to someone you trust. Enough of them together open any backup of this vault, for reading; you are told. They cannot be taken back.",
    "Dé cada una a alguien de confianza. Juntas, en número suficiente, abren cualquier copia de esta bóveda para leerla; se le avisará. No se pueden revocar.",
  ],
  shares_threshold: ["Needed to open", "Necesarias para abrir"],
  shares_count: ["Printed in all", "Impresas en total"],
  shares_button: ["Make shares", "Crear partes"],
  share_sheet: ["Emergency share {number} of {of}, {name}", "Parte de emergencia {number} de {of}, {name}"],
  share_sheet_help: [
    "{threshold} of these shares and a backup file open the vault. Keep this one to yourself.",
    "{threshold} de estas partes y un archivo de copia abren la bóveda. Guarde esta para usted.",
  ],
  share_alt: ["QR code of share {number}", "Código QR de la parte {number}"],
  print: ["Print", "Imprimir"],
  sheet_clear: ["Put away", "Ocultar"],
  accesses_heading: ["Emergency accesses", "Accesos de emergencia"],
  accesses_help: [
    "Every time a backup was opened with shares, as far as this portal was told.",
    "Cada vez que se abrió una copia con partes, hasta donde se informó a este portal.",
  ],
  access_open: ["for {minutes} minutes", "durante {minutes} minutos"],
  access_closed: ["for {minutes} minutes, ended {end}", "durante {minutes} minutos, terminó {end}"],
  access_no_reason: ["no reason is known", "no se conoce el motivo"],
  restore_heading: ["Restore a backup here", "Restaurar una copia aquí"],
  restore_help: [
    "What is in this browser gives way to the backup. The device it came from will stop sending.",
    "Lo que hay en este navegador deja paso a la copia. El dispositivo del que procede dejará de enviar.",
  ],
  restore_file: ["Choose the backup file", "Elegir el archivo de copia"],
  restore_by_code: [
    "I have the recovery code instead of the passphrase",
    "Tengo el código de recuperación en vez de la frase de acceso",
  ],
  restore_passphrase: ["Passphrase of the backup", "Frase de acceso de la copia"],
  restore_code: ["Recovery code", "Código de recuperación"],
  restore_new_passphrase: ["New passphrase", "Nueva frase de acceso"],
  restore_button: ["Restore", "Restaurar"],

  // The eavesdropper
  relay_pane: ["What the relay sees", "Lo que ve el relé"],
  relay_pane_help: [
    "Pulled over plain public HTTP, as anyone on the network could.",
    "Obtenido por HTTP público, como podría hacerlo cualquiera en la red.",
  ],
  see_buckets: ["buckets", "buzones"],
  see_batches: ["batches", "lotes"],
  see_cells: ["cells", "celdas"],
  see_bytes: ["bytes each", "bytes cada una"],
  cannot_heading: ["What a reader of this cannot tell", "Lo que quien lee esto no puede saber"],
  cannot_real: ["Which cells are messages, which are cover", "Qué celdas son mensajes y cuáles relleno"],
  cannot_who: ["Who wrote, or to whom", "Quién escribió, ni a quién"],
  cannot_what: ["A word, a lab value, a file", "Una palabra, un valor, un archivo"],
  cannot_thread: ["Which cells belong to one conversation", "Qué celdas son de una misma conversación"],
  can_heading: ["What the relay itself also knows", "Lo que además sabe el propio relé"],
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
  return fill(TEXT[key][language === "en" ? 0 : 1], values);
}

export function fill(sentence: string, values: Record<string, string | number>): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

export function roleName(role: Role): string {
  return t(`role_${role}`);
}

export function waitingText(count: number): string {
  if (count === 0) return t("waiting_none");
  return count === 1 ? t("waiting_one") : t("waiting_many", { count });
}

/** When something was sent: the day too, for a conversation goes on for months. */
export function dayAndTime(time: Date): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(time);
}

export function clock(time: Date): string {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(time);
}

export function number(value: number): string {
  return new Intl.NumberFormat(language).format(value);
}
