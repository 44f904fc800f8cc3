/** A round that a host requests. */

import type { Runtime } from "./runtime.js";
import type { SyncOptions, SyncResult } from "./types.js";
import { callback, flag, options as known, signal as requireSignal, throwIfAborted } from "../arguments.js";

/** Checks the options, and returns the outcome of the round. */
export async function sync(runtime: Runtime, options: SyncOptions): Promise<SyncResult> {
  const { flush, onProgress, ...given } = known(options, "options", ["flush", "signal", "onProgress"]);
  const signal = requireSignal(given.signal, "signal");
  callback(onProgress, "onProgress");
  throwIfAborted(signal);
  runtime.lockController.check();
  const synced = await runtime.driver.sync({ flush: flag(flush, "flush"), signal, onProgress });
  return {
    messages: synced.messages.map((message) => runtime.message(message)),
    rejected: [...synced.rejected],
    gaps: [...synced.gaps],
    cellsScanned: synced.cells,
    bytesPulled: synced.bytes,
    incomplete: synced.incomplete,
  };
}
