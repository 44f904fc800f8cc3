/** The identifier systems of this project, for FHIR. */

const SID = "https://github.com/tessera-health/tessera/fhir/sid";

export const MESSAGE_ID = `${SID}/message`;
export const THREAD_ID = `${SID}/thread`;
export const ATTACHMENT_ID = `${SID}/attachment`;
export const TASK_ID = `${SID}/task`;
/** The SHA-256 of a message's content, 64 hex digits. */
export const CONTENT_DIGEST = `${SID}/content-sha256`;
/** The fingerprint of a person's key, 64 hex digits. */
export const FINGERPRINT = `${SID}/fingerprint`;
