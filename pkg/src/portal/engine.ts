/** The wasm engine behind a portal, as TypeScript sees it. */

import type { StoreChange } from "../store/store.js";
import type { EngineAttachment } from "./content.js";
import type {
  Attachment,
  AuditCheckpoint,
  Contact,
  Device,
  DeviceNotice,
  EmergencyAccess,
  Gap,
  Message,
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
  | ({ readonly type: "notice" } & RelayNotice)
  | ({ readonly type: "device" } & DeviceNotice)
  | ({ readonly type: "breakGlass" } & EmergencyAccess)
  | { readonly type: "contact"; readonly contact: Contact }
  | { readonly type: "transfer"; readonly transfer: Transfer }
  | { readonly type: "checkpoint"; readonly checkpoint: AuditCheckpoint };

export interface Effects<T = undefined> {
  readonly commit: readonly StoreChange[];
  readonly events: readonly EngineEvent[];
  readonly value: T;
}

export type Mailbox = "own" | "lobby";

/** One thing to fetch: a batch, or a segment of many. */
export interface Planned {
  readonly path: string;
  /** Of a segment, the last. */
  readonly epoch: number;
  /** Bytes to come. */
  readonly bytes: number;
}

export interface Received {
  readonly messages: readonly BareMessage[];
  readonly rejected: readonly Rejected[];
  readonly gaps: readonly Gap[];
  readonly cells: number;
}

/** Cells to post, and what to call them once the relay has them. */
export interface Post {
  readonly body: Uint8Array;
  readonly tokens: string[];
}

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
  indexPath(which: Mailbox): string;
  planPull(which: Mailbox, indexJson: string, now: number): Effects<readonly Planned[]>;
  /** Reads what was planned under this path. */
  receive(path: string, bytes: Uint8Array, now: number): Effects<Received>;
  /** One's own, for the stream of notices. */
  bucket(): number;
  nextSlot(now: number): Post;
  nextFlush(now: number): Post | undefined;
  nextLobbyPost(now: number): Post | undefined;
  posted(tokens: string[], now: number): Effects;
  /** Whether a post without an answer may be repeated: not once a contact of its cells is suspect. */
  mayPost(tokens: string[]): boolean;
  setReceiptDelay(minutes: number): void;
  settings(): Settings;
  setSettings(graceDays: number, retentionDays: number, now: number): Effects;
  /** Gives of how many contacts keys were wiped. */
  shredExpiredKeys(now: number): Effects<number>;
  queued(): number;
  lobbyWatch(now: number): boolean;
  /** Gives the ids of the messages whose bodies `reseal` needs. */
  tick(now: number): Effects<string[]>;
  hasOverdue(now: number): boolean;
  /** Seals all overdue again in one step; a message without its body is given up. */
  reseal(bodies: [messageId: string, sealedPieces: Uint8Array[]][], now: number): Effects;
  /** The large message whose next cells are to be sealed, and which pieces of its body, under which keys, that takes. */
  wanted(
    now: number,
  ): { readonly id: string; readonly pieces: readonly (readonly [number: number, key: string])[] } | undefined;
  /** Seals them; a message whose pieces are missing is given up. */
  sealMore(messageId: string, sealedPieces: [number: number, sealed: Uint8Array][], now: number): Effects;
  /** `inFlight`: the tokens of a post without an answer. */
  cancel(messageId: string, inFlight: string[], now: number): Effects<BareMessage>;
  markRead(contactId: string, until: string | undefined, now: number): Effects;
  deleteMessage(messageId: string, inFlight: string[], now: number): Effects;
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
  messages(contactId: string, before: string | undefined, limit: number): BareMessage[];
  /** Where the pieces of a body are stored. */
  bodyKeys(messageId: string): string[];
  openPiece(messageId: string, number: number, sealed: Uint8Array): Uint8Array;
  setDraft(contactId: string, text: Uint8Array, now: number): Effects;
  draftKey(contactId: string): string;
  openDraft(contactId: string, bytes: Uint8Array): Uint8Array;
  ways(): VaultWays;
  changePassphrase(oldKek: Uint8Array, kek: Uint8Array, salt: Uint8Array, iterations: number, now: number): Effects;
  addPasskey(credential: Uint8Array, salt: Uint8Array, output: Uint8Array, now: number): Effects;
  removePasskey(credential: Uint8Array, now: number): Effects;
  /** The bundle of the vault whose store holds all these entries, read back. */
  backup(entries: readonly (readonly [string, Uint8Array])[], now: number): Uint8Array;
  device(): Device;
  /** One's own mailbox was read: fixes the index of a restored device. */
  settle(now: number): Effects;
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
  unlocked(passkey: boolean, now: number): Effects;
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
