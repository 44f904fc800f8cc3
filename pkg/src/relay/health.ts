/** What shows that the relay, or the clock beside it, is not as it should be although every request succeeds. */

import { SteadyClock } from "./clock.js";
import type { ClockSkew, Stall } from "../portal/types.js";

/** Clocks that differ by more are worth telling: sending and reading refuse at a day. */
const SKEW_LIMIT_SECONDS = 300;
/** A relay publishes every bucket in every epoch, if only cover. So many epochs, and as many looks, without anything new are a stall. */
const STALL_EPOCHS = 5;

export class RelayHealth {
  readonly #onSkew: (skew: ClockSkew) => void;
  readonly #onStall: (stall: Stall) => void;
  readonly #clock = new SteadyClock();
  #skewed = false;
  #stalled = false;
  #emptyLooks = 0;
  #newestAt = 0;

  constructor(onSkew: (skew: ClockSkew) => void, onStall: (stall: Stall) => void) {
    this.#onSkew = onSkew;
    this.#onStall = onStall;
  }

  /** The relay's clock is so many seconds ahead of this one. */
  skew(seconds: number): void {
    const skewed = Math.abs(seconds) > SKEW_LIMIT_SECONDS;
    if (skewed || this.#skewed)
      this.#onSkew({ seconds: Math.round(seconds), ...(skewed ? { code: "CLOCK_SKEW" } : {}) });
    this.#skewed = skewed;
  }

  /** The index of the own mailbox named so many new batches. */
  looked(batches: number, epochSeconds: number): void {
    if (batches > 0 || this.#newestAt === 0) {
      [this.#emptyLooks, this.#newestAt] = [0, this.#clock.now() || 1];
      if (this.#stalled) this.#onStall({ stalled: false });
      this.#stalled = false;
      return;
    }
    this.#emptyLooks += 1;
    const waited = this.#clock.now() - this.#newestAt > STALL_EPOCHS * epochSeconds * 1000;
    if (this.#stalled || !waited || this.#emptyLooks < STALL_EPOCHS) return;
    this.#stalled = true;
    this.#onStall({ stalled: true, code: "STALLED" });
  }
}
