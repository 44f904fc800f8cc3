/** A plain sentence for every error code of the package; the compiler checks that the table is complete. */

import { isTesseraError, type ErrorCode } from "tessera-portal";
import { currentLanguage } from "./i18n";

type Sentence = readonly [en: string, es: string];

const SENTENCES: Readonly<Record<ErrorCode, Sentence>> = {
  NOT_AUTHENTIC: [
    "It was altered or forged: it does not carry this contact's proof.",
    "Fue alterado o falsificado: no lleva la prueba de este contacto.",
  ],
  MALFORMED: ["It is not of the form that Tessera uses.", "No tiene la forma que usa Tessera."],
  INVALID_ARGUMENT: ["A value has the wrong form or length.", "Un valor tiene forma o longitud incorrecta."],
  INVALID_KEY: ["The public key is one that must be refused.", "La clave pública es de las que deben rechazarse."],
  MESSAGE_TOO_LARGE: ["The message is longer than the relay allows.", "El mensaje supera lo que permite el relé."],
  REPLAYED: ["It is a copy of a message that had already arrived.", "Es una copia de un mensaje que ya había llegado."],
  STALE: ["It is too old, or dated in the future.", "Es demasiado antiguo o tiene fecha futura."],
  FRAGMENT_CONFLICT: ["Its parts contradict each other.", "Sus partes se contradicen."],
  MESSAGE_INCOMPLETE: [
    "Some of its parts never arrived. Ask for it to be sent again.",
    "Algunas de sus partes nunca llegaron. Pida que se envíe de nuevo.",
  ],
  INVITATION_MALFORMED: [
    "There is no Tessera invitation here, or it was altered on its way. Ask for a new one.",
    "Aquí no hay ninguna invitación de Tessera, o se alteró en el camino. Pida otra.",
  ],
  INVITATION_INCOMPLETE: [
    "The invitation is cut off. Copy all of it, up to its end.",
    "La invitación está cortada. Cópiela entera, hasta el final.",
  ],
  INVITATION_EXPIRED: ["This invitation has expired. Ask for a new one.", "Esta invitación ha caducado. Pida otra."],
  INVITATION_USED: [
    "Somebody else has already answered this invitation.",
    "Otra persona ya respondió a esta invitación.",
  ],
  INVITATION_UNKNOWN: ["There is no such open invitation.", "No hay tal invitación abierta."],
  INVITATION_OWN: [
    "This is your own invitation: another person must accept it.",
    "Es su propia invitación: debe aceptarla otra persona.",
  ],
  RELAY_MISMATCH: [
    "The invitation names another relay than this portal's.",
    "La invitación nombra otro relé que el de este portal.",
  ],
  UNEXPECTED_IDENTITY: [
    "Someone other than the expected person answered.",
    "Respondió alguien distinto de la persona esperada.",
  ],
  COMMITMENT_MISMATCH: [
    "The inviter's answer does not fit its promise: someone may stand in between.",
    "La respuesta de quien invita no cumple lo prometido: alguien puede interponerse.",
  ],
  CONTACT_UNKNOWN: ["There is no such contact.", "No existe ese contacto."],
  CONTACT_PENDING: [
    "This contact has not been checked yet: compare the digits first.",
    "Este contacto aún no se ha comprobado: compare primero las cifras.",
  ],
  CONTACT_SUSPECT: [
    "This contact is not to be trusted: enrol again in person.",
    "No se debe confiar en este contacto: inscríbalo de nuevo en persona.",
  ],
  SAS_NOT_READY: [
    "The six digits are not there yet. Wait a moment.",
    "Las seis cifras aún no están. Espere un momento.",
  ],
  MESSAGE_UNKNOWN: ["There is no such message.", "No existe ese mensaje."],
  MESSAGE_SENT: ["That message has left already.", "Ese mensaje ya se envió."],
  CLOCK_BEHIND: [
    "This device's clock is behind: set it, then send again.",
    "El reloj de este dispositivo va atrasado: ajústelo y vuelva a enviar.",
  ],
  VAULT_MISSING: ["There is no vault here.", "Aquí no hay bóveda."],
  VAULT_EVICTED: [
    "The vault that was here is gone: the browser or someone cleared it.",
    "La bóveda que había aquí ya no está: la borró el navegador o alguien.",
  ],
  VAULT_IN_USE: ["The vault is open in another tab.", "La bóveda está abierta en otra pestaña."],
  VAULT_VERSION: ["The vault was written by a newer version.", "La bóveda fue escrita por una versión más nueva."],
  WRONG_PASSPHRASE: ["That is not the passphrase.", "La frase de acceso no es correcta."],
  VAULT_DAMAGED: ["The vault is damaged.", "La bóveda está dañada."],
  LOCKED: ["The vault is locked.", "La bóveda está cerrada."],
  STORE_CONFLICT: ["The store was changed elsewhere in the meantime.", "Otra parte cambió el almacén mientras tanto."],
  STORE_FULL: [
    "There is no room left on this device. Delete messages or files, then try again.",
    "No queda espacio en este dispositivo. Elimine mensajes o archivos e inténtelo de nuevo.",
  ],
  CLOCK_SKEW: [
    "This device's clock is wrong. Set its date and time, or messages may not arrive.",
    "El reloj de este dispositivo no está en hora. Corrija la fecha y la hora, o puede que los mensajes no lleguen.",
  ],
  STALLED: [
    "The service is not delivering messages at the moment. Some may be missing.",
    "El servicio no está entregando mensajes en este momento. Puede que falte alguno.",
  ],
  STORE_FAILED: ["This device could not store the data.", "Este dispositivo no pudo guardar los datos."],
  BACKUP_MALFORMED: ["This is not a backup, or it was altered.", "Esto no es una copia de seguridad, o fue alterada."],
  BACKUP_VERSION: [
    "The backup was written by a newer version.",
    "La copia de seguridad fue escrita por una versión más nueva.",
  ],
  STORE_NOT_EMPTY: [
    "There is something here already: a backup needs an empty place.",
    "Aquí ya hay algo: una copia de seguridad necesita un lugar vacío.",
  ],
  DEVICE_SUPERSEDED: [
    "Another device took this one's place. Nothing is sent from here any more.",
    "Otro dispositivo ocupó el lugar de este. Desde aquí ya no se envía nada.",
  ],
  RECOVERY_CODE_MALFORMED: [
    "This is not a recovery code, or it was mistyped.",
    "Esto no es un código de recuperación, o está mal escrito.",
  ],
  EMERGENCY_ACCESS_ENDED: ["The emergency access is over.", "El acceso de emergencia ha terminado."],
  SHARES_INVALID: [
    "These emergency shares are damaged or do not belong together.",
    "Estas partes de emergencia están dañadas o no van juntas.",
  ],
  AUDIT_INVALID: ["The audit log does not verify.", "El registro de auditoría no se verifica."],
  RELAY_UNREACHABLE: [
    "The relay cannot be reached. Messages wait here.",
    "No se puede alcanzar el relé. Los mensajes esperan aquí.",
  ],
  RELAY_BUSY: ["The relay is busy. Tessera will try again.", "El relé está ocupado. Tessera lo intentará de nuevo."],
  RELAY_FULL: [
    "The relay's store is full. Messages wait here.",
    "El almacén del relé está lleno. Los mensajes esperan aquí.",
  ],
  RELAY_REFUSED: ["The relay refused the request.", "El relé rechazó la petición."],
  UNAUTHORIZED: ["The relay asks for an access token.", "El relé pide una credencial de acceso."],
  NOT_FOUND: ["The relay has nothing there.", "El relé no tiene nada ahí."],
  RETENTION_PASSED: ["The relay has already deleted that time.", "El relé ya borró ese periodo."],
  RELAY_PROTOCOL: ["The relay's answer makes no sense.", "La respuesta del relé no tiene sentido."],
  BATCH_INVALID: [
    "The relay's signature or chain does not hold: it may be showing different things to different people.",
    "La firma o la cadena del relé no se sostiene: puede estar mostrando cosas distintas a cada quien.",
  ],
  RELAY_TIME: ["The relay states times that cannot be right.", "El relé indica horas que no pueden ser correctas."],
  RELAY_CHANGED: [
    "The relay states other settings. Waiting messages leave once it has kept them for an hour.",
    "El relé indica otra configuración. Los mensajes en espera saldrán cuando la haya mantenido una hora.",
  ],
  NOT_INITIALIZED: ["Tessera has not finished loading.", "Tessera no ha terminado de cargar."],
  WASM_UNAVAILABLE: ["This browser could not load WebAssembly.", "Este navegador no pudo cargar WebAssembly."],
  UNSUPPORTED: ["This browser lacks something Tessera needs.", "A este navegador le falta algo que Tessera necesita."],
  DISPOSED: ["This portal was closed.", "Este portal se cerró."],
  ABORTED: ["Stopped.", "Detenido."],
  INTERNAL: ["A defect in Tessera. Please report it.", "Un defecto de Tessera. Por favor, notifíquelo."],
};

const UNKNOWN: Sentence = ["An unexpected problem.", "Un problema inesperado."];

/** The sentence for a code; an unknown code is shown beside a general sentence. */
export function codeSentence(code: string): string {
  const known = Object.hasOwn(SENTENCES, code) ? SENTENCES[code as ErrorCode] : undefined;
  const sentence = (known ?? UNKNOWN)[currentLanguage() === "en" ? 0 : 1];
  return known ? sentence : `${sentence} (${code})`;
}

export function codeOf(error: unknown): string {
  return isTesseraError(error) ? error.code : "UNKNOWN";
}

export function errorSentence(error: unknown): string {
  return codeSentence(codeOf(error));
}
