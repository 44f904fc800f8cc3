/** The wasm engine behind a portal, as TypeScript sees it. */

import type { ErrorCode } from "../errors.js";
import type { StoreChange } from "../store/store.js";
import type { EngineAttachment } from "./content.js";
import type {
  Attachment,
  AuditCheckpoint,
  Contact,
  Device,
  DeviceNotice,
  EmergencyAccess,
  Estimate,
  Gap,
  Message,
  PullProgress,
  Rejected,
  RelayNotice,
  Settings,
  Transfer,
} from "./types.js";

/** An attachment as the engine gives it: a range of the message's body. */
export type BareAttachment = Omit<Attachment, "body" | "blob"> & { readonly offset: number };

/** A message as the engine gives it, with its text only where the body was at hand. */
export type BareMessage = Omit<Message, "text" | "attachments" | "body"> & {
  readonly text?: string;
  /** Bytes of the body. */
  readonly size: number;
  /** Offset and length of the text in the body. */
  readonly textAt: readonly [number, number] | null;
  readonly attachments: readonly BareAttachment[];
};

export type EngineEvent =
  | { readonly type: "message" | "state"; readonly message: BareMessage }
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
  | { readonly kind: "get"; readonly path: string }
  /** Keep the body until it is handed over. `ahead` is asked for next if nothing fails. */
  | { readonly kind: "keep"; readonly path: string; readonly ahead: readonly string[] }
  | { readonly kind: "handOver"; readonly path: string }
  | { readonly kind: "confirm"; readonly bytes: number }
  | ({ readonly kind: "progress" } & Omit<PullProgress, "kind">)
  | { readonly kind: "post"; readonly path: string; readonly body: Uint8Array }
  | ({ readonly kind: "synced" } & Synced)
  /** `until` is in milliseconds of the monotonic clock; null for not before something is requested. */
  | { readonly kind: "wait"; readonly until: number | null };

/** Why the relay did not answer. */
export type Failure =
  | { readonly failure: "unavailable"; readonly retryAfterMs: number }
  | { readonly failure: "missing" | "refused" };

/** What came of an ask. */
export type Answer =
  | { readonly kind: "loaded"; readonly records: readonly (Uint8Array | undefined)[] }
  | { readonly kind: "got"; readonly bytes: Uint8Array }
  | ({ readonly kind: "got" } & Failure)
  | { readonly kind: "kept"; readonly length: number }
  | ({ readonly kind: "kept" } & Failure)
  | { readonly kind: "confirmed"; readonly may: boolean }
  | { readonly kind: "posted" }
  | ({ readonly kind: "posted" } & Failure)
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

/** The sans-I/O client with its vault. Every method is synchronous; `now` is Unix seconds. */
export interface Engine {
  configure(infoJson: string, now: number): Effects;
  /** The relay is reached under this URL from now on. */
  relocate(url: string, now: number): Effects;
  relayPath(which: "info" | "cells"): string;
  /** The person's own bucket, for the stream of notices. */
  bucket(): number;
  /**
   * Takes the answer to what was asked last, and gives what to do next. `wall` is Unix time, `ticks` a clock that only goes
   * forward, both in milliseconds.
   */
  nextAsk(answer: Answer | undefined, wall: number, ticks: number): Effects<Ask>;
  startRounds(wall: number, ticks: number): void;
  stopRounds(): void;
  requestSync(tasks: Task[], flush: boolean, wall: number, ticks: number): void;
  enrolling(wall: number, ticks: number): void;
  reachableAgain(wall: number, ticks: number): void;
  published(which: Mailbox, wall: number, ticks: number): void;
  noticesEnded(): void;
  setReceiptDelay(minutes: number): void;
  settings(): Settings;
  setSettings(graceDays: number, retentionDays: number, now: number): Effects;
  /** Gives of how many contacts keys were wiped. */
  shredExpiredKeys(now: number): Effects<number>;
  queued(): number;
  lobbyWatch(now: number): boolean;
  cancel(messageId: string, now: number): Effects<BareMessage>;
  markRead(contactId: string, until: string | undefined, now: number): Effects;
  deleteMessage(messageId: string, now: number): Effects;
  transfers(): Transfer[];
  info(): RelayParameters;
  me(): { readonly name: string; readonly publicKey: Uint8Array; readonly fingerprint: Uint8Array };
  invite(
    kind: "qr" | "link",
    expiresInSeconds: number | undefined,
    now: number,
  ): Effects<{ readonly id: string; readonly uri: string; readonly expiresAt: number }>;
  cancelInvitation(id: string, now: number): Effects;
  expectIdentity(id: string, fingerprint: Uint8Array, now: number): Effects;
  accept(uri: string, inPerson: boolean, now: number): Effects<Contact>;
  contacts(): Contact[];
  confirmSas(id: string, now: number): Effects;
  rejectSas(id: string, now: number): Effects;
  removeContact(id: string, now: number): Effects;
  send(
    contactId: string,
    text: Uint8Array | undefined,
    attachments: readonly EngineAttachment[],
    session: string | undefined,
    now: number,
  ): Effects<BareMessage>;
  messages(contactId: string, before: string | undefined, limit: number, now: number): BareMessage[];
  estimate(bytes: number, prompt: boolean): Estimate;
  evidenceKey(messageId: string): string;
  /** The evidence with how its sender was checked. */
  openEvidence(messageId: string, sealed: Uint8Array): Uint8Array;
  rename(name: string, now: number): Effects;
  /** Where the pieces of a body are stored. */
  bodyKeys(messageId: string): string[];
  openPiece(messageId: string, number: number, sealed: Uint8Array): Uint8Array;
  setDraft(contactId: string, text: Uint8Array, now: number): Effects;
  draftKey(contactId: string): string;
  openDraft(contactId: string, bytes: Uint8Array): Uint8Array;
  ways(): VaultWays;
  changePassphrase(oldKek: Uint8Array, kek: Uint8Array, salt: Uint8Array, iterations: number, now: number): Effects;
  /** Has no key of the host open the vault if none is given. */
  setHostKey(kek: Uint8Array | undefined, now: number): Effects;
  addPasskey(credential: Uint8Array, salt: Uint8Array, output: Uint8Array, now: number): Effects;
  removePasskey(credential: Uint8Array, now: number): Effects;
  /** The bundle of the vault whose store holds all these entries, read back. */
  backup(entries: readonly (readonly [string, Uint8Array])[], now: number): Uint8Array;
  device(): Device;
  createRecoveryCode(now: number): Effects<string>;
  removeRecoveryCode(now: number): Effects;
  hasRecoveryCode(): boolean;
  createShares(threshold: number, shares: number, now: number): Effects<string[]>;
  emergencies(): EmergencyAccess[];
  beginEmergency(id: Uint8Array, minutes: number, reason: string, now: number): Effects;
  endEmergency(id: Uint8Array, now: number): Effects;
  /** The body of a slot that tells the owner of it. */
  emergencySlot(id: Uint8Array): Uint8Array;
  /** What a store of this same vault needs to hear of it: that it began, or, if it knows, that it ended. */
  noteEmergency(
    entries: readonly (readonly [string, Uint8Array])[],
    id: Uint8Array,
    minutes: number,
    reason: string,
    now: number,
  ): readonly StoreChange[];
  /** To the audit log. */
  backedUp(now: number): Effects;
  locked(idle: boolean, now: number): Effects;
  unlocked(kind: number, failed: number, now: number): Effects;
  checkpoint(now: number): Effects<AuditCheckpoint>;
  checkpointDue(now: number): boolean;
  exportLog(format: string, now: number): Effects<AuditCheckpoint>;
  logState(): { readonly length: number };
  /** Checkpoints of this log in a text that was kept elsewhere. */
  keptCheckpoints(text: string): [index: number, head: string][];
  /** `broken` is the first index that is not as it was written. */
  readLog(
    first: number,
    records: [key: string, sealed: Uint8Array][],
    before?: string,
  ): { readonly entries: readonly LoggedEntry[]; readonly broken: number | null };
  /** Goes back to what the store holds. */
  reload(records: readonly (readonly [string, Uint8Array])[]): void;
  free(): void;
}
