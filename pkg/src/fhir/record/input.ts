/** What is filed of a message, and how. */

import type { CodeableConcept, Reference } from "./resource.js";

/** What is filed of a message; the package's `Message` and `Contact` have it. */
export interface RecordMessage {
  readonly id: string;
  /** Needed for `thread`. */
  readonly contactId?: string;
  readonly direction: "in" | "out";
  /** `held` is refused: its sender is not verified. */
  readonly state: string;
  readonly text?: string | null;
  readonly attachments?: readonly AttachmentInfo[];
  /** `damaged` is refused: its content is lost. */
  readonly problem?: string | null;
  /** Unix seconds. */
  readonly sentAt: number;
  readonly receivedAt: number | null;
  /** The label of a visit. */
  readonly session?: string | null;
  /** The sender's fingerprint, 32 bytes: the contact's, or the owner's. */
  readonly sender: Uint8Array;
}

export interface AttachmentInfo {
  readonly contentType: string;
  readonly filename?: string | null;
  /** Its bytes. */
  readonly size: number;
}

export interface RecordAttachment {
  readonly contentType: string;
  readonly filename?: string | null;
  readonly body: Uint8Array;
}

/** The content of a message: the bytes of its text or of its only attachment, or all of it as `recordBody` returns it. */
export type RecordBody =
  | Uint8Array
  | { readonly text?: Uint8Array | null; readonly attachments: readonly RecordAttachment[] };

/** The people's references in the record, which only the host knows. */
export interface RecordMap {
  readonly subject?: Reference;
  readonly sender: Reference;
  readonly recipient: readonly Reference[];
  readonly encounter?: Reference;
  readonly basedOn?: readonly Reference[];
}

export interface RecordOptions {
  /** The deployment's secret, at least 16 bytes: it makes the identifiers. */
  readonly secret: Uint8Array;
  /** Files without a patient; without it a map without `subject` is refused. */
  readonly noPatient?: boolean;
  /** Replaces the resource that was filed before: for the state of an outgoing message. */
  readonly update?: boolean;
  /** Files the label of the visit, and the names of files; both may name a person. */
  readonly label?: boolean;
  readonly filename?: boolean;
  readonly category?: readonly CodeableConcept[];
  readonly about?: readonly Reference[];
  readonly partOf?: readonly Reference[];
  readonly inResponseTo?: readonly Reference[];
  /** Files the conversation as a Communication without payload, of which its messages are parts, as Medplum shows them. */
  readonly thread?: boolean;
  /** Why an outgoing message was cancelled. */
  readonly statusReason?: string;
  readonly documentType?: CodeableConcept;
  readonly documentCategory?: readonly CodeableConcept[];
  /** Files the results of a verified laboratory as resources: a decision of the recipient. */
  readonly passthrough?: boolean;
  /** A referral's task: `focus` if it is not the message. */
  readonly task?: { readonly owner: Reference; readonly focus?: Reference };
}
