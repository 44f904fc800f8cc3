/**
 * Sending at once, in additional slots. That something is to leave at once is kept beside the vault's header until it has, so that it
 * also leaves at once after a restart. The mark is not sealed: it says no more than the queue of sealed cells that is kept there.
 */

import type { Effects } from "./engine.js";
import type { EngineHost } from "./engine-host.js";
import type { RelayDriver } from "../relay/driver.js";
import type { StoreChange, StoreSnapshot } from "../store/store.js";
import { HEADER } from "../vault/layout.js";

export const PROMPT = `${HEADER}/prompt`;
const MARK: StoreChange = [PROMPT, Uint8Array.of(1)];
const NO_MARK: StoreChange = [PROMPT, null];

/** Whether a store, which lists these entries beside the header, holds something that is to leave at once. */
export function isPrompt(entries: StoreSnapshot["entries"]): boolean {
  return entries.some(([key]) => key === PROMPT);
}

export class PromptSending {
  readonly #host: EngineHost;
  readonly #driver: RelayDriver;
  /** Whether something waits that is to leave at once. */
  #waits: boolean;
  /** Counts what was marked: what came while the queue left is not all of it yet. */
  #marked = 0;

  constructor(host: EngineHost, driver: RelayDriver, waits: boolean) {
    this.#host = host;
    this.#driver = driver;
    this.#waits = waits;
  }

  /** The same change, which queues something that is to leave at once. */
  marked<T>(effects: Effects<T>): Effects<T> {
    this.#waits = true;
    this.#marked += 1;
    return { ...effects, commit: [...effects.commit, MARK] };
  }

  /** Sends what waits, if anything does. Where the relay cannot be reached it goes on waiting: call it again when it can. */
  async resume(): Promise<void> {
    if (this.#waits) await this.send();
  }

  /** Sends the whole queue. */
  async send(): Promise<void> {
    const marked = this.#marked;
    try {
      await this.#driver.sync({ flush: true }, ["slot"]);
      if (!this.#waits || marked !== this.#marked) return;
      await this.#host.apply(() => ({ commit: [NO_MARK], events: [], value: undefined }));
      if (marked === this.#marked) this.#waits = false;
    } catch {
      // It waits.
    }
  }
}
