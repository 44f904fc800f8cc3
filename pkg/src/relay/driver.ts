/**
 * Carries out what the engine's rounds ask for: commits, reads records, requests, waits. What is done and when is the engine's
 * decision; here is only the way to the store, the relay and the clocks.
 */

import type { Answer, EngineHost, Failure, RelayParameters, Synced, SyncTask } from "../portal/engine.js";
import type { PullProgress } from "../portal/types.js";
import { TesseraError, asTesseraError, isTesseraError } from "../errors.js";
import { type Relay } from "./client.js";

/** Asks the host whether so many bytes may be pulled; not asked where nobody saves data. */
export type ConfirmLargeDownload = (bytes: number) => boolean | Promise<boolean>;

export interface SyncRequest {
  readonly flush?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** A sync that was requested. */
interface Waiting {
  readonly request: SyncRequest;
  readonly tasks: readonly SyncTask[];
  readonly resolve: (synced: Synced) => void;
  readonly reject: (error: TesseraError) => void;
  /** The first failure since it began. */
  error?: TesseraError;
}

const ALL_TASKS: readonly SyncTask[] = ["info", "own", "lobby", "slot"];

/** A stream of notices that is silent for so many epochs of the lobby is dead. */
const SILENT_EPOCHS = 3;
/** Timers take at most 2^31 − 1 ms. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

export class RelayDriver {
  readonly #host: EngineHost;
  readonly #relay: Relay;
  readonly #confirmLargeDownload: ConfirmLargeDownload | undefined;
  readonly #onProgress: (progress: PullProgress) => void;
  readonly #onEnd: (error: TesseraError) => void;
  /** What is to be done: one sync after another, the first of them under way. */
  readonly #syncs: Waiting[] = [];
  #running: Promise<void> | undefined;
  #started: AbortController | undefined;
  /** Why everything ends: the vault is locked, or the portal disposed of. */
  #over: TesseraError | undefined;
  #woken = false;
  #wakeSleeper: () => void = () => {};
  /** Requests made ahead of their turn, by path. */
  #ahead = new Map<string, Promise<Uint8Array>>();
  /** Bodies that wait to be opened, by path: outside of the module, whose memory never shrinks. */
  #kept = new Map<string, Uint8Array>();

  /** `onEnd` is told if the rounds end by themselves, which only a failing store or a defect makes them do. */
  constructor(
    host: EngineHost,
    relay: Relay,
    confirmLargeDownload: ConfirmLargeDownload | undefined,
    onProgress: (progress: PullProgress) => void,
    onEnd: (error: TesseraError) => void,
  ) {
    this.#host = host;
    this.#relay = relay;
    this.#confirmLargeDownload = confirmLargeDownload;
    this.#onProgress = onProgress;
    this.#onEnd = onEnd;
  }

  /** Does everything when it is due, until `stop`. */
  start(): void {
    if (this.#started !== undefined) return;
    const controller = new AbortController();
    this.#started = controller;
    this.#ensureRunning(() => this.#host.read((engine) => engine.startRounds(Date.now(), ticks())));
    if (this.#relay.hasNotices) void this.#listen(controller.signal);
  }

  /** From now on only syncs are done. Resolves when nothing else runs. */
  async stop(): Promise<void> {
    if (this.#started === undefined) return;
    this.#started.abort();
    this.#started = undefined;
    if (this.#syncs.length === 0) this.#relay.abandon();
    this.#wake();
    await this.#host.read((engine) => engine.stopRounds()).catch(() => {}); // an engine that is gone does nothing
    if (this.#syncs.length === 0) await this.#running;
  }

  /** Ends what is under way, and every sync that waits, with this error. Resolves when nothing runs any more. */
  async abandon(error: TesseraError): Promise<void> {
    this.#over = error;
    this.#started?.abort();
    this.#started = undefined;
    this.#relay.abandon();
    this.#wake();
    await this.#running;
    this.#over = undefined;
  }

  /** Does everything once, now: reads both mailboxes, then posts one slot, or the whole queue with `flush`. */
  sync(request: SyncRequest = {}, tasks: readonly SyncTask[] = ALL_TASKS): Promise<Synced> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, tasks, resolve, reject };
      const { signal } = request;
      // What is under way goes on; nobody waits for it any more.
      signal?.addEventListener(
        "abort",
        () => reject(new TesseraError("ABORTED", "the caller's signal ended the call")),
        {
          once: true,
        },
      );
      this.#syncs.push(waiting);
      if (this.#syncs.length === 1) this.#ensureRunning(() => this.#begin(waiting));
    });
  }

  /** The relay's parameters as last read; asks for them only if they were never read. */
  async parameters(): Promise<RelayParameters> {
    try {
      return await this.#host.read((engine) => engine.info());
    } catch (error) {
      if (!isTesseraError(error) || error.code !== "RELAY_UNREACHABLE") throw error;
    }
    await this.sync({}, ["info"]);
    return this.#host.read((engine) => engine.info());
  }

  /** A restored device reads its mailbox before it sends. */
  async ready(): Promise<void> {
    await this.parameters();
    if (!(await this.#host.read((engine) => engine.device())).ready) await this.sync({}, ["own"]);
  }

  /** An enrolment through the lobby began: it is read now and posted to soon, as when a portal opens. */
  async enrolling(): Promise<void> {
    await this.#host.read((engine) => engine.enrolling(Date.now(), ticks()));
    this.#wake();
  }

  #begin({ tasks, request }: Waiting): Promise<void> {
    return this.#host.read((engine) => engine.requestSync([...tasks], request.flush === true, Date.now(), ticks()));
  }

  #ensureRunning(first: () => Promise<void>): void {
    const before = this.#running;
    if (before !== undefined) {
      void first().then(
        () => this.#wake(),
        () => {}, // the rounds under way meet the same failure
      );
      return;
    }
    this.#running = first()
      .then(() => this.#run())
      .then(
        () => this.#ended(undefined),
        (thrown: unknown) => this.#ended(asTesseraError(thrown)),
      );
  }

  #ended(error: TesseraError | undefined): void {
    this.#running = undefined;
    this.#ahead.clear();
    this.#kept.clear();
    if (error === undefined && this.#over === undefined && (this.#started !== undefined || this.#syncs.length > 0)) {
      const [waiting] = this.#syncs; // requested while the rounds ended
      this.#ensureRunning(() => (waiting === undefined ? Promise.resolve() : this.#begin(waiting)));
      return;
    }
    const reason = this.#over ?? error ?? new TesseraError("ABORTED", "the portal was stopped");
    for (const waiting of this.#syncs.splice(0)) waiting.reject(reason);
    if (error === undefined || this.#started === undefined) return;
    this.#started.abort();
    this.#started = undefined;
    if (error.code !== "ABORTED" && error.code !== "DISPOSED" && error.code !== "LOCKED") this.#onEnd(error);
  }

  async #run(): Promise<void> {
    let answer: Answer | undefined;
    while (this.#over === undefined && (this.#started !== undefined || this.#syncs.length > 0)) {
      const given = answer;
      const ask = await this.#host.apply((engine) => engine.nextAsk(given, Date.now(), ticks()));
      answer = undefined;
      switch (ask.kind) {
        case "continue":
          break;
        case "load":
          answer = { kind: "loaded", records: await this.#host.sealed(ask.keys) };
          break;
        case "get":
          answer = await this.#get(ask.path);
          break;
        case "keep":
          answer = await this.#keep(ask.path, ask.ahead);
          break;
        case "handOver":
          answer = this.#handOver(ask.path);
          break;
        case "confirm":
          answer = { kind: "confirmed", may: await this.#mayDownload(ask.bytes) };
          break;
        case "progress": {
          const { kind, ...progress } = ask;
          this.#progress({ kind: "pull", ...progress });
          break;
        }
        case "post":
          answer = await this.#post(ask.path, ask.body);
          break;
        case "synced":
          await this.#synced(ask);
          break;
        case "wait":
          this.#ahead.clear();
          this.#kept.clear();
          await this.#sleepUntil(ask.until);
      }
    }
  }

  async #get(path: string): Promise<Answer> {
    try {
      return { kind: "got", bytes: await this.#relay.get(path) };
    } catch (thrown) {
      return { kind: "got", ...this.#failure(thrown) };
    }
  }

  async #keep(path: string, ahead: readonly string[]): Promise<Answer> {
    for (const next of [path, ...ahead]) {
      if (this.#ahead.has(next)) continue;
      const request = this.#relay.get(next);
      request.catch(() => {}); // its turn will tell
      this.#ahead.set(next, request);
    }
    const request = this.#ahead.get(path) as Promise<Uint8Array>;
    this.#ahead.delete(path);
    try {
      const bytes = await request;
      this.#kept.set(path, bytes);
      return { kind: "kept", length: bytes.length };
    } catch (thrown) {
      return { kind: "kept", ...this.#failure(thrown) };
    }
  }

  #handOver(path: string): Answer {
    const bytes = this.#kept.get(path);
    this.#kept.delete(path);
    return bytes === undefined ? { kind: "got", failure: "missing" } : { kind: "got", bytes };
  }

  async #post(path: string, body: Uint8Array): Promise<Answer> {
    try {
      await this.#relay.post(path, body);
      return { kind: "posted" };
    } catch (thrown) {
      return { kind: "posted", ...this.#failure(thrown) };
    }
  }

  #failure(thrown: unknown): Failure {
    this.#host.throwIfLocked(); // rather than that it was abandoned
    this.#host.throwIfEnded();
    const error = asTesseraError(thrown);
    const [waiting] = this.#syncs;
    if (error.code === "NOT_FOUND" || error.code === "RETENTION_PASSED") return { failure: "missing" };
    if (waiting !== undefined) waiting.error ??= error;
    if (!error.retryable) return { failure: "refused" };
    return { failure: "unavailable", retryAfterMs: (error.retryAfter ?? 0) * 1000 };
  }

  async #mayDownload(bytes: number): Promise<boolean> {
    return this.#confirmLargeDownload === undefined || !savesData() || (await this.#confirmLargeDownload(bytes));
  }

  #progress(progress: PullProgress): void {
    this.#onProgress(progress);
    this.#syncs[0]?.request.onProgress?.(progress);
  }

  async #synced(synced: Synced): Promise<void> {
    const waiting = this.#syncs.shift();
    if (waiting === undefined) return;
    if (synced.failed === null) waiting.resolve(synced);
    else waiting.reject(waiting.error ?? new TesseraError("RELAY_UNREACHABLE", "the relay cannot be reached"));
    const [next] = this.#syncs;
    if (next !== undefined) await this.#begin(next);
  }

  /**
   * Listens to the relay for as long as the rounds run. A notice only says when to look: what there is to read is the index's
   * word, and without notices the clock says the same a little later.
   */
  async #listen(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      let pace = { epochSeconds: 60, lobbyEpochSeconds: 15 };
      try {
        pace = await this.#host.read((engine) => engine.info());
        const bucket = await this.#host.read((engine) => engine.bucket());
        const onNotice = (published: number | "lobby"): void => {
          failures = 0;
          const mailbox = published === "lobby" ? "lobby" : "own";
          void this.#host
            .read((engine) => engine.published(mailbox, Date.now(), ticks()))
            .then(() => this.#wake())
            .catch(() => {});
        };
        const silenceMs = SILENT_EPOCHS * pace.lobbyEpochSeconds * 1000 + 5000;
        await this.#relay.notices(bucket, onNotice, { signal, silenceMs });
      } catch {
        // Why it ended does not matter: the clock goes on, and the next request will tell.
      }
      await this.#host.read((engine) => engine.noticesEnded()).catch(() => {});
      const wait = Math.min(300_000, pace.epochSeconds * 1000, 1000 * 2 ** Math.min(failures, 16));
      await sleep(wait * (0.5 + Math.random()), signal);
    }
  }

  async #sleepUntil(until: number | null): Promise<void> {
    const woken = new AbortController();
    this.#wakeSleeper = () => woken.abort();
    if (!this.#woken) await sleep(until === null ? LONGEST_SLEEP_MS : until - ticks(), woken.signal);
    this.#woken = false;
  }

  #wake(): void {
    this.#woken = true;
    this.#wakeSleeper();
  }
}

/** Milliseconds of a clock that only goes forward. */
function ticks(): number {
  return performance.now();
}

/** The user asked the browser to use little data. */
function savesData(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}

/** Resolves after so long, or once the signal says so. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(Math.max(0, ms), LONGEST_SLEEP_MS));
    const wake = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (signal.aborted) wake();
    else signal.addEventListener("abort", wake, { once: true });
  });
}
