/** The audit log. Times are Unix seconds; binary values are `Uint8Array`. */

import type { ErrorCode } from "../../errors.js";

/** The events of the audit log; the table of protocol §11. */
export type AuditEventName =
  | "began"
  | "invited"
  | "withdrawn"
  | "accepted"
  | "enrolled"
  | "verified"
  | "suspect"
  | "removed"
  | "sent"
  | "delivered"
  | "undelivered"
  | "cancelled"
  | "deleted"
  | "received"
  | "held"
  | "released"
  | "filed"
  | "filingFailed"
  | "rejected"
  | "gap"
  | "device"
  | "rotated"
  | "shredded"
  | "locked"
  | "unlockFailed"
  | "unlocked"
  | "rekeyed"
  | "backedUp"
  | "restored"
  | "breakGlassStarted"
  | "breakGlassEnded"
  | "sharesCreated"
  | "exported"
  | "checkpoint";

/** One entry of the audit log: never content. Other fields depend on the event. */
export interface AuditEntry {
  /** Its place, from 0. */
  readonly index: number;
  /** The head of the chain after it, 64 hex digits. */
  readonly head: string;
  readonly event: AuditEventName;
  readonly time: number;
  /** Local id of the contact, and its fingerprint once known, 64 hex digits. */
  readonly contact?: string;
  readonly fingerprint?: string;
  /** The id of the message, its session id's 16 random bytes in hex, and its label. */
  readonly message?: string;
  readonly session?: string;
  readonly label?: string;
  /** SHA-256 of the content, 64 hex digits. */
  readonly digest?: string;
  readonly code?: ErrorCode;
  readonly [field: string]: string | number | boolean | undefined;
}

export interface AuditEntriesOptions {
  /** The index of an entry: those before it are wanted. */
  readonly before?: number;
  /** 100 if left out. */
  readonly limit?: number;
}

export interface AuditVerifyOptions {
  /** The text of a checkpoint that was kept elsewhere, or an earlier export. */
  readonly checkpoint?: string;
}

export interface AuditVerification {
  readonly intact: boolean;
  /** How many entries there should be. */
  readonly entries: number;
  /** `entry`: the one at `index` is gone or not as it was written. `checkpoint`: the log differs from the checkpoint of `index`. `missing`: the checkpoint is of a later entry than there is. */
  readonly problem: "entry" | "checkpoint" | "missing" | null;
  readonly index: number | null;
  /** The last entry that the checkpoint kept elsewhere covers. */
  readonly anchoredAt: number | null;
}

/** The owner's signature over the log up to one entry. */
export interface AuditCheckpoint {
  readonly index: number;
  readonly time: number;
  /** What to keep where the owner cannot reach it: an export without entries. */
  readonly text: string;
}

export type AuditFormat = "ndjson" | "csv" | "fhir";

/** A reference to a resource of the host's record. */
export interface RecordReference {
  readonly reference?: string;
  readonly type?: string;
  readonly display?: string;
}

/** The reference of a person in the host's record. */
export interface AuditSubject {
  readonly who?: RecordReference;
  readonly name?: string;
  /** Whose record a conversation belongs to. */
  readonly patient?: RecordReference;
}

/** For `fhir` only. */
export interface AuditExportOptions {
  /** `batch` for a server, which refuses a `collection`; each event is put under its own id. */
  readonly as?: "collection" | "batch";
  /** Who is who; only the host knows. */
  readonly map?: {
    readonly owner?: AuditSubject;
    readonly contact?: (contactId: string) => AuditSubject | null | undefined;
  };
}
