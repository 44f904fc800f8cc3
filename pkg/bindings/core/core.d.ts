/* tslint:disable */
/* eslint-disable */

import type { EngineAttachment } from "../portal/content.js";
import type {
    Answer, Ask, BareMessage, Effects, Invited, KeptCheckpoint, LogPage, LogState, Mailbox, Opened, RelayParameters, Self,
    StoredRecords, Task, VaultWays,
} from "../portal/engine.js";
import type {
    AuditCheckpoint, Contact, Device, EmergencyAccess, Estimate, Settings, Transfer,
} from "../portal/types.js";
import type { StoreChange } from "../store/store.js";



/**
 * One person's client, unlocked.
 */
export class Engine {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Accepts an invitation.
     *
     * # Errors
     *
     * `INVITATION_MALFORMED`, `INVITATION_EXPIRED`, `RELAY_MISMATCH`, …
     */
    accept(uri: string, in_person: boolean, now: number): Effects<Contact>;
    /**
     * Has a passkey open the vault too: `output` is what its PRF extension
     * gives for `salt`.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    addPasskey(credential: Uint8Array, salt: Uint8Array, output: Uint8Array, now: number): Effects;
    /**
     * To the audit log: a backup is made.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    backedUp(now: number): Effects;
    /**
     * The bundle of this vault: `entries` are the `[key, bytes]` pairs of
     * everything in its store. It is read back before it is given.
     *
     * # Errors
     *
     * `VAULT_DAMAGED` if what the store holds does not open.
     */
    backup(entries: StoredRecords, now: number): Uint8Array;
    /**
     * An emergency access begins.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    beginEmergency(id: Uint8Array, minutes: number, reason: string, now: number): Effects;
    /**
     * Where the pieces of a message's body are stored.
     *
     * # Errors
     *
     * `MESSAGE_UNKNOWN`, `CONTACT_PENDING` while it is held.
     */
    bodyKeys(id: string): string[];
    /**
     * The number of this person's bucket, for the stream of notices.
     *
     * # Errors
     *
     * `RELAY_UNREACHABLE` before the first `configure`.
     */
    bucket(): number;
    /**
     * Withdraws an invitation.
     *
     * # Errors
     *
     * `INVITATION_UNKNOWN`.
     */
    cancelInvitation(id: string, now: number): Effects;
    /**
     * Withdraws a message of which not all has left.
     *
     * # Errors
     *
     * `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CLOCK_BEHIND`.
     */
    cancel(id: string, now: number): Effects<BareMessage>;
    /**
     * Has another passphrase open the vault from now on. `old` is what the
     * one before gives.
     *
     * # Errors
     *
     * `WRONG_PASSPHRASE`, `INVALID_ARGUMENT`.
     */
    changePassphrase(old: Uint8Array, kek: Uint8Array, salt: Uint8Array, iterations: number, now: number): Effects;
    /**
     * Whether a checkpoint is to be made by itself.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    checkpointDue(now: number): boolean;
    /**
     * Signs the log as it stands.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    checkpoint(now: number): Effects<AuditCheckpoint>;
    /**
     * Takes the relay's `/v1/info`.
     *
     * # Errors
     *
     * `RELAY_PROTOCOL`.
     */
    configure(info: string, now: number): Effects;
    /**
     * The digits match.
     *
     * # Errors
     *
     * `SAS_NOT_READY`, `CONTACT_SUSPECT`, `CONTACT_UNKNOWN`.
     */
    confirmSas(id: string, now: number): Effects;
    /**
     * All contacts, oldest first.
     *
     * # Errors
     *
     * Never in practice.
     */
    contacts(): Contact[];
    /**
     * Has a fresh recovery code open the vault, in the place of the one
     * before; gives the code.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` if there is no room for it.
     */
    createRecoveryCode(now: number): Effects<string>;
    /**
     * Printed shares of the vault key.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` unless 2 ≤ threshold ≤ shares.
     */
    createShares(threshold: number, shares: number, now: number): Effects<string[]>;
    /**
     * A fresh identity and vault: `{ engine, commit }`. `kek` is that of a
     * passphrase, or of a host's key if no salt is given.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    static create(kek: Uint8Array, salt: Uint8Array | null | undefined, iterations: number, name: string, relay: string, now: number): Opened;
    /**
     * Deletes a message with its body; a message that waits for the relay is
     * withdrawn first.
     *
     * # Errors
     *
     * `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CONTACT_PENDING`, `CLOCK_BEHIND`.
     */
    deleteMessage(id: string, now: number): Effects;
    /**
     * Which device this is.
     *
     * # Errors
     *
     * Never in practice.
     */
    device(): Device;
    /**
     * Where the draft to a contact is stored.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`.
     */
    draftKey(id: string): string;
    /**
     * All emergency accesses that are known of, oldest first.
     *
     * # Errors
     *
     * Never in practice.
     */
    emergencies(): EmergencyAccess[];
    /**
     * The body of a slot that tells the owner of it.
     *
     * # Errors
     *
     * `RELAY_UNREACHABLE` before the first `configure`.
     */
    emergencySlot(id: Uint8Array): Uint8Array;
    /**
     * It ended.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    endEmergency(id: Uint8Array, now: number): Effects;
    /**
     * An enrolment through the lobby began.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    enrolling(wall: number, ticks: number): void;
    /**
     * What sending so many bytes takes at most: `{ cells, seconds }`.
     *
     * # Errors
     *
     * `RELAY_UNREACHABLE` before the first `configure`.
     */
    estimate(bytes: number, prompt: boolean): Estimate;
    /**
     * Where the evidence of a message is stored.
     *
     * # Errors
     *
     * `MESSAGE_UNKNOWN`, `CONTACT_PENDING` while it is held,
     * `EVIDENCE_MISSING` for a message that was written here.
     */
    evidenceKey(id: string): string;
    /**
     * Only this fingerprint may answer the invitation.
     *
     * # Errors
     *
     * `INVITATION_UNKNOWN`, `INVALID_ARGUMENT`.
     */
    expectIdentity(id: string, fingerprint: Uint8Array, now: number): Effects;
    /**
     * Logs an export, "ndjson", "csv" or "fhir", and signs the log with it.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    exportLog(format: string, now: number): Effects<AuditCheckpoint>;
    /**
     * Whether a recovery code opens the vault.
     */
    hasRecoveryCode(): boolean;
    /**
     * What the loop needs of `/v1/info`.
     *
     * # Errors
     *
     * `RELAY_UNREACHABLE` before the first `configure`.
     */
    info(): RelayParameters;
    /**
     * A fresh invitation, "qr" or "link".
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`, `RELAY_UNREACHABLE`.
     */
    invite(kind: "qr" | "link", expires_in: number | null | undefined, now: number): Effects<Invited>;
    /**
     * `[index, head]` pairs of the checkpoints of this log in a text that
     * was kept elsewhere.
     *
     * # Errors
     *
     * `MALFORMED`, `AUDIT_INVALID`.
     */
    keptCheckpoints(text: string): KeptCheckpoint[];
    /**
     * Whether the lobby must be pulled.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    lobbyWatch(now: number): boolean;
    /**
     * Writes to the log that the vault is locked, which is to follow.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    locked(idle: boolean, now: number): Effects;
    /**
     * `{ length, head, owner, checkpoint }`: where the log stands, the first
     * line of an export, and the line of the last checkpoint or null.
     */
    logState(): LogState;
    /**
     * Marks the messages of a contact as read, up to one of them or all.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
     */
    markRead(id: string, until: string | null | undefined, now: number): Effects;
    /**
     * `{ name, publicKey, fingerprint }`.
     */
    me(): Self;
    /**
     * Messages with a contact, oldest first, without bodies.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
     */
    messages(id: string, before: string | null | undefined, limit: number, now: number): BareMessage[];
    /**
     * Takes the answer to what was asked last, or undefined, and gives what
     * to commit, to show and to do next: `{ commit, events, value: ask }`.
     * `wall` is Unix time and `ticks` a clock that only goes forward, both in
     * milliseconds.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    nextAsk(answer: Answer | undefined, wall: number, ticks: number): Effects<Ask>;
    /**
     * What a store of this same vault needs to hear of an emergency access:
     * the changes to commit there. `entries` are those of its `s/` and `m/`.
     *
     * # Errors
     *
     * `VAULT_DAMAGED` if it is another vault.
     */
    noteEmergency(entries: StoredRecords, id: Uint8Array, minutes: number, reason: string, now: number): readonly StoreChange[];
    /**
     * The relay reports nothing any more.
     */
    noticesEnded(): void;
    /**
     * Opens a stored draft.
     *
     * # Errors
     *
     * `VAULT_DAMAGED`, `CONTACT_UNKNOWN`.
     */
    openDraft(id: string, sealed: Uint8Array): Uint8Array;
    /**
     * The stored evidence of a message, with how its sender was checked.
     *
     * # Errors
     *
     * `VAULT_DAMAGED`, and as `evidenceKey`.
     */
    openEvidence(id: string, sealed: Uint8Array): Uint8Array;
    /**
     * Opens one piece of a stored body.
     *
     * # Errors
     *
     * `VAULT_DAMAGED`, `MESSAGE_UNKNOWN`.
     */
    openPiece(id: string, number: number, sealed: Uint8Array): Uint8Array;
    /**
     * The client of a backup as it was: `{ engine, commit }`, where the
     * commit is a copy of it all. For reading only.
     *
     * # Errors
     *
     * `SHARES_INVALID`, `BACKUP_MALFORMED`, `BACKUP_VERSION`.
     */
    static openWithShares(bundle: Uint8Array, shares: readonly string[]): Opened;
    /**
     * The relay reports that it has published "own" or "lobby".
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    published(which: Mailbox, wall: number, ticks: number): void;
    /**
     * Cells waiting.
     */
    queued(): number;
    /**
     * The network is back, or the page is visible again.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    reachableAgain(wall: number, ticks: number): void;
    /**
     * Opens entries from `first` on: `records` are `[key, bytes]` pairs as
     * they follow each other in the store, `before` is the head before the
     * first, if it is known. Gives `{ entries: { index, record, head, line }[],
     * broken }`; `broken` is the first index that is not as it was written,
     * or null.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    readLog(first: number, records: StoredRecords, before?: string | null): LogPage;
    /**
     * The digits differ.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`.
     */
    rejectSas(id: string, now: number): Effects;
    /**
     * "info" or "cells".
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    relayPath(which: "info" | "cells"): string;
    /**
     * Goes back to what the store holds, after a commit that did not fit.
     * The header is as it was: a commit that changes it is not taken back.
     *
     * # Errors
     *
     * `VAULT_DAMAGED`.
     */
    reload(records: StoredRecords): void;
    /**
     * The relay is reached under this URL from now on.
     *
     * # Errors
     *
     * Never in practice.
     */
    relocate(url: string, now: number): Effects;
    /**
     * Removes a contact with everything kept of it.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`.
     */
    removeContact(id: string, now: number): Effects;
    /**
     * Has a passkey open the vault no more. Nothing changes if it did not.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    removePasskey(credential: Uint8Array, now: number): Effects;
    /**
     * Has no recovery code open the vault any more.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    removeRecoveryCode(now: number): Effects;
    /**
     * Takes another name, which people who are met from now on see.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    rename(name: string, now: number): Effects;
    /**
     * Requests that these tasks are done once, now: "info", "own", "lobby",
     * "slot". With `flush`, "slot" posts the whole queue.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    requestSync(tasks: readonly Task[], flush: boolean, wall: number, ticks: number): void;
    /**
     * The client of a backup on another device: `{ engine, commit }`, where
     * the commit is everything for an empty store. `kind` says what `secret`
     * is, as in the header; a `kek` is that of the passphrase to come.
     *
     * # Errors
     *
     * `WRONG_PASSPHRASE`, `BACKUP_MALFORMED`, `BACKUP_VERSION`,
     * `VAULT_VERSION`.
     */
    static restore(bundle: Uint8Array, kind: number, secret_bytes: Uint8Array, kek: Uint8Array | null | undefined, salt: Uint8Array, iterations: number, now: number): Opened;
    /**
     * Proves, seals and queues a message: typed text, `[content type, file
     * name | null, bytes, picked]` for each attachment, or both. The name of a
     * file that was picked is not the person's choice, so what a name may not
     * have is left out of it.
     *
     * # Errors
     *
     * `CONTACT_PENDING`, `CONTACT_SUSPECT`, `MESSAGE_TOO_LARGE`,
     * `CLOCK_BEHIND`, `INVALID_ARGUMENT`, …
     */
    send(id: string, typed: Uint8Array | null | undefined, attachments: readonly EngineAttachment[], session: string | null | undefined, now: number): Effects<BareMessage>;
    /**
     * Stores the draft to a contact; an empty text deletes it.
     *
     * # Errors
     *
     * `CONTACT_UNKNOWN`.
     */
    setDraft(id: string, text: Uint8Array, now: number): Effects;
    /**
     * Has another key of the host open the vault from now on, or none.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` if there is no room for it, or if nothing else opens
     * the vault.
     */
    setHostKey(kek: Uint8Array | null | undefined, now: number): Effects;
    /**
     * Sets how long receipts wait on average, in minutes. Not stored.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` above 2 880.
     */
    setReceiptDelay(minutes: number): void;
    /**
     * Sets both.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` out of range.
     */
    setSettings(grace_days: number, retention_days: number, now: number): Effects;
    /**
     * `{ graceDays, retentionDays }`.
     *
     * # Errors
     *
     * Never in practice.
     */
    settings(): Settings;
    /**
     * Wipes what a relay that withholds has kept from being shredded.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    shredExpiredKeys(now: number): Effects<number>;
    /**
     * From now on everything is done when it is due.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    startRounds(wall: number, ticks: number): void;
    /**
     * From now on only what is requested is done.
     */
    stopRounds(): void;
    /**
     * Messages of several cells that are under way.
     *
     * # Errors
     *
     * `RELAY_UNREACHABLE` before the first `configure`.
     */
    transfers(): Transfer[];
    /**
     * The client of a stored vault, and what brings an older vault to this
     * version: `{ engine, commit }`. `kind` says what `secret` is, as in the
     * header; `records` are `[key, bytes]` pairs of everything below `s/` and
     * `m/`.
     *
     * # Errors
     *
     * `WRONG_PASSPHRASE`, `VAULT_VERSION`, `VAULT_DAMAGED`.
     */
    static unlock(kind: number, secret: Uint8Array, header: Uint8Array, records: StoredRecords): Opened;
    /**
     * Writes to the log that the vault was unlocked, by a slot of which kind,
     * and how many tries had failed since the last time.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT`.
     */
    unlocked(kind: number, failed: number, now: number): Effects;
    /**
     * How the vault is opened, as `vaultWays` says it.
     */
    ways(): VaultWays;
}

/**
 * A relay reached over HTTP.
 */
export class HttpRelay {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The bytes at a path such as `/v1/info`. `on_progress` is called with
     * the number of bytes so far as they arrive.
     *
     * # Errors
     *
     * A code for each answer that is not a 200: see `code_of`; `ABORTED` if
     * the signal says so.
     */
    get(path: string, signal?: AbortSignal | null, on_progress?: Function | null): Promise<Uint8Array>;
    /**
     * The relay at an `http:` or `https:` URL, and its access token if it
     * wants one.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` for any other URL, or one with credentials, query
     * or fragment.
     */
    constructor(url: string, access_token?: string | null);
    /**
     * Posts bytes; done means 202, durably stored.
     *
     * # Errors
     *
     * As for [`HttpRelay::get`].
     */
    post(path: string, body: Uint8Array, signal?: AbortSignal | null): Promise<void>;
    /**
     * The URL without a trailing slash, as invitations name it.
     */
    readonly url: string;
}

/**
 * The header inside a backup: it says how the vault is opened.
 *
 * # Errors
 *
 * `BACKUP_MALFORMED`, `BACKUP_VERSION`.
 */
export function bundleHeader(bundle: Uint8Array): Uint8Array;

/**
 * How a stored vault is opened: `{ salt?, iterations?, passkeys: [{ id, salt
 * }, …] }`.
 *
 * # Errors
 *
 * `VAULT_VERSION` or `VAULT_DAMAGED`.
 */
export function vaultWays(header: Uint8Array): any;

/**
 * Verifies the text of an export against what was kept elsewhere, if
 * anything was: `{ problem, index }`, or `{ problem: null, owner, entries,
 * signed, anchoredAt }`.
 */
export function verifyAudit(_export: Uint8Array, kept?: Uint8Array | null): any;

/**
 * What evidence says, if it proves who wrote `body`: `{ sender,
 * senderPublicKey, recipient, sentAt, device, seq, session, contentType,
 * checked: { by, at } | null }`.
 *
 * # Errors
 *
 * `MALFORMED`; `NOT_AUTHENTIC` if it proves nothing about this body.
 */
export function verifyEvidence(evidence: Uint8Array, body: Uint8Array): any;

/**
 * Wipes what earlier calls left on the stack. To be called after an object
 * with secrets was freed.
 */
export function wipeStack(): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_engine_free: (a: number, b: number) => void;
    readonly __wbg_httprelay_free: (a: number, b: number) => void;
    readonly bundleHeader: (a: any) => [number, number, number];
    readonly engine_accept: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly engine_addPasskey: (a: number, b: any, c: any, d: any, e: number) => [number, number, number];
    readonly engine_backedUp: (a: number, b: number) => [number, number, number];
    readonly engine_backup: (a: number, b: any, c: number) => [number, number, number];
    readonly engine_beginEmergency: (a: number, b: any, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly engine_bodyKeys: (a: number, b: number, c: number) => [number, number, number, number];
    readonly engine_bucket: (a: number) => [number, number, number];
    readonly engine_cancel: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_cancelInvitation: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_changePassphrase: (a: number, b: any, c: any, d: any, e: number, f: number) => [number, number, number];
    readonly engine_checkpoint: (a: number, b: number) => [number, number, number];
    readonly engine_checkpointDue: (a: number, b: number) => [number, number, number];
    readonly engine_configure: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_confirmSas: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_contacts: (a: number) => [number, number, number];
    readonly engine_create: (a: any, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number, number];
    readonly engine_createRecoveryCode: (a: number, b: number) => [number, number, number];
    readonly engine_createShares: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_deleteMessage: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_device: (a: number) => [number, number, number];
    readonly engine_draftKey: (a: number, b: number, c: number) => [number, number, number, number];
    readonly engine_emergencies: (a: number) => [number, number, number];
    readonly engine_emergencySlot: (a: number, b: any) => [number, number, number];
    readonly engine_endEmergency: (a: number, b: any, c: number) => [number, number, number];
    readonly engine_enrolling: (a: number, b: number, c: number) => [number, number];
    readonly engine_estimate: (a: number, b: number, c: number) => [number, number, number];
    readonly engine_evidenceKey: (a: number, b: number, c: number) => [number, number, number, number];
    readonly engine_expectIdentity: (a: number, b: number, c: number, d: any, e: number) => [number, number, number];
    readonly engine_exportLog: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_hasRecoveryCode: (a: number) => number;
    readonly engine_info: (a: number) => [number, number, number];
    readonly engine_invite: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly engine_keptCheckpoints: (a: number, b: number, c: number) => [number, number, number];
    readonly engine_lobbyWatch: (a: number, b: number) => [number, number, number];
    readonly engine_locked: (a: number, b: number, c: number) => [number, number, number];
    readonly engine_logState: (a: number) => any;
    readonly engine_markRead: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly engine_me: (a: number) => any;
    readonly engine_messages: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly engine_nextAsk: (a: number, b: any, c: number, d: number) => [number, number, number];
    readonly engine_noteEmergency: (a: number, b: any, c: any, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly engine_noticesEnded: (a: number) => void;
    readonly engine_openDraft: (a: number, b: number, c: number, d: any) => [number, number, number];
    readonly engine_openEvidence: (a: number, b: number, c: number, d: any) => [number, number, number];
    readonly engine_openPiece: (a: number, b: number, c: number, d: number, e: any) => [number, number, number];
    readonly engine_openWithShares: (a: any, b: number, c: number) => [number, number, number];
    readonly engine_published: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly engine_queued: (a: number) => number;
    readonly engine_reachableAgain: (a: number, b: number, c: number) => [number, number];
    readonly engine_readLog: (a: number, b: number, c: any, d: number, e: number) => [number, number, number];
    readonly engine_rejectSas: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_relayPath: (a: number, b: number, c: number) => [number, number, number, number];
    readonly engine_reload: (a: number, b: any) => [number, number];
    readonly engine_relocate: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_removeContact: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_removePasskey: (a: number, b: any, c: number) => [number, number, number];
    readonly engine_removeRecoveryCode: (a: number, b: number) => [number, number, number];
    readonly engine_rename: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_requestSync: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly engine_restore: (a: any, b: number, c: any, d: number, e: any, f: number, g: number) => [number, number, number];
    readonly engine_send: (a: number, b: number, c: number, d: number, e: any, f: number, g: number, h: number) => [number, number, number];
    readonly engine_setDraft: (a: number, b: number, c: number, d: any, e: number) => [number, number, number];
    readonly engine_setHostKey: (a: number, b: number, c: number) => [number, number, number];
    readonly engine_setReceiptDelay: (a: number, b: number) => [number, number];
    readonly engine_setSettings: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_settings: (a: number) => [number, number, number];
    readonly engine_shredExpiredKeys: (a: number, b: number) => [number, number, number];
    readonly engine_startRounds: (a: number, b: number, c: number) => [number, number];
    readonly engine_stopRounds: (a: number) => void;
    readonly engine_transfers: (a: number) => [number, number, number];
    readonly engine_unlock: (a: number, b: any, c: any, d: any) => [number, number, number];
    readonly engine_unlocked: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly engine_ways: (a: number) => any;
    readonly httprelay_get: (a: number, b: number, c: number, d: number, e: number) => any;
    readonly httprelay_new: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly httprelay_post: (a: number, b: number, c: number, d: any, e: number) => any;
    readonly httprelay_url: (a: number) => [number, number];
    readonly vaultWays: (a: any) => [number, number, number];
    readonly verifyAudit: (a: any, b: number) => any;
    readonly verifyEvidence: (a: any, b: any) => [number, number, number];
    readonly wipeStack: () => void;
    readonly wasm_bindgen__convert__closures_____invoke__h2b68911716bd7c67: (a: number, b: number, c: any, d: any) => void;
    readonly wasm_bindgen__convert__closures_____invoke__h693f33625a3e2d7f: (a: number, b: number, c: any) => [number, number];
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __wbindgen_destroy_closure: (a: number, b: number) => void;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __externref_drop_slice: (a: number, b: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
