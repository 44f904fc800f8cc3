/** Runs every step in one order: change, commit, show. */

import type { BareMessage, Effects, Engine, EngineEvent, FirstEngine } from "./engine.js";
import type { DraftFile } from "./types.js";
import { unless } from "./waiting.js";
import { TesseraError, asEnd, asTesseraError } from "../errors.js";
import { call, completed, isComplete } from "../module/core.js";
import { CONFLICT, stored, type Store, type StoreChange, type StoreSnapshot } from "../store/store.js";
import { HEADER, LOADED, isUnsealed } from "../vault/layout.js";

/** The engine behind an open portal, as its parts reach it. */
export interface EngineAccess {
  /** For a call that the person makes: it restarts the idle time. */
  forUser(): EngineHost;
  /** For a call that a page may make by itself: it does not restart it. */
  forRead(): EngineHost;
}

/** Bytes of every stored piece of a body but the last. */
const PIECE_LEN = 256 * 1024;

/** A store that does not answer must not keep the keys in memory. */
const FINISH_MS = 5000;

/**
 * Runs the engine's steps one after another, each committed before anything of it is seen. A step that needs the rest of the module
 * takes its turn once that is there; steps on what a `FirstEngine` has do not wait for it.
 */
export class EngineHost {
  /** None while the vault is locked. */
  #engine: Engine | undefined;
  readonly #store: Store;
  readonly #show: (event: EngineEvent) => void;
  readonly #prepare: (engine: FirstEngine) => void;
  /** Messages that the health record did not have when the vault was locked. */
  #unfiled = 0;
  /** Called with the keys of every commit. */
  onCommit: (keys: readonly string[]) => void = () => {};
  /** Called when the store has no room for a change, and when one fits again. */
  onFull: (full: boolean) => void = () => {};
  #revision: number;
  #locked = false;
  /** As reported last. Undefined after an unlock of a full store, so that either is reported again. */
  #full: boolean | undefined = false;
  #last: Promise<unknown> = Promise.resolve();
  #end: TesseraError | undefined;
  /** Aborted with the reason by what keeps steps from being taken: those that wait for the rest of the module wait no longer. */
  #halted = new AbortController();

  /** `prepare` sets what is not stored in an engine that was just loaded. */
  constructor(
    engine: Engine,
    store: Store,
    revision: number,
    show: (event: EngineEvent) => void,
    prepare: (engine: FirstEngine) => void = () => {},
  ) {
    this.#engine = engine;
    this.#store = store;
    this.#revision = revision;
    this.#show = show;
    this.#prepare = prepare;
    prepare(engine);
  }

  /** Whether nothing more can be done with it: disposed of, taken over, or poisoned by a failed commit or a defect. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** From now on every step throws `LOCKED`. Returns whether there was anything to lock; if so, call `wipe` next. */
  lock(): boolean {
    if (this.#locked) return false;
    this.#locked = true;
    this.#halted.abort(isLocked());
    return true;
  }

  /** Waits a short time for the step under way and a last one; then frees the engine and wipes what it left in memory. */
  async wipe(last?: (engine: FirstEngine, now: number) => Effects): Promise<void> {
    const finished = this.#last.then(() => (last === undefined || this.ended ? undefined : this.#apply(last)));
    // A store that fails now shows at the next step.
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise((resolve) => (timer = setTimeout(resolve, FINISH_MS)));
    await Promise.race([finished.catch(() => {}), waited]);
    clearTimeout(timer);
    if (this.#engine !== undefined && !this.ended) this.#unfiled = this.#first((engine) => engine.countUnfiled());
    this.#free();
  }

  /** Goes on with a newly opened engine. */
  resume(engine: Engine, revision: number): void {
    if (this.#end !== undefined) {
      engine.free();
      throw this.#end;
    }
    this.#prepare(engine);
    this.#engine = engine;
    this.#revision = revision;
    this.#locked = false;
    this.#full &&= undefined;
    this.#halted = new AbortController();
  }

  /** A step that changes state: its changes are durable before its events are shown and its value is given. */
  apply<T>(step: (engine: Engine, now: number) => Effects<T>): Promise<T> {
    return this.#late(() => this.#apply(step));
  }

  /** `apply`, before the rest of the module is there. */
  applyFirst<T>(step: (engine: FirstEngine, now: number) => Effects<T>): Promise<T> {
    return this.#inTurn(() => this.#apply(step));
  }

  /** Records as they are stored, sealed; undefined for one that is missing. */
  sealed(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#inTurn(async () => {
      const records: (Uint8Array | undefined)[] = [];
      for (const key of keys) records.push(await stored(() => this.#store.get(key)));
      return records;
    });
  }

  /** A step that only reads. */
  read<T>(step: (engine: Engine, now: number) => T): Promise<T> {
    return this.#late(async () => this.#step(step));
  }

  /** `read`, before the rest of the module is there. */
  readFirst<T>(step: (engine: FirstEngine, now: number) => T): Promise<T> {
    return this.#inTurn(async () => this.#first(step));
  }

  /** Resolves when the rest of the module is there; rejects if it cannot be had, or once the signal or a lock ends the waiting. */
  async arrived(signal?: AbortSignal): Promise<void> {
    if (isComplete()) return;
    const ended = [this.#halted.signal, ...(signal === undefined ? [] : [signal])];
    await unless(ended, completed());
  }

  /** Everything stored under a prefix, sealed. */
  list(prefix: string): Promise<StoreSnapshot["entries"]> {
    return this.#inTurn(async () => (await stored(() => this.#store.list(prefix))).entries);
  }

  /** A part of the sealed body of a message, opened. */
  body(messageId: string, offset: number, size: number): Promise<Uint8Array> {
    return this.#inTurn(() => this.#body(messageId, offset, size));
  }

  /** What proves who wrote a message. */
  evidence(messageId: string): Promise<Uint8Array> {
    return this.#late(async () => {
      const key = this.#step((engine) => engine.evidenceKey(messageId));
      const sealed = await stored(() => this.#store.get(key));
      if (sealed === undefined) throw new TesseraError("EVIDENCE_MISSING", "the message came before evidence was kept");
      return this.#step((engine) => engine.openEvidence(messageId, sealed));
    });
  }

  /** All that the store holds, as one sealed file. */
  backup(): Promise<Uint8Array> {
    return this.#late(async () => {
      const { revision, entries } = await stored(() => this.#store.list(""));
      if (revision !== this.#revision)
        throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else: open the portal again");
      const sealed = entries.filter(([key]) => !isUnsealed(key));
      return this.#step((engine, now) => engine.backup(sealed, now));
    });
  }

  /** What was written to a contact and not sent yet. */
  draft(contactId: string): Promise<string> {
    return this.#draft(contactId, 0, (engine, sealed) => decode(engine.openDraft(contactId, sealed)), "");
  }

  /** The session label of what was written to a contact and not sent yet. */
  draftSession(contactId: string): Promise<string> {
    return this.#draft(contactId, 1, (engine, sealed) => decode(engine.openDraftSession(contactId, sealed)), "");
  }

  /** The files that were picked for a contact and not sent yet. */
  draftFiles(contactId: string): Promise<DraftFile[]> {
    const open = (engine: FirstEngine, sealed: Uint8Array): DraftFile[] =>
      engine
        .openDraftFiles(contactId, sealed)
        .map(([contentType, filename, body]) => ({ contentType, filename, body }));
    return this.#draft(contactId, 2, open, []);
  }

  /** Throws `MESSAGE_UNFILED` while messages are unfiled; in a locked vault, if they were when it was locked. */
  requireFiled(): void {
    if (this.#engine !== undefined) this.#first((engine) => engine.requireFiled());
    else if (this.#unfiled > 0)
      throw new TesseraError("MESSAGE_UNFILED", `${this.#unfiled} messages are not in the health record yet`);
  }

  /** A message with its text, if it has one that may be read. */
  withText(message: BareMessage): Promise<BareMessage> {
    return this.#inTurn(() => this.#withText(message));
  }

  /** Ends it with an error of another's making: what `throwIfEnded` and every later step throw. */
  fail(error: TesseraError): void {
    if (this.#end?.code !== "DISPOSED") this.#end = asEnd(error);
    this.#halted.abort(this.#end);
  }

  throwIfEnded(): void {
    if (this.#end) throw this.#end;
  }

  throwIfLocked(): void {
    if (this.#locked) throw isLocked();
  }

  /** Lets the step under way finish, then frees the engine. Later steps throw `DISPOSED`. */
  async end(): Promise<void> {
    this.#end ??= new TesseraError("DISPOSED", "this portal was disposed of");
    this.#halted.abort(this.#end);
    await this.#last;
    this.#free();
    await stored(() => this.#store.close());
  }

  #free(): void {
    this.#engine?.free();
    this.#engine = undefined;
    call((core) => core.wipeStack());
  }

  /** Opens a part of a draft, if it is there and readable. */
  #draft<T>(
    contactId: string,
    part: 0 | 1 | 2,
    open: (engine: FirstEngine, sealed: Uint8Array) => T | undefined,
    none: T,
  ): Promise<T> {
    return this.#inTurn(async () => {
      const key = this.#first((engine) => engine.draftKeys(contactId)[part]);
      const sealed = await stored(() => this.#store.get(key));
      return (sealed && this.#first((engine) => open(engine, sealed))) ?? none;
    });
  }

  /** Waits before its turn and not in it, so that nothing waits behind it. Without a wait, steps keep their order. */
  #late<T>(step: () => Promise<T>): Promise<T> {
    return isComplete() ? this.#inTurn(step) : this.arrived().then(() => this.#inTurn(step));
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
    for (const event of events) this.#show(await this.#whole(event));
    return value;
  }

  /** Opens only the pieces that the part lies in. */
  async #body(messageId: string, offset: number, size: number): Promise<Uint8Array> {
    const keys = this.#first((engine) => engine.bodyKeys(messageId));
    const part = new Uint8Array(size);
    for (let number = Math.floor(offset / PIECE_LEN); number * PIECE_LEN < offset + size; number++) {
      const key = keys[number];
      const sealed = key === undefined ? undefined : await stored(() => this.#store.get(key));
      if (sealed === undefined) throw new TesseraError("VAULT_DAMAGED", "the body of a message is missing");
      const piece = this.#first((engine) => engine.openPiece(messageId, number, sealed));
      const start = number * PIECE_LEN;
      const from = Math.max(offset - start, 0);
      part.set(piece.subarray(from, offset + size - start), start + from - offset);
    }
    return part;
  }

  async #withText(message: BareMessage): Promise<BareMessage> {
    if (message.text !== undefined || message.state === "held" || message.textAt === null) return message;
    try {
      const text = decode(await this.#body(message.id, ...message.textAt));
      return text === undefined ? asFile(message, message.textAt) : { ...message, text };
    } catch (error) {
      // One message whose body is gone must not keep the others from being shown.
      if ((error as TesseraError).code !== "VAULT_DAMAGED") throw error;
      return { ...message, problem: "damaged" };
    }
  }

  /** The engine returns a text only if it has the body at hand. */
  async #whole(event: EngineEvent): Promise<EngineEvent> {
    if (!("message" in event)) return event;
    return { type: event.type, message: await this.#withText(event.message) };
  }

  #first<T>(step: (engine: FirstEngine, now: number) => T): T {
    return this.#step(step);
  }

  #step<T>(step: (engine: Engine, now: number) => T): T {
    const engine = this.#engine;
    if (engine === undefined) throw isLocked();
    try {
      return call(() => step(engine, Math.floor(Date.now() / 1000)));
    } catch (error) {
      // The state in memory may be half changed: only opening the vault again is safe.
      if ((error as TesseraError).code === "INTERNAL") this.#end ??= asEnd(error as TesseraError);
      throw error;
    }
  }

  /** After a commit that failed, memory is ahead of the store: it goes back, or nothing more may be done with it. */
  async #commit(changes: readonly StoreChange[]): Promise<void> {
    try {
      const revision = await stored(() => this.#store.commit(this.#revision, changes));
      if (revision === CONFLICT)
        throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else: open the portal again");
      this.#revision = revision;
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (error.code === "STORE_FULL" && (await this.#rolledBack(changes))) {
        this.#setFull(true);
        throw error;
      }
      this.#end ??= asEnd(error);
      throw this.#end;
    }
    // A deletion fits where nothing else does.
    if (changes.some(([, value]) => value !== null)) this.#setFull(false);
    this.onCommit(changes.map(([key]) => key));
  }

  /** Reads back what the store holds, so that a change that did not fit never was. A change of the header cannot be taken back. */
  async #rolledBack(changes: readonly StoreChange[]): Promise<boolean> {
    if (changes.some(([key]) => key === HEADER)) return false;
    try {
      const records: (readonly [string, Uint8Array])[] = [];
      for (const prefix of LOADED) {
        const { revision, entries } = await stored(() => this.#store.list(prefix));
        if (revision !== this.#revision) return false;
        records.push(...entries);
      }
      this.#first((engine) => {
        engine.reload(records);
        this.#prepare(engine);
      });
      return true;
    } catch {
      return false;
    }
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.onFull(full);
  }
}

function isLocked(): TesseraError {
  return new TesseraError("LOCKED", "the vault is locked");
}

/** A text that is not UTF-8, which older vaults may hold: it can be saved as it came. */
function asFile(message: BareMessage, [offset, size]: readonly [number, number]): BareMessage {
  const original = { contentType: "text/plain", filename: null, offset, size };
  return { ...message, textAt: null, attachments: [original, ...message.attachments], problem: "malformed" };
}

/** `undefined` if it is not UTF-8. */
function decode(text: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(text);
  } catch {
    return undefined;
  }
}
