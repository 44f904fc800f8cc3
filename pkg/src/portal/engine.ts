/** What passes between a portal and its wasm engine. The signatures of the engine itself come from Rust: `src/wasm/engine/`. */

import type { Hashes } from "../relay/hashes.js";
import type { ErrorCode } from "../errors.js";
import type { StoreChange } from "../store/store.js";
import type { Engine } from "../core/core.js";
import type { FirstEngine } from "../module/core.js";
import type {
  Attachment,
  AuditCheckpoint,
  Contact,
  DeviceNotice,
  EmergencyAccess,
  Gap,
  Invitation,
  Message,
  PullProgress,
  Rejected,
  RelayNotice,
  Transfer,
} from "./types.js";

export type { Engine, FirstEngine };

/** An attachment as the engine returns it: a range of the message's body. */
export type BareAttachment = Omit<Attachment, "body" | "blob"> & { readonly offset: number };

/** A message as the engine returns it, with its text only if the body was at hand. */
export type BareMessage = Omit<Message, "text" | "attachments" | "body"> & {
  readonly text?: string;
  /** Bytes of the body. */
  readonly size: number;
  /** Offset and length of the text in the body. */
  readonly textAt: readonly [number, number] | null;
  readonly attachments: readonly BareAttachment[];
};

export type EngineEvent =
  | { readonly type: "message" | "state" | "filing"; readonly message: BareMessage }
  | ({ readonly type: "rejected" } & Rejected)
  | ({ readonly type: "gap" } & Gap)
  | ({ readonly type: "notice" } & (RelayNotice | StalledNotice | ClockSkewNotice))
  | ({ readonly type: "device" } & DeviceNotice)
  | ({ readonly type: "breakGlass" } & EmergencyAccess)
  | { readonly type: "contact"; readonly contact: Contact }
  | { readonly type: "transfer"; readonly transfer: Transfer }
  | { readonly type: "checkpoint"; readonly checkpoint: AuditCheckpoint };

/** The relay answers, but has published nothing new in a mailbox for several epochs; or it does again. */
interface StalledNotice {
  readonly code: "STALLED";
  readonly mailbox: Mailbox;
  readonly cleared: boolean;
}

/** How far the relay's clock is ahead of the device's. */
interface ClockSkewNotice {
  readonly code: "CLOCK_SKEW";
  readonly seconds: number;
  readonly cleared: boolean;
}

export interface Effects<T = undefined> {
  readonly commit: readonly StoreChange[];
  readonly events: readonly EngineEvent[];
  readonly value: T;
}

export type Mailbox = "own" | "lobby";

/** What a client does by itself, in the order of a sync. */
export type Task = "info" | "own" | "lobby" | "slot";

/** What a sync led to. */
export interface Synced {
  readonly messages: readonly BareMessage[];
  readonly rejected: readonly Rejected[];
  readonly gaps: readonly Gap[];
  readonly cells: number;
  readonly bytes: number;
  /** Whether something that the relay lists was not read. */
  readonly incomplete: boolean;
  /** The first task that failed; `code` says why the engine refused what the relay answered. */
  readonly failed: { readonly task: Task; readonly code: ErrorCode | null } | null;
}

/** What to do once the changes beside it are committed. */
export type Ask =
  | { readonly kind: "continue" }
  | { readonly kind: "load"; readonly keys: readonly string[] }
  /** `member`: the URL of another member of the federation that is asked in place of the relay. */
  | { readonly kind: "get"; readonly path: string; readonly member?: string }
  /** Keep the body until it is handed over. `ahead` is asked for next if nothing fails. */
  | { readonly kind: "keep"; readonly path: string; readonly ahead: readonly string[]; readonly member?: string }
  | { readonly kind: "handOver"; readonly path: string }
  /** `tells`: that it is downloaded tells the relay that the bucket has something for this person. */
  | { readonly kind: "confirm"; readonly bytes: number; readonly tells: boolean }
  /** Of the mirror's. */
  | { readonly kind: "mirror"; readonly path: string }
  /** Post each body to the path of its relay, both at once. */
  | {
      readonly kind: "select";
      readonly path: string;
      readonly relay: Uint8Array;
      readonly mirror: Uint8Array;
      readonly member?: string;
    }
  | ({ readonly kind: "progress" } & Omit<PullProgress, "kind">)
  | { readonly kind: "post"; readonly path: string; readonly body: Uint8Array; readonly member?: string }
  | ({ readonly kind: "synced" } & Synced)
  /** `until` is in milliseconds of the monotonic clock; null for not before something is requested. */
  | { readonly kind: "wait"; readonly until: number | null };

/** Why the relay did not answer. */
export type Failure =
  /** No answer, if there is nothing to wait for; or an answer that asks to wait. */
  | { readonly failure: "unavailable"; readonly retryAfterMs: number }
  /** An answer that says that this client is not served. */
  | { readonly failure: "denied"; readonly retryAfterMs: number }
  | { readonly failure: "missing" | "refused" };

/** What came of an ask. */
export type Answer =
  | { readonly kind: "loaded"; readonly records: readonly (Uint8Array | undefined)[] }
  | { readonly kind: "got"; readonly bytes: Uint8Array }
  /** A body that was kept. The engine computes missing hashes. */
  | ({ readonly kind: "handedOver"; readonly body: Uint8Array } & Hashes)
  | { readonly kind: "kept"; readonly length: number }
  | { readonly kind: "confirmed"; readonly may: boolean }
  | { readonly kind: "posted" }
  | { readonly kind: "selected"; readonly relay: Uint8Array; readonly mirror: Uint8Array }
  | ({ readonly kind: "got" | "kept" | "posted" | "selected" } & Failure)
  /** The store had no room for the last changes. */
  | { readonly kind: "notStored" };

/** An entry of the audit log, opened. */
export interface LoggedEntry {
  readonly index: number;
  /** JSON. */
  readonly record: string;
  /** The head after it, hexadecimal. */
  readonly head: string;
  /** Its line in an export. */
  readonly line: string;
}

export interface RelayParameters {
  readonly epochSeconds: number;
  readonly lobbyEpochSeconds: number;
  readonly perBucket: number;
  readonly maxAttachmentBytes: number;
  readonly retentionSeconds: number;
}

/** How a vault is opened: what PBKDF2 needs, and the passkeys. */
export interface VaultWays {
  readonly salt?: Uint8Array;
  readonly iterations?: number;
  readonly passkeys: readonly { readonly id: Uint8Array; readonly salt: Uint8Array }[];
}

/** Where the text, the session label and the files of a draft are stored. */
export type DraftKeys = readonly [text: string, session: string, files: string];

/** The sealed records of a store below a prefix. */
export type StoredRecords = readonly (readonly [key: string, sealed: Uint8Array])[];

/** An engine, and the changes to commit before anything else: of a new vault, or of a migration to this version. */
export interface Opened {
  readonly engine: Engine;
  readonly commit: readonly StoreChange[];
}

/** The person whose vault it is. */
export interface Self {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly fingerprint: Uint8Array;
}

/** An invitation without its QR code. */
export type OpenInvitation = Omit<Invitation, "qrSvg">;

export interface LogState {
  readonly length: number;
}

export interface LogPage {
  readonly entries: readonly LoggedEntry[];
  /** The index of the first altered entry. */
  readonly broken: number | null;
}

/** A checkpoint of this log that was kept elsewhere. */
export type KeptCheckpoint = readonly [index: number, head: string];
