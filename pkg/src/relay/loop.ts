/**
 * What a page runs while it is open: one slot per epoch, a pull of one's own bucket per epoch, the lobby while somebody enrols.
 *
 * Requests follow the clock, not what the user does: a send waits for the next slot.
 */

import type { EngineHost } from "../portal/engine.js";
import { TesseraError, asTesseraError } from "../errors.js";
import type { RelaySync } from "./sync.js";
import type { PullProgress } from "../portal/types.js";

/** Lobby pulls at start: enrolling must look like opening the portal. */
const LOBBY_PULLS_AT_START = 3;
/** The relay's answer to `/v1/info` is read again after so long. */
const CONFIGURE_AGAIN_MS = 3_600_000;
/** A stream of notices that is silent for so many epochs of the lobby is dead; while it lives, the clock waits so much longer. */
const SILENT_EPOCHS = 3;

type Task = "slot" | "own" | "lobby";

/** Waits in milliseconds. All of them shrink with short epochs. */
interface Pace {
  readonly epoch: number;
  readonly lobbyEpoch: number;
}

/** Until the relay has said. */
const UNKNOWN_PACE: Pace = { epoch: 60_000, lobbyEpoch: 15_000 };

export class Loop {
  readonly #host: EngineHost;
  readonly #sync: RelaySync;
  readonly #onProgress: (progress: PullProgress) => void;
  readonly #onEnd: (error: TesseraError) => void;
  #running: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined;
  #wake: () => void = () => {};
  #due: Record<Task, number> = { slot: Infinity, own: Infinity, lobby: Infinity };
  #pace: Pace | undefined;
  #lobbyPulls = 0;
  #configuredAt = -Infinity;
  #failures = 0;
  /** Whether the relay says when it has published. */
  #noticed = false;

  /** `onEnd` is told if the loop ends by itself, which only a failing store or a defect makes it do. */
  constructor(
    host: EngineHost,
    sync: RelaySync,
    onProgress: (progress: PullProgress) => void,
    onEnd: (error: TesseraError) => void,
  ) {
    this.#host = host;
    this.#sync = sync;
    this.#onProgress = onProgress;
    this.#onEnd = onEnd;
  }

  start(): void {
    if (this.#running !== undefined) return;
    const controller = new AbortController();
    const ended = this.#run(controller.signal).catch((thrown: unknown) => {
      const error = asTesseraError(thrown);
      if (this.#running?.controller === controller) this.#running = undefined;
      if (error.code !== "ABORTED" && error.code !== "DISPOSED" && error.code !== "LOCKED") this.#onEnd(error);
    });
    this.#running = { controller, ended };
  }

  /** Ends the requests under way and waits until nothing runs. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    running?.controller.abort();
    await running?.ended;
  }

  /** An enrolment through the lobby began: it is read now and posted to soon, as when a portal opens. */
  enrolling(): void {
    if (this.#pace === undefined) return; // it will be, at start
    const now = Date.now();
    this.#lobbyPulls = 0;
    this.#due.lobby = now;
    this.#due.slot = Math.min(this.#due.slot, now + soon(this.#pace.lobbyEpoch));
    this.#wake();
  }

  async #run(signal: AbortSignal): Promise<never> {
    this.#failures = 0;
    this.#lobbyPulls = 0;
    await this.#configure(signal);
    const now = Date.now();
    this.#due = { slot: now + soon(this.#pace?.epoch ?? 0), own: now, lobby: now };
    if (this.#sync.hasNotices) void this.#listen(signal);
    for (;;) {
      const task = this.#next();
      await this.#sleepUntil(this.#due[task], signal);
      if (this.#due[task] > Date.now()) continue; // woken early: perhaps another task is due now
      if (Date.now() - this.#configuredAt > CONFIGURE_AGAIN_MS) await this.#configure(signal);
      await this.#withPatience(signal, (pace) => this.#do(task, pace, signal));
    }
  }

  async #do(task: Task, pace: Pace, signal: AbortSignal): Promise<void> {
    const options = { signal, onProgress: this.#onProgress };
    if (task === "slot") {
      await this.#sync.postSlot(signal);
      const hurried = await this.#host.read((engine, now) => engine.lobbyWatch(now) && engine.queued() > 0);
      this.#due.slot = Date.now() + (hurried ? pace.lobbyEpoch : pace.epoch);
    } else if (task === "own") {
      await this.#sync.tick();
      await this.#sync.pull("own", options);
      this.#due.own = this.#afterClose(pace.epoch);
    } else {
      await this.#sync.pull("lobby", options);
      this.#lobbyPulls += 1;
      const { watched, queued } = await this.#host.read((engine, now) => ({
        watched: engine.lobbyWatch(now),
        queued: engine.queued(),
      }));
      this.#due.lobby =
        watched || this.#lobbyPulls < LOBBY_PULLS_AT_START ? this.#afterClose(pace.lobbyEpoch) : Infinity;
      if (watched && queued > 0) this.#due.slot = Math.min(this.#due.slot, Date.now() + soon(pace.lobbyEpoch));
    }
  }

  /** A moment after the relay's next close, not the same for everyone; later if a notice will say when. */
  #afterClose(epoch: number): number {
    const skew = this.#sync.skewSeconds * 1000;
    const close = (Math.floor((Date.now() + skew) / epoch) + 1) * epoch - skew;
    return close + Math.min(2000, epoch / 5) + jitter(epoch) + (this.#noticed ? epoch / 2 : 0);
  }

  /**
   * Listens to the relay for as long as the loop runs. A notice only says when to look: what there is to read is the index's
   * word, and without notices the clock says the same a little later.
   */
  async #listen(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; failures++) {
      const { epoch, lobbyEpoch } = this.#pace ?? UNKNOWN_PACE;
      const onNotice = (bucket: number | "lobby"): void => {
        failures = 0;
        this.#noticed = true;
        const task: Task = bucket === "lobby" ? "lobby" : "own";
        // Who waits for nothing in the lobby does not read it because something is there.
        if (this.#due[task] === Infinity) return;
        this.#due[task] = Math.min(this.#due[task], Date.now() + jitter(task === "lobby" ? lobbyEpoch : epoch));
        this.#wake();
      };
      // Why it ended does not matter: the clock goes on, and the next request will tell.
      await this.#sync.notices(onNotice, SILENT_EPOCHS * lobbyEpoch + 5000, signal).catch(() => {});
      this.#noticed = false;
      const wait = Math.min(300_000, epoch, 1000 * 2 ** Math.min(failures, 16)) * (0.5 + Math.random());
      await sleep(wait, signal).catch(() => {});
    }
  }

  /** Reads the relay's epochs; asks until there is an answer. */
  async #configure(signal: AbortSignal): Promise<void> {
    this.#configuredAt = -Infinity;
    while (this.#configuredAt === -Infinity) {
      await this.#withPatience(signal, async () => {
        const { epochSeconds, lobbyEpochSeconds } = await this.#sync.configure(signal);
        this.#pace = { epoch: epochSeconds * 1000, lobbyEpoch: lobbyEpochSeconds * 1000 };
        this.#configuredAt = Date.now();
      });
    }
  }

  /** After a failure of the relay everything waits, twice as long each time; other failures end the loop. */
  async #withPatience(signal: AbortSignal, attempt: (pace: Pace) => Promise<void>): Promise<void> {
    const pace = this.#pace ?? UNKNOWN_PACE;
    try {
      await attempt(pace);
      this.#failures = 0;
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (!isRelayFailure(error)) throw error;
      // What comes back may be another relay, or the same one with other epochs.
      this.#configuredAt = -Infinity;
      const least = Math.min(5000, Math.max(250, pace.epoch / 16));
      const most = Math.min(300_000, pace.epoch);
      const wait = Math.min(most, least * 2 ** Math.min(this.#failures, 16)) * (0.5 + Math.random() / 2);
      this.#failures += 1;
      await sleep(Math.max(wait, (error.retryAfter ?? 0) * 1000), signal);
    }
  }

  #next(): Task {
    const tasks: Task[] = ["own", "lobby", "slot"];
    return tasks.reduce((first, task) => (this.#due[task] < this.#due[first] ? task : first));
  }

  async #sleepUntil(time: number, signal: AbortSignal): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await sleep(time - Date.now(), signal, woken);
  }
}

/** How much later than others one looks. */
function jitter(epoch: number): number {
  return Math.random() * Math.min(30_000, epoch / 10);
}

/** A random moment of the next seconds, so that what follows does not show when it was asked for. */
function soon(epoch: number): number {
  return Math.random() * Math.min(5000, epoch / 2);
}

function isRelayFailure(error: TesseraError): boolean {
  return /^RELAY_|^UNAUTHORIZED$|^NOT_FOUND$|^RETENTION_PASSED$|^BATCH_INVALID$/.test(error.code);
}

/** Timers take at most 2^31 − 1 ms. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

function sleep(ms: number, signal: AbortSignal, woken?: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new TesseraError("ABORTED", "the loop was stopped"));
    };
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(Math.max(0, ms), LONGEST_SLEEP_MS));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    void woken?.then(wake);
  });
}
