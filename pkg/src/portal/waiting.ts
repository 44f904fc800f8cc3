/** Waiting for the rest of the module. */

import { isTesseraError } from "../errors.js";
import { sleep } from "../relay/environment.js";

/** What a promise gives, unless one of the signals is aborted before. */
export function unless<T>(signals: readonly AbortSignal[], promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { signal: listening.signal });
    }
    promise.then(resolve, reject).finally(() => listening.abort());
  });
}

/**
 * Rounds need the rest of the module. A page may be without network while it is fetched, so that is tried for four minutes. Resolves
 * early if the signal says so.
 */
export async function arrival(arrived: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let pause = 1000; !signal.aborted; pause *= 2) {
    try {
      return await arrived(signal);
    } catch (thrown) {
      if (signal.aborted) return;
      if (!isTesseraError(thrown) || thrown.code !== "WASM_UNAVAILABLE" || pause > 128_000) throw thrown;
      await sleep(pause, signal);
    }
  }
}
