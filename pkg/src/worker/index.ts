/** A portal whose engine, store and network run in a worker of its own, so that the page never waits for them. */

import { startWorker } from "./connection.js";
import { RemoteVault } from "./opening.js";
import { WorkerPortal, type Workers } from "./portal.js";
import { callback, object, signal as requireSignal, throwIfAborted } from "../arguments.js";
import { invalid } from "../errors.js";
import type { ModuleSource } from "../module/load.js";
import { HostLog } from "../portal/log.js";
import type { Portal } from "../portal/portal.js";
import type { OpenOptions } from "../portal/types.js";
import { requireStore, type Store } from "../store/store.js";

export { indexedDbStore } from "../store/indexeddb.js";
export { TesseraError, isTesseraError, type ErrorCode } from "../errors.js";

/** `Portal.open`'s, and where the worker comes from if the bundler does not find it. */
export type WorkerOptions = OpenOptions & {
  /**
   * For bundlers that do not follow `new Worker(new URL(…))`: a function that starts a worker which runs `tessera-portal/worker-host`.
   * A worker itself is taken too, but cannot be started again after a defect. It is terminated at the end.
   */
  readonly worker?: Worker | (() => Worker);
  /** As `init` takes it; relative to the page. */
  readonly wasm?: ModuleSource;
};

/**
 * Opens a portal in a worker of its own. It has the surface of `Portal`; every method is asynchronous.
 *
 * A defect of the module ends the worker with all that was in its memory. Calls under way reject with `INTERNAL`, and a `notice` event
 * says so. Nothing is lost, because state is committed before anything is shown. The vault is then opened in another worker: at once
 * if it was opened with a `key` that is a function or a `CryptoKey`; otherwise it is locked (`locked` with the reason `defect`) until
 * `unlock`, for the secret is not kept.
 */
export async function openInWorker(options: WorkerOptions): Promise<Portal> {
  const { worker, wasm, store, ...given } = object(options, "options") as Record<string, unknown>;
  requireStore(store as Store);
  throwIfAborted(requireSignal(given["signal"], "signal"));
  const { log } = given as Partial<OpenOptions>;
  callback(log, "log");
  const portal = new WorkerPortal(new RemoteVault(given, store as Store, wasm), workers(worker), new HostLog(log));
  await portal.open(given);
  return portal as unknown as Portal;
}

function workers(given: unknown): Workers {
  if (given === undefined) return { restarts: true, start: startWorker };
  if (typeof given === "function") return { restarts: true, start: () => requireWorker(given()) };
  const worker = requireWorker(given);
  return { restarts: false, start: () => worker };
}

function requireWorker(given: unknown): Worker {
  if (typeof (given as Partial<Worker> | null)?.postMessage !== "function")
    throw invalid("worker is neither a Worker nor a function that starts one");
  return given as Worker;
}
