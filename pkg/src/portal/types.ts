/** What a portal gives and takes. Times are Unix seconds; binary values are `Uint8Array`. */

import type { ErrorCode } from "../errors.js";
import type { RelayClient, RelayOptions } from "../relay/client.js";
import type { Store } from "../store/store.js";

/** To read a vault. */
export interface ReadOptions {
  readonly store: Store;
  /** One of the three opens the vault. */
  readonly passphrase?: string | Uint8Array;
  readonly passkey?: boolean;
  readonly key?: HostKey;
}

/**
 * A key from the host's key management or single sign-on: 32 random bytes, a function that asks for them whenever they are needed, or
 * a `CryptoKey`: of HKDF with `deriveBits` or of HMAC with `sign`, which need not be extractable, or any secret of 32 bytes that is.
 */
export type HostKey = CryptoKey | Uint8Array | (() => Promise<Uint8Array>);

export interface OpenOptions {
  /** The relay's URL, with an access token if it wants one; or a client of the host's own. */
  readonly relay: URL | string | RelayOptions | RelayClient;
  readonly store: Store;
  /** Opens the vault, through PBKDF2. Text is normalised (NFKC); an array passed here is left as it is: wipe it. Left out only with `passkey` or `key`. */
  readonly passphrase?: string | Uint8Array;
  /** Opens the vault with a passkey that `addPasskey()` made, instead of the passphrase. */
  readonly passkey?: boolean;
  /** How messages leave, unless `send` says otherwise: `steady` if left out. */
  readonly pace?: Pace;
  /** Opens the vault, or a new one, with a key that the host keeps, instead of the passphrase and without PBKDF2. Anyone with the key has the vault. */
  readonly key?: HostKey;
  /** What contacts see: 1 to 64 bytes of UTF-8. Needed with `create`, and used when a vault is created. */
  readonly name?: string;
  /** Whether a new vault, with a new identity, may be created if the store has none. Without it: `VAULT_MISSING`. */
  readonly create?: boolean;
  /** The host knows that this person had a vault here, so that one that is not there was cleared. `indexedDbStore` remembers it by itself, but what it remembers may be cleared too. */
  readonly expectVault?: boolean;
  /** Allows a new vault after the one that was here is gone. Without it: `VAULT_EVICTED`. */
  readonly afterEviction?: boolean;
  /** Moves the vault here if another tab or worker has it open; the portal there ends with `VAULT_IN_USE`. Without it this call does. */
  readonly takeOver?: boolean;
  /** Is given a backup after changes. */
  readonly backup?: BackupHook;
  /** Ends the opening with `ABORTED`, which leaves the store free: for a component that was unmounted meanwhile. */
  readonly signal?: AbortSignal;
  /** Locks the vault after so many minutes without use, 1440 at most: see `touch()`. Without it, it stays open. */
  readonly idleMinutes?: number;
  /**
   * How long receipts wait on average, in whole minutes: 1440, a day, if left out; 2880 at most; 0 lets them leave with the next
   * slot. Each waits for a random time, so that a receipt says little about when its message was read. The shorter, the more
   * contacts and the relay learn of that, and of who answers whom.
   */
  readonly receiptDelayMinutes?: number;
  /**
   * Asked before more than 5 MiB are pulled where the browser says that its user saves data. After `false` nothing is pulled in this
   * round, and the next one asks again: what waits at the relay is kept there for its retention.
   */
  readonly confirmLargeDownload?: (bytes: number) => boolean | Promise<boolean>;
}

/** To open a vault with one of its passkeys. */
export interface PasskeyOpening {
  readonly passkey: true;
}

/** To open a vault with the host's key. */
export interface KeyOpening {
  readonly key: HostKey;
}

export interface PasskeyOptions {
  /** What the platform calls the passkey when it shows it. The page's host name if left out. */
  readonly label?: string;
}

export interface RestoreOptions {
  /** An empty store: `STORE_NOT_EMPTY` otherwise. */
  readonly store: Store;
  readonly relay: URL | string | RelayOptions | RelayClient;
  /** The passphrase of the backup; or else its recovery code. */
  readonly passphrase?: string | Uint8Array;
  /** The host's key, if it opens the backup. */
  readonly key?: HostKey;
  /** As printed; case, spaces and hyphens do not matter. With it, `newPassphrase` is needed. */
  readonly recoveryCode?: string;
  /** Opens the restored vault from now on, in the place of the one before. */
  readonly newPassphrase?: string | Uint8Array;
  readonly pace?: Pace;
  readonly idleMinutes?: number;
  readonly receiptDelayMinutes?: number;
  readonly backup?: BackupHook;
  readonly confirmLargeDownload?: OpenOptions["confirmLargeDownload"];
}

/**
 * Takes a backup, sealed, and keeps it where it is safe. Called soon after each change that matters, one call at a time; if it
 * throws or rejects, again later, and a `storage` event says so.
 */
export type BackupHook = (bundle: Uint8Array) => unknown;

/** Which device this is, of those that were restored from backups one after another. */
export interface Device {
  /** 0 for the one the vault was created on. */
  readonly index: number;
  /** Whether it came from a backup. */
  readonly restored: boolean;
  /** A restored one sends only once it has read its mailbox; `send` does that first. */
  readonly ready: boolean;
  /** The newer device that took its place: this one only reads. */
  readonly supersededBy: number | null;
}

/** Two devices of one person are in use. `superseded`: this one, which sends nothing more. `former`: one whose place this one took is still open somewhere. `contact`: a contact wrote from an older device after a newer one. */
export type DeviceNotice =
  | {
      readonly kind: "superseded";
      readonly code: "DEVICE_SUPERSEDED";
      readonly device: number;
      readonly contactId?: undefined;
    }
  | { readonly kind: "former"; readonly device: number; readonly contactId?: undefined }
  | { readonly kind: "contact"; readonly contactId: string };

/** Something is wrong with the relay or with a clock; told once, and again with `cleared` when it is over. */
export interface RelayNotice {
  readonly code: "RELAY_TIME" | "RELAY_CHANGED";
  readonly cleared: boolean;
}

/** Somebody opened a backup of this vault with emergency shares. */
export interface EmergencyAccess {
  readonly id: string;
  /** By the clock of the device that opened it. */
  readonly beganAt: number;
  /** For how long it was opened; 0 if only its end became known. */
  readonly minutes: number;
  /** What was given as the reason. */
  readonly reason: string;
  /** `null` until the end is known. */
  readonly endedAt: number | null;
}

export interface SharesOptions {
  /** How many shares open a backup: at least 2. */
  readonly threshold: number;
  /** How many there are: at most 255. */
  readonly shares: number;
}

export interface EmergencyAccessOptions {
  readonly bundle: Uint8Array;
  /** As printed; case, spaces and hyphens do not matter. */
  readonly shares: readonly string[];
  /** Why; the owner reads it. 1 to 500 bytes of UTF-8. */
  readonly reason: string;
  /** For how long: 1 to 1440. */
  readonly minutes: number;
  /** The owner's own store, if available: the access is reported to the owner at the next unlock. It must not be open elsewhere. */
  readonly store?: Store;
  /** The owner's relay, through which the access is reported to the owner's portal. */
  readonly relay?: URL | string | RelayOptions | RelayClient;
}

/** Why a vault was locked: it was idle for `idleMinutes`, or `lock()` was called. */
export type LockReason = "idle" | "manual";

export interface LockStatus {
  readonly reason: LockReason;
}

export interface InviteOptions {
  /** `qr`: a QR code at the visit, valid for at most 24 h. `link`: a link, valid for at most the relay's retention. */
  readonly kind: "qr" | "link";
  readonly expiresInSeconds?: number;
}

export interface Invitation {
  readonly id: string;
  /** `tessera:/…`; put it in the fragment of a link. Anyone who reads it can answer: hand it over as you would a key. */
  readonly uri: string;
  /** The same as a QR code. That of a link invitation is dense: prefer the link. */
  readonly qrSvg: string;
  readonly expiresAt: number;
}

export interface AcceptOptions {
  /** The invitation came from the inviter's own hand: no digits need to be compared on this side. */
  readonly inPerson?: boolean;
}

export interface Me {
  readonly name: string;
  /** 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** `tessera-fingerprint:` and 64 hex digits, for the inviter to scan from this screen. */
  readonly fingerprintQrSvg: string;
}

export interface Contact {
  readonly id: string;
  /** What the contact calls itself; empty until known. */
  readonly name: string;
  readonly fingerprint: Uint8Array | null;
  /** Content flows with `active` contacts only; what a `pending` one sends is held. */
  readonly state: "pending" | "active" | "suspect";
  /** How the contact was checked. */
  readonly verified: "digits" | "expected" | null;
  /** Six digits for both people to compare, while they are to be compared. */
  readonly sas: string | null;
  /** Why the contact is suspect or stays pending. */
  readonly reason: ErrorCode | null;
}

/** A message to send: text, files or both. */
export interface OutgoingContent {
  readonly text?: string | null;
  /** At most 100. A `File` goes with its name and type. */
  readonly attachments?: readonly (Blob | OutgoingAttachment)[];
  /** The label of a visit, such as `visit-7421`: 0 to 48 bytes of UTF-8. */
  readonly session?: string;
  /** As in `open`, for this message. What waits before it leaves with it. */
  readonly pace?: Pace;
  /** Ends the call with `ABORTED` while the message is not queued yet. */
  readonly signal?: AbortSignal;
}
export interface OutgoingAttachment {
  /** 1 to 127 printable ASCII characters. */
  readonly contentType: string;
  readonly body: Uint8Array | Blob;
  /** At most 255 bytes of UTF-8, without folders and without characters that cannot be seen. */
  readonly filename?: string | null;
}

/** A file of a message. */
export interface Attachment {
  /** What its sender says it is. */
  readonly contentType: string;
  readonly filename: string | null;
  /** Its bytes. */
  readonly size: number;
  /** Rejects with `CONTACT_PENDING` while the message is held, and with `VAULT_DAMAGED` if its bytes are lost. */
  body(): Promise<Uint8Array>;
  /** The same as a `Blob` of its content type; of one that a browser would run under the page's origin (HTML, XML, SVG, scripts), `application/octet-stream`. */
  blob(): Promise<Blob>;
}

/** `queued` here, `sent` by the relay, `delivered` to the contact; or `undelivered` after the set time, or `cancelled`, or `stopped` because its contact is not to be trusted any more. `verified`: arrived and its proof holds. `held`: arrived, shown once the contact is checked. */
export type MessageState =
  | "queued"
  | "sent"
  | "delivered"
  | "undelivered"
  | "cancelled"
  | "stopped"
  | "verified"
  | "held";

export interface Message {
  readonly id: string;
  readonly contactId: string;
  readonly direction: "in" | "out";
  /** What was sent as `text`, unless it is held. A text file is an attachment. */
  readonly text: string | null;
  readonly attachments: readonly Attachment[];
  /** Why something of it cannot be shown. `malformed`: it is not what its sender's software says it is; its only attachment is the original, to be saved. `damaged`: this store has lost its content. */
  readonly problem: "malformed" | "damaged" | null;
  /** By the sender's clock, in Unix seconds. */
  readonly sentAt: number;
  /** `null` for an outgoing message. */
  readonly receivedAt: number | null;
  readonly session: string | null;
  readonly state: MessageState;
  /** Of a queued message: by when, in Unix seconds, all of it has left in slots if the portal stays open. */
  readonly leavesBy?: number;
  /** Whether `markRead` named it; true for an outgoing message. */
  readonly read: boolean;
  /** What its sender proved, for evidence: the text in UTF-8, or the text and attachments in CBOR (protocol §6). */
  body(): Promise<Uint8Array>;
}
export type OutgoingMessage = Message & { readonly direction: "out" };

export interface MessagesOptions {
  /** The id of a message: those before it are wanted. */
  readonly before?: string;
  /** 50 if left out. */
  readonly limit?: number;
}

export interface Rejected {
  readonly code: ErrorCode;
  readonly contactId?: string;
  /** How many times in the same download or call. */
  readonly count: number;
}

/** Something is missing: batches of a mailbox, or messages of a contact; or the mailbox goes on under another key. `closed`: it has come after all. */
export type Gap =
  | {
      readonly kind: "batches";
      readonly from?: number;
      readonly to: number;
      readonly lobby: boolean;
      readonly closed: boolean;
      readonly contactId?: undefined;
    }
  | {
      readonly kind: "sequence";
      readonly contactId: string;
      readonly from: number;
      readonly to: number;
      readonly closed: boolean;
    }
  | { readonly kind: "origin"; readonly origin: string; readonly lobby: boolean; readonly contactId?: undefined };

/** A pull goes on. */
export interface PullProgress {
  readonly kind: "pull";
  readonly mailbox: "own" | "lobby";
  /** Batches, or segments of many, taken so far, of so many. */
  readonly batches: number;
  readonly totalBatches: number;
  /** Bytes pulled so far, of so many. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** A message of several cells on its way. */
export interface Transfer {
  /** The message's id if it goes out; an id of its own if it comes in. */
  readonly id: string;
  readonly contactId: string;
  readonly direction: "in" | "out";
  /** Bytes that arrived here, or that the relay has. */
  readonly bytes: number;
  /** Bytes in all; up to a cell too many for one that comes in. */
  readonly totalBytes: number;
}
/** A message of several cells came or went a little further. */
export type TransferProgress = Transfer & { readonly kind: "message" };

export type Progress = PullProgress | TransferProgress;

export interface RelayStatus {
  readonly reachable: boolean;
  /** Cells that wait here for the relay. */
  readonly queued: number;
  /** Why it cannot be reached, or will not answer. */
  readonly code?: ErrorCode;
}

/** The device's clock and the relay's differ by more than five minutes, or no longer do. */
export interface ClockSkew {
  /** How far the relay's clock is ahead of the device's. */
  readonly seconds: number;
  /** Left out once the clocks agree. */
  readonly code?: "CLOCK_SKEW";
}

/** The relay answers, but has published nothing new for several epochs; or it does again. */
export interface Stall {
  /** The person's own mailbox, or the lobby that enrolments pass through. */
  readonly mailbox: "own" | "lobby";
  readonly stalled: boolean;
  readonly code?: "STALLED";
}

/** After a vault was created: whether the browser promised not to clear the store by itself. If not, it may: Safari after 7 days without a visit. Or: the `backup` function failed and is called again later, or did what it failed to do. */
export type StorageStatus =
  | { readonly persisted: boolean; readonly backup?: undefined; readonly full?: undefined }
  | { readonly full: boolean; readonly persisted?: undefined; readonly backup?: undefined }
  | BackupStatus;

export interface BackupStatus {
  readonly persisted?: undefined;
  readonly full?: undefined;
  readonly backup: "failed" | "saved";
  /** What the function threw. */
  readonly cause?: unknown;
}

/** What the relay allows. */
export interface Limits {
  /** Of the files and the text, in UTF-8, of one message together. Names and types do not count. */
  readonly maxMessageBytes: number;
  /** One slot of cells leaves per epoch. */
  readonly epochSeconds: number;
  readonly cellsPerBucket: number;
}

/** What sending takes, at most. */
export interface Estimate {
  /** Cells of the message. */
  readonly cells: number;
  /** Until the relay has published all of it, while the portal is open and nothing else waits. */
  readonly seconds: number;
}

/** `steady`: a message leaves in slots, which look the same whatever is written. `prompt`: at once, in additional slots: the relay sees that this address sends, when and how much, not to whom nor to which bucket. */
export type Pace = "steady" | "prompt";

/** What evidence proves: who wrote a message, for whom and when. */
export interface Evidence {
  /** Fingerprints, 32 bytes. */
  readonly sender: Uint8Array;
  readonly recipient: Uint8Array;
  /** 64 bytes. */
  readonly senderPublicKey: Uint8Array;
  /** By the sender's clock, in Unix seconds. */
  readonly sentAt: number;
  /** The sender's device, and its count of deliveries to this recipient. */
  readonly device: number;
  readonly seq: number;
  /** The label of a visit. */
  readonly session: string | null;
  /** Of the body: `text/plain`, or that of a message with attachments. */
  readonly contentType: string;
  /** How and when the recipient checked the sender: its word, which nothing proves. `null` if it was not kept. */
  readonly checked: { readonly by: "digits" | "expected" | "inPerson"; readonly at: number } | null;
}

/** How long things count here; the relay has no say in it. */
export interface Settings {
  /** Days for which a month's keys stay after its end: 3 to 28, 7 unless set. */
  readonly graceDays: number;
  /** Days for which deliveries are accepted: 7 to 60, 60 unless set. */
  readonly retentionDays: number;
}

export interface EventsOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface SyncOptions {
  /** Sends the whole queue at once, outside the slots. The relay sees when one writes, and how much: for labs and tests. */
  readonly flush?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface SyncResult {
  readonly messages: Message[];
  readonly rejected: Rejected[];
  readonly gaps: Gap[];
  readonly cellsScanned: number;
  readonly bytesPulled: number;
  /** Whether batches are left that could not be taken in this round. */
  readonly incomplete: boolean;
}

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
  | "rejected"
  | "gap"
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
