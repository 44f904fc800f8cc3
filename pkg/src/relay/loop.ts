/**
 * What a page runs while it is open: a slot at once, one about five minutes later, one per epoch, a pull of the own bucket per
 * epoch, the lobby while somebody enrols.
 *
 * Requests follow the clock, not what the user does: a send waits for the next slot.
 */

import type { Mailbox } from "../portal/engine.js";
import type { EngineHost } from "../portal/engine-host.js";
import { SteadyClock } from "./clock.js";
import { TesseraError, asTesseraError } from "../errors.js";
import type { RelaySync } from "./sync.js";
import type { PullProgress } from "../portal/types.js";

/** Lobby pulls at start: enrolling must look like opening the portal. */
const LOBBY_PULLS_AT_START = 3;
/** A second slot follows the first so much later: most visits are short, and what is written in one would wait for the next. */
const SECOND_SLOT_MS = { least: 240_000, most: 360_000 };
/** The relay's answer to `/v1/info` is read again after so long. */
const CONFIGURE_AGAIN_MS = 3_600_000;
/** Upper bound for what a relay claims: it is asked again at least daily. */
const LONGEST_EPOCH_MS = 86_400_000;
/** Upper bound for `Retry-After`. */
const LONGEST_WAIT_MS = 900_000;
/** A stream of notices that is silent for so many epochs of the lobby is dead; while it lives, the clock waits so much longer. */
const SILENT_EPOCHS = 3;

type Task = "slot" | Mailbox;

const MAILBOXES: readonly Mailbox[] = ["own", "lobby"];
const TASKS: readonly Task[] = [...MAILBOXES, "slot"];

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
  readonly #clock = new SteadyClock();
  /** Times of the steady clock: setting the wall clock back delays nothing. */
  #due: Record<Task, number> = { slot: Infinity, own: Infinity, lobby: Infinity };
  /** Failures of each task since it last succeeded. A failing task delays no other. */
  #failures: Record<Task, number> = { slot: 0, own: 0, lobby: 0 };
  /** Tasks that the relay itself asked to wait. */
  readonly #toldToWait = new Set<Task>();
  #pace: Pace | undefined;
  #lobbyPulls = 0;
  /** Slots since the start, and how long after the first the second came. */
  #slots = 0;
  #second = 0;
  #configuredAt = -Infinity;
  /** Whether the relay has answered since the loop was started. */
  #begun = false;
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

  /** An enrolment through the lobby began: it is read and posted to now. */
  enrolling(): void {
    if (this.#pace === undefined) return; // it will be, at start
    const now = this.#clock.now();
    this.#lobbyPulls = 0;
    this.#due.lobby = now;
    this.#wake();
  }

  async #run(signal: AbortSignal): Promise<never> {
    this.#failures = { slot: 0, own: 0, lobby: 0 };
    this.#lobbyPulls = 0;
    this.#slots = 0;
    this.#configuredAt = -Infinity;
    this.#begun = false;
    // The other tasks start once the relay has answered with its epochs.
    this.#due = { slot: Infinity, own: this.#clock.now(), lobby: Infinity };
    this.#whenReachableAgain(signal);
    for (;;) {
      const task = this.#next();
      await this.#sleepUntil(this.#due[task], signal);
      if (this.#due[task] > this.#clock.now()) continue; // woken early: perhaps another task is due now
      await this.#attempt(task, signal);
    }
  }

  /** Does one task; after a failure that may pass it waits, twice as long each time, while the others go on. Other failures end the loop. */
  async #attempt(task: Task, signal: AbortSignal): Promise<void> {
    try {
      if (this.#clock.now() - this.#configuredAt > CONFIGURE_AGAIN_MS) await this.#configure(signal);
      await this.#do(task, this.#pace ?? UNKNOWN_PACE, signal);
      this.#failures[task] = 0;
      this.#toldToWait.delete(task);
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (!mayPass(error)) throw error;
      // What comes back may be another relay, or the same one with other epochs.
      this.#configuredAt = -Infinity;
      const { epoch } = this.#pace ?? UNKNOWN_PACE;
      this.#due[task] = this.#clock.now() + waitAfter(this.#failures[task], epoch, error.retryAfter);
      this.#failures[task] += 1;
      if (error.retryAfter === undefined) this.#toldToWait.delete(task);
      else this.#toldToWait.add(task);
    }
  }

  /** Retries failed tasks sooner when the network is back or the page becomes visible. */
  #whenReachableAgain(signal: AbortSignal): void {
    const look = (): void => {
      if (globalThis.document?.visibilityState === "hidden") return;
      const now = this.#clock.now();
      for (const task of TASKS) {
        if (this.#failures[task] > 0 && !this.#toldToWait.has(task))
          this.#due[task] = Math.min(this.#due[task], now + Math.random() * 1000);
      }
      this.#wake();
    };
    globalThis.addEventListener?.("online", look, { signal });
    globalThis.document?.addEventListener("visibilitychange", look, { signal });
  }

  async #do(task: Task, pace: Pace, signal: AbortSignal): Promise<void> {
    if (task === "slot") {
      await this.#sync.postSlot(signal);
      this.#slotPosted(pace);
      return;
    }
    // What is due together is asked for together, before any of it is opened.
    const due = MAILBOXES.filter((mailbox) => this.#due[mailbox] <= this.#clock.now());
    if (due.includes("own")) await this.#sync.tick();
    const slot = { due: () => this.#due.slot <= this.#clock.now(), posted: () => this.#slotPosted(pace) };
    await this.#sync.pull(due, { signal, onProgress: this.#onProgress }, slot);
    if (due.includes("own")) this.#due.own = this.#afterClose(pace.epoch);
    if (!due.includes("lobby")) return;
    this.#lobbyPulls += 1;
    await this.#sync.postToLobby(signal);
    const watched = await this.#host.read((engine, now) => engine.lobbyWatch(now));
    this.#due.lobby = watched || this.#lobbyPulls < LOBBY_PULLS_AT_START ? this.#afterClose(pace.lobbyEpoch) : Infinity;
  }

  /** When the next slot is due follows from when this one was, not from how long it took: that may depend on what was in it. */
  #slotPosted({ epoch }: Pace): void {
    this.#slots += 1;
    const { least, most } = SECOND_SLOT_MS;
    const second = Math.min(1, epoch / 1_800_000) * (least + Math.random() * (most - least));
    if (this.#slots === 1) this.#second = second;
    const wait = this.#slots === 1 ? second : this.#slots === 2 ? epoch - this.#second : epoch;
    const next = this.#due.slot + wait;
    // A computer that slept has missed some; they are not made up for.
    this.#due.slot = next > this.#clock.now() ? next : this.#clock.now() + soon(epoch);
  }

  /** A moment after the relay's next close, not the same for everyone; later if a notice will say when. */
  #afterClose(epoch: number): number {
    const skew = this.#sync.skewSeconds * 1000;
    const untilClose = epoch - ((((Date.now() + skew) % epoch) + epoch) % epoch);
    const after = Math.min(2000, epoch / 5) + jitter(epoch) + (this.#noticed ? epoch / 2 : 0);
    return this.#clock.now() + untilClose + after;
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
        this.#due[task] = Math.min(this.#due[task], this.#clock.now() + jitter(task === "lobby" ? lobbyEpoch : epoch));
        this.#wake();
      };
      // Why it ended does not matter: the clock goes on, and the next request will tell.
      await this.#sync.notices(onNotice, SILENT_EPOCHS * lobbyEpoch + 5000, signal).catch(() => {});
      this.#noticed = false;
      const wait = Math.min(300_000, epoch, 1000 * 2 ** Math.min(failures, 16)) * (0.5 + Math.random());
      await sleep(wait, signal).catch(() => {});
    }
  }

  /** Reads the relay's epochs. The first time, everything that follows them begins. */
  async #configure(signal: AbortSignal): Promise<void> {
    const { epochSeconds, lobbyEpochSeconds } = await this.#sync.configure(signal);
    this.#pace = {
      epoch: Math.min(LONGEST_EPOCH_MS, epochSeconds * 1000),
      lobbyEpoch: Math.min(LONGEST_EPOCH_MS, lobbyEpochSeconds * 1000),
    };
    this.#configuredAt = this.#clock.now();
    if (this.#begun) return;
    this.#begun = true;
    this.#due.slot = this.#configuredAt + soon(this.#pace.epoch);
    this.#due.lobby = this.#configuredAt;
    if (this.#sync.hasNotices) void this.#listen(signal);
  }

  #next(): Task {
    return TASKS.reduce((first, task) => (this.#due[task] < this.#due[first] ? task : first));
  }

  async #sleepUntil(time: number, signal: AbortSignal): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await sleep(time - this.#clock.now(), signal, woken);
  }
}

/** Milliseconds after so many failures in a row: twice as long each time, or as long as the relay asks, within reason. */
export function waitAfter(failures: number, epoch: number, retryAfterSeconds = 0): number {
  const least = Math.min(5000, Math.max(250, epoch / 16));
  const most = Math.min(300_000, epoch);
  const wait = Math.min(most, least * 2 ** Math.min(failures, 16)) * (0.5 + Math.random() / 2);
  return Math.max(wait, Math.min(LONGEST_WAIT_MS, retryAfterSeconds * 1000));
}

/** How much later than others one looks. */
function jitter(epoch: number): number {
  return Math.random() * Math.min(30_000, epoch / 10);
}

/** A random moment of the next seconds, so that what follows does not show when it was asked for. */
function soon(epoch: number): number {
  return Math.random() * Math.min(5000, epoch / 2);
}

/** A failure of the relay, or a full store: both may be over at the next attempt. */
function mayPass(error: TesseraError): boolean {
  return /^RELAY_|^UNAUTHORIZED$|^NOT_FOUND$|^RETENTION_PASSED$|^BATCH_INVALID$|^STORE_FULL$/.test(error.code);
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
