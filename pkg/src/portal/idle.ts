/** Detects that nobody used something for a while, even if timers slept with the tab. */

/** Timers take at most 2^31 − 1 ms. */
export const MOST_IDLE_MINUTES = 24 * 60;

export class IdleWatch {
  readonly #limit: number;
  readonly #onIdle: () => void;
  #last: Moment | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #look = (): void => void this.check();

  constructor(minutes: number, onIdle: () => void) {
    this.#limit = minutes * 60_000;
    this.#onIdle = onIdle;
  }

  /** Counts from now on, until `stop` or until the time is over. */
  start(): void {
    this.stop();
    this.#last = new Moment();
    this.#wait(this.#limit);
    globalThis.document?.addEventListener("visibilitychange", this.#look);
    globalThis.addEventListener?.("pageshow", this.#look);
  }

  stop(): void {
    this.#last = undefined;
    clearTimeout(this.#timer);
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
    globalThis.removeEventListener?.("pageshow", this.#look);
  }

  /** Somebody is here, unless the time is already over. */
  used(): void {
    if (this.check()) this.#last = new Moment();
  }

  /** Whether the time is not over yet; if it is, says so once. */
  check(): boolean {
    if (this.#last === undefined) return false;
    if (this.#last.age < this.#limit) return true;
    this.stop();
    this.#onIdle();
    return false;
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      if (this.check()) this.#wait(this.#limit - (this.#last?.age ?? 0));
    }, ms);
    // Not a reason for a process to go on.
    (this.#timer as { unref?: () => void }).unref?.();
  }
}

/** A point in time. Of two clocks the one that says more: one may be set back, the other may stop while the device sleeps. */
class Moment {
  readonly #wall = Date.now();
  readonly #steady = performance.now();

  get age(): number {
    return Math.max(Date.now() - this.#wall, performance.now() - this.#steady);
  }
}
