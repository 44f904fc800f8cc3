/** The wasm engine behind a portal, and the one order of things: change, commit, show. */

import { TesseraError } from "../errors.js";
import { call } from "../module/core.js";
import { CONFLICT, stored, type Store, type StoreChange, type StoreSnapshot } from "../store/store.js";
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
  Settings,
  Transfer,
} from "./types.js";

/** An attachment as the engine tells it: a range of the message's body. */
export type BareAttachment = Omit<Attachment, "body" | "blob"> & { readonly offset: number };

/** A message as the engine tells it. */
export type BareMessage = Omit<Message, "attachments" | "body" | "contentType" | "filename"> & {
  readonly attachments: readonly BareAttachment[];
  /** Offset and length of the typed text in the body. */
  readonly textAt: readonly [number, number] | null;
};

/** Bytes of every stored piece of a body but the last. */
const PIECE_LEN = 256 * 1024;

export type EngineEvent =
  | { readonly type: "message" | "state"; readonly message: BareMessage }
  | ({ readonly type: "rejected" } & Rejected)
  | ({ readonly type: "gap" } & Gap)
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
  posted(tokens: string[], now: number): Effects;
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
  cancel(messageId: string, now: number): Effects<BareMessage>;
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
  markRead(messageId: string, now: number): Effects;
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
  free(): void;
}

/** The engine behind an open portal, as its parts reach it. */
export interface EngineAccess {
  /** For a call that the person makes: it restarts the idle time. */
  forUser(): EngineHost;
  /** For a call that a page may make by itself: it does not. */
  forRead(): EngineHost;
}

/** A store that does not answer must not keep the keys in memory. */
const FINISH_MS = 5000;

/** Runs the engine's steps one after another, each committed before anything of it is seen. */
export class EngineHost {
  /** None while the vault is locked. */
  #engine: Engine | undefined;
  readonly #store: Store;
  /** Shows an event that comes of no step of the engine. */
  readonly show: (event: EngineEvent) => void;
  /** Told the keys of every commit. */
  onCommit: (keys: readonly string[]) => void = () => {};
  #revision: number;
  #locked = false;
  #last: Promise<unknown> = Promise.resolve();
  #end: TesseraError | undefined;

  constructor(engine: Engine, store: Store, revision: number, show: (event: EngineEvent) => void) {
    this.#engine = engine;
    this.#store = store;
    this.#revision = revision;
    this.show = show;
  }

  /** Whether nothing more can be done with it: disposed of, taken over, or poisoned by a failed commit or a defect. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** From now on every step gives `LOCKED`. Gives whether there was anything to lock; then `wipe` is to follow. */
  lock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    return true;
  }

  /** Lets the step under way finish and takes a last one, but not for long; then frees the engine and wipes what it left in memory. */
  async wipe(last?: (engine: Engine, now: number) => Effects): Promise<void> {
    const finished = this.#last.then(() => (last === undefined || this.ended ? undefined : this.#apply(last)));
    // A store that fails now shows at the next step.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise((resolve) => (timer = setTimeout(resolve, FINISH_MS)));
    await Promise.race([finished.catch(() => {}), waited]);
    clearTimeout(timer);
    this.#free();
  }

  /** Goes on with an engine that was opened anew. */
  resume(engine: Engine, revision: number): void {
    if (this.#end !== undefined) {
      engine.free();
      throw this.#end;
    }
    this.#engine = engine;
    this.#revision = revision;
    this.#locked = false;
  }

  /** A step that changes state: its changes are durable before its events are shown and its value is given. */
  apply<T>(step: (engine: Engine, now: number) => Effects<T>): Promise<T> {
    return this.#inTurn(() => this.#apply(step));
  }

  /** Lets time pass, seals again what waited too long for the relay, and signs the audit log once a day. */
  tick(): Promise<void> {
    return this.#inTurn(async () => {
      const overdue = await this.#apply((engine, now) => engine.tick(now));
      if (this.#step((engine, now) => engine.hasOverdue(now))) await this.#reseal(overdue);
      if (this.#step((engine, now) => engine.checkpointDue(now)))
        await this.#apply((engine, now) => engine.checkpoint(now));
    });
  }

  /** Seals the cells of large messages that the next posts will carry. */
  sealAhead(): Promise<void> {
    return this.#inTurn(async () => {
      for (;;) {
        const wanted = this.#step((engine, now) => engine.wanted(now));
        if (wanted === undefined) return;
        const pieces: [number, Uint8Array][] = [];
        for (const [number, key] of wanted.pieces) {
          const sealed = await stored(() => this.#store.get(key));
          if (sealed !== undefined) pieces.push([number, sealed]);
        }
        await this.#apply((engine, now) => engine.sealMore(wanted.id, pieces, now));
      }
    });
  }

  /** A step that only reads. */
  read<T>(step: (engine: Engine, now: number) => T): Promise<T> {
    return this.#inTurn(async () => this.#step(step));
  }

  /** Everything stored under a prefix, sealed. */
  list(prefix: string): Promise<StoreSnapshot["entries"]> {
    return this.#inTurn(async () => (await stored(() => this.#store.list(prefix))).entries);
  }

  /** A part of the sealed body of a message, opened. */
  body(messageId: string, offset: number, size: number): Promise<Uint8Array> {
    return this.#inTurn(() => this.#body(messageId, offset, size));
  }

  /** All that the store holds, as one sealed file. */
  backup(): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const { revision, entries } = await stored(() => this.#store.list(""));
      if (revision !== this.#revision)
        throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else: open the portal anew");
      return this.#step((engine, now) => engine.backup(entries, now));
    });
  }

  /** What was written to a contact and not sent yet. */
  draft(contactId: string): Promise<string> {
    return this.#inTurn(async () => {
      const key = this.#step((engine) => engine.draftKey(contactId));
      const sealed = await stored(() => this.#store.get(key));
      return sealed === undefined ? "" : decode(this.#step((engine) => engine.openDraft(contactId, sealed)));
    });
  }

  /** A message with its text, if it is one that may be read. */
  withText(message: BareMessage): Promise<BareMessage> {
    return this.#inTurn(() => this.#withText(message));
  }

  /** Ends it with an error of another's making: what `throwIfEnded` and every later step throw. */
  fail(error: TesseraError): void {
    if (this.#end?.code !== "DISPOSED") this.#end = error;
  }

  throwIfEnded(): void {
    if (this.#end) throw this.#end;
  }

  throwIfLocked(): void {
    if (this.#locked) throw new TesseraError("LOCKED", "the vault is locked");
  }

  /** Lets the step under way finish, then frees the engine. Later steps throw `DISPOSED`. */
  async end(): Promise<void> {
    this.#end ??= new TesseraError("DISPOSED", "this portal was disposed of");
    await this.#last;
    this.#free();
    await stored(() => this.#store.close());
  }

  #free(): void {
    this.#engine?.free();
    this.#engine = undefined;
    call((core) => core.wipeStack());
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      this.throwIfEnded();
      this.throwIfLocked();
      return step();
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #apply<T>(step: (engine: Engine, now: number) => Effects<T>): Promise<T> {
    const { commit, events, value } = this.#step(step);
    if (commit.length > 0) await this.#commit(commit);
    for (const event of events) this.show(await this.#whole(event));
    return value;
  }

  /** All of it in one step, so that it keeps its order. */
  async #reseal(overdue: readonly string[]): Promise<void> {
    const bodies: [string, Uint8Array[]][] = [];
    for (const messageId of overdue) {
      const sealed = await this.#sealedPieces(messageId);
      if (sealed !== undefined) bodies.push([messageId, sealed]);
    }
    await this.#apply((engine, now) => engine.reseal(bodies, now));
  }

  /** Opens only the pieces that the part lies in. */
  async #body(messageId: string, offset: number, size: number): Promise<Uint8Array> {
    const keys = this.#step((engine) => engine.bodyKeys(messageId));
    const part = new Uint8Array(size);
    const first = Math.floor(offset / PIECE_LEN);
    for (let number = first; number * PIECE_LEN < offset + size; number++) {
      const key = keys[number];
      const sealed = key === undefined ? undefined : await stored(() => this.#store.get(key));
      if (sealed === undefined) throw new TesseraError("VAULT_DAMAGED", "the body of a message is missing");
      const piece = this.#step((engine) => engine.openPiece(messageId, number, sealed));
      const begins = number * PIECE_LEN;
      const from = Math.max(offset - begins, 0);
      part.set(piece.subarray(from, offset + size - begins), begins + from - offset);
    }
    return part;
  }

  /** The pieces of a body as they are stored, or nothing if one is missing. */
  async #sealedPieces(messageId: string): Promise<Uint8Array[] | undefined> {
    const pieces: Uint8Array[] = [];
    for (const key of this.#step((engine) => engine.bodyKeys(messageId))) {
      const piece = await stored(() => this.#store.get(key));
      if (piece === undefined) return undefined;
      pieces.push(piece);
    }
    return pieces;
  }

  async #withText(message: BareMessage): Promise<BareMessage> {
    if (message.text !== undefined || message.state === "held" || message.textAt === null) return message;
    return { ...message, text: decode(await this.#body(message.id, ...message.textAt)) };
  }

  /** The engine gives a text only where it has the body at hand. */
  async #whole(event: EngineEvent): Promise<EngineEvent> {
    if (event.type !== "message" && event.type !== "state") return event;
    return { type: event.type, message: await this.#withText(event.message) };
  }

  #step<T>(step: (engine: Engine, now: number) => T): T {
    const engine = this.#engine;
    if (engine === undefined) throw new TesseraError("LOCKED", "the vault is locked");
    try {
      return call(() => step(engine, Math.floor(Date.now() / 1000)));
    } catch (error) {
      // The state in memory may be half changed: only opening anew is safe.
      if ((error as TesseraError).code === "INTERNAL") this.#end ??= error as TesseraError;
      throw error;
    }
  }

  /** After a commit that failed, memory is ahead of the store: nothing more may be done with it. */
  async #commit(changes: readonly StoreChange[]): Promise<void> {
    try {
      const revision = await stored(() => this.#store.commit(this.#revision, changes));
      if (revision === CONFLICT)
        throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else: open the portal anew");
      this.#revision = revision;
      this.onCommit(changes.map(([key]) => key));
    } catch (error) {
      this.#end ??= error as TesseraError;
      throw error;
    }
  }
}

function decode(text: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(text);
}
