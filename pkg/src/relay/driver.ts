/**
 * Carries out what the engine's rounds ask for: commits, reads records, requests, waits. What is done and when is the engine's
 * decision; here is only the way to the store, the relay and the clocks.
 */

import type { Answer, Ask, Effects, Engine, Failure, RelayParameters, Synced, Task } from "../portal/engine.js";
import type { EngineHost } from "../portal/engine-host.js";
import { arrival } from "../portal/waiting.js";
import type { OpenOptions, PullProgress } from "../portal/types.js";
import { TesseraError, asTesseraError, isTesseraError } from "../errors.js";
import type { Relay } from "./client.js";
import { Downloads } from "./downloads.js";
import { savesData, sleep, ticks } from "./environment.js";
import type { Members } from "./members.js";
import type { ReachabilityMonitor } from "./reachability.js";

export interface DriverHooks {
  /** Asks the host whether this many bytes may be pulled. It is not called unless data saving is on. */
  readonly confirmLargeDownload: OpenOptions["confirmLargeDownload"] | undefined;
  readonly onProgress: (progress: PullProgress) => void;
  /** The rounds ended by themselves, which only a failing store or a defect makes them do. */
  readonly onEnd: (error: TesseraError) => void;
}

export interface SyncRequest {
  readonly flush?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** A sync that was requested. */
interface Waiting {
  readonly request: SyncRequest;
  readonly tasks: readonly Task[];
  readonly resolve: (synced: Synced) => void;
  readonly reject: (error: TesseraError) => void;
  /** The first failure since it began. */
  error?: TesseraError;
}

const ALL_TASKS: readonly Task[] = ["info", "own", "lobby", "slot"];

/** A stream of notices that is silent for so many epochs of the lobby is dead. */
const SILENT_EPOCHS = 3;
/** A device that slept is noticed after so long: timers stand still meanwhile. */
const LONGEST_SLEEP_MS = 60_000;

export class RelayDriver {
  readonly #host: EngineHost;
  readonly #relay: ReachabilityMonitor;
  readonly #members: Members;
  readonly #hooks: DriverHooks;
  /** Requested syncs in order; the first is under way. */
  readonly #syncs: Waiting[] = [];
  #running: Promise<void> | undefined;
  #started: AbortController | undefined;
  /** Why everything ends: the vault is locked, or the portal disposed of. */
  #over: TesseraError | undefined;
  #woken = false;
  #wakeSleeper: () => void = () => {};
  readonly #downloads = new Downloads();

  constructor(host: EngineHost, relay: ReachabilityMonitor, members: Members, hooks: DriverHooks) {
    this.#host = host;
    this.#relay = relay;
    this.#members = members;
    this.#hooks = hooks;
  }

  /** Does everything when it is due, until `stop`. */
  start(): void {
    if (this.#started !== undefined) return;
    const controller = new AbortController();
    this.#started = controller;
    this.#ensureRunning(async () => {
      await arrival((signal) => this.#host.arrived(signal), controller.signal);
      if (controller.signal.aborted) return; // stopped meanwhile; a sync may have been requested
      await this.#tell((engine, wall) => engine.startRounds(wall, ticks()));
    });
    this.#whenReachableAgain(controller.signal);
    if (this.#relay.hasNotices) void this.#listen(controller.signal);
  }

  /** From now on only syncs are done. Resolves when nothing else runs. */
  async stop(): Promise<void> {
    if (this.#started === undefined) return;
    this.#halt();
    if (this.#syncs.length === 0) this.#abandonRequests();
    this.#wake();
    await this.#host.readFirst((engine) => engine.stopRounds()).catch(() => {}); // an engine that is gone does nothing
    this.#wake();
    if (this.#syncs.length === 0) await this.#running;
  }

  /** Ends what is under way, and every sync that waits, with this error. Resolves when nothing runs any more. */
  async abandon(error: TesseraError): Promise<void> {
    this.#over = error;
    this.#halt();
    this.#abandonRequests();
    this.#wake();
    await this.#running;
    this.#over = undefined;
  }

  #halt(): void {
    this.#started?.abort();
    this.#started = undefined;
  }

  #abandonRequests(): void {
    this.#relay.abandon();
    this.#members.abandon();
  }

  /** Does these tasks once, now: reads the mailboxes, then posts one slot, or the whole queue with `flush`. */
  sync(request: SyncRequest = {}, tasks: readonly Task[] = ALL_TASKS): Promise<Synced> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { request, tasks, resolve, reject };
      request.signal?.addEventListener("abort", () => this.#leave(waiting), { once: true });
      this.#syncs.push(waiting);
      if (this.#syncs[0] === waiting) this.#ensureRunning(() => this.#begin(waiting));
    });
  }

  /** The relay's parameters as last read; asks for them only if they were never read. */
  async parameters(): Promise<RelayParameters> {
    try {
      return await this.#host.readFirst((engine) => engine.info());
    } catch (error) {
      if (!isTesseraError(error) || error.code !== "RELAY_UNREACHABLE") throw error;
    }
    await this.sync({}, ["info"]);
    return this.#host.readFirst((engine) => engine.info());
  }

  /** A restored device reads its mailbox before it sends. */
  async ready(): Promise<void> {
    await this.parameters();
    if (!(await this.#host.readFirst((engine) => engine.device())).ready) await this.sync({}, ["own"]);
  }

  /** An enrolment through the lobby began: it is read and posted to now. */
  enrolling(): Promise<void> {
    return this.#tell((engine, wall) => engine.enrolling(wall, ticks()));
  }

  /** Something that may change what is due. */
  async #tell(step: (engine: Engine, wall: number) => void): Promise<void> {
    await this.#host.read((engine) => step(engine, Date.now()));
    this.#wake();
  }

  #begin({ tasks, request }: Waiting): Promise<void> {
    return this.#tell((engine, wall) => engine.requestSync([...tasks], request.flush === true, wall, ticks()));
  }

  /** The caller's signal ended the call. The sync under way continues, but the call does not wait for it. */
  #leave(waiting: Waiting): void {
    waiting.reject(new TesseraError("ABORTED", "the caller's signal ended the call"));
    const at = this.#syncs.indexOf(waiting);
    if (at > 0) this.#syncs.splice(at, 1);
  }

  #ensureRunning(first: () => Promise<void>): void {
    if (this.#running !== undefined) {
      first().catch(() => {}); // the rounds under way meet the same failure
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
    this.#downloads.clear();
    if (error === undefined && this.#over === undefined && this.#isWanted()) {
      const [waiting] = this.#syncs; // requested while the rounds ended
      this.#ensureRunning(() => (waiting === undefined ? Promise.resolve() : this.#begin(waiting)));
      return;
    }
    const reason = this.#over ?? error ?? new TesseraError("ABORTED", "the portal was stopped");
    for (const waiting of this.#syncs.splice(0)) waiting.reject(reason);
    if (error === undefined || this.#started === undefined) return;
    this.#halt();
    if (error.code !== "ABORTED" && error.code !== "DISPOSED" && error.code !== "LOCKED") this.#hooks.onEnd(error);
  }

  #isWanted(): boolean {
    return this.#started !== undefined || this.#syncs.length > 0;
  }

  async #run(): Promise<void> {
    let answer: Answer | undefined;
    while (this.#over === undefined && this.#isWanted()) {
      const given = answer;
      answer = await this.#step((engine) => engine.nextAsk(given, Date.now(), ticks()));
    }
  }

  async #step(next: (engine: Engine) => Effects<Ask>): Promise<Answer | undefined> {
    let ask: Ask;
    try {
      ask = await this.#host.apply(next);
    } catch (thrown) {
      if (!isTesseraError(thrown) || thrown.code !== "STORE_FULL") throw thrown;
      this.#failed(thrown);
      return { kind: "notStored" };
    }
    switch (ask.kind) {
      case "continue":
        return undefined;
      case "load":
        return { kind: "loaded", records: await this.#host.sealed(ask.keys) };
      case "get":
        return this.#get(this.#at(ask.member), ask.path);
      case "mirror":
        return this.#get(this.#members.mirror ?? this.#relay, ask.path);
      case "select":
        return this.#select(this.#at(ask.member), ask.path, ask.relay, ask.mirror);
      case "keep":
        return this.#keep(ask.member, ask.path, ask.ahead);
      case "handOver":
        return this.#downloads.handOver(ask.path);
      case "confirm":
        return { kind: "confirmed", may: await this.#mayDownload(ask.bytes, ask.tells) };
      case "progress":
        this.#progress({ ...ask, kind: "pull" });
        return undefined;
      case "post":
        return this.#post(this.#at(ask.member), ask.path, ask.body);
      case "synced":
        await this.#relay.settle();
        await this.#synced(ask);
        return undefined;
      case "wait":
        await this.#relay.settle();
        this.#downloads.clear();
        await this.#sleepUntil(ask.until);
        return undefined;
    }
  }

  /** The relay, or another member by its URL. */
  #at(member: string | undefined): Relay {
    return member === undefined ? this.#relay : this.#members.at(member);
  }

  #get(relay: Relay, path: string): Promise<Answer> {
    return this.#answered("got", async () => ({ kind: "got", bytes: await relay.get(path) }));
  }

  #keep(member: string | undefined, path: string, ahead: readonly string[]): Promise<Answer> {
    return this.#answered("kept", async () => {
      return { kind: "kept", length: await this.#downloads.keep(this.#at(member), member, path, ahead) };
    });
  }

  /** Neither relay gets the other's bitmaps, and the engine draws others for every request. */
  #select(first: Relay, path: string, one: Uint8Array, other: Uint8Array): Promise<Answer> {
    const second = this.#members.mirror;
    return this.#answered("selected", async () => {
      if (second === undefined) throw new TesseraError("MIRROR_UNREACHABLE", "there is no mirror");
      const [relay, mirror] = await Promise.all([first.select(path, one), second.select(path, other)]);
      return { kind: "selected", relay, mirror };
    });
  }

  #post(relay: Relay, path: string, body: Uint8Array): Promise<Answer> {
    return this.#answered("posted", async () => {
      await relay.post(path, body);
      return { kind: "posted" };
    });
  }

  /** What came of a request, or why it was not answered. */
  async #answered(kind: Extract<Answer, Failure>["kind"], request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await request();
    } catch (thrown) {
      return { kind, ...this.#failure(thrown) };
    }
  }

  #failure(thrown: unknown): Failure {
    this.#host.throwIfLocked(); // rather than that it was abandoned
    this.#host.throwIfEnded();
    const error = asTesseraError(thrown);
    if (error.code === "NOT_FOUND" || error.code === "RETENTION_PASSED") return { failure: "missing" };
    this.#failed(error);
    if (error.code === "RELAY_REFUSED" || error.code === "WINDOW_MISMATCH") return { failure: "refused" };
    const silent = error.code === "RELAY_UNREACHABLE" || error.code === "RELAY_BUSY";
    return { failure: silent ? "unavailable" : "denied", retryAfterMs: (error.retryAfter ?? 0) * 1000 };
  }

  #failed(error: TesseraError): void {
    const [waiting] = this.#syncs;
    if (waiting !== undefined) waiting.error ??= error;
  }

  async #mayDownload(bytes: number, tells: boolean): Promise<boolean> {
    if (this.#hooks.confirmLargeDownload === undefined || !(tells || savesData())) return true;
    return this.#hooks.confirmLargeDownload(bytes);
  }

  #progress(progress: PullProgress): void {
    this.#hooks.onProgress(progress);
    this.#syncs[0]?.request.onProgress?.(progress);
  }

  async #synced({ failed, ...synced }: Synced): Promise<void> {
    const waiting = this.#syncs.shift();
    if (failed === null) waiting?.resolve({ failed, ...synced });
    else if (failed.code !== null) waiting?.reject(new TesseraError(failed.code, "the relay's answer is refused"));
    else waiting?.reject(waiting.error ?? new TesseraError("RELAY_UNREACHABLE", "the relay cannot be reached"));
    const [next] = this.#syncs;
    if (next !== undefined) await this.#begin(next);
  }

  /** What failed is tried again soon when the network is back or the page comes into view; and a device that slept is noticed. */
  #whenReachableAgain(signal: AbortSignal): void {
    const look = (): void => {
      if (globalThis.document?.visibilityState === "hidden") return;
      this.#tell((engine, wall) => engine.reachableAgain(wall, ticks())).catch(() => {});
    };
    for (const back of ["online", "pageshow"]) globalThis.addEventListener?.(back, look, { signal });
    globalThis.document?.addEventListener("visibilitychange", look, { signal });
  }

  /**
   * Listens to the relay for as long as the rounds run. A notice only says when to look: what there is to read is the index's
   * word, and without notices the clock says the same a little later.
   */
  async #listen(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      let pace = { epochSeconds: 60, lobbyEpochSeconds: 15 };
      try {
        pace = await this.#host.readFirst((engine) => engine.info());
        const bucket = await this.#host.read((engine) => engine.bucket());
        const onNotice = (published: number | "lobby"): void => {
          failures = 0;
          const mailbox = published === "lobby" ? "lobby" : "own";
          this.#tell((engine, wall) => engine.published(mailbox, wall, ticks())).catch(() => {});
        };
        const silenceMs = SILENT_EPOCHS * pace.lobbyEpochSeconds * 1000 + 5000;
        await this.#relay.notices(bucket, onNotice, { signal, silenceMs });
      } catch {
        // Why it ended does not matter: the clock goes on, and the next request will show it.
      }
      await this.#host.read((engine) => engine.noticesEnded()).catch(() => {});
      const wait = Math.min(300_000, pace.epochSeconds * 1000, 1000 * 2 ** Math.min(failures, 16));
      await sleep(wait * (0.5 + Math.random()), signal);
    }
  }

  async #sleepUntil(until: number | null): Promise<void> {
    const woken = new AbortController();
    this.#wakeSleeper = () => woken.abort();
    if (!this.#woken) await sleep(Math.min(LONGEST_SLEEP_MS, (until ?? Infinity) - ticks()), woken.signal);
    this.#woken = false;
  }

  #wake(): void {
    this.#woken = true;
    this.#wakeSleeper();
  }
}
