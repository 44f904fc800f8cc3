/** One worker, until it is ended: by the page, or by a defect. */

import { Peer } from "./peer.js";
import { TesseraError, asTesseraError } from "../errors.js";
import { installedBeside } from "../module/place.js";

export class Connection {
  readonly #worker: Worker;
  readonly #peer: Peer;
  readonly #onDefect: (error: TesseraError) => void;
  #ended = false;
  /** Whether the worker has answered: its script is there. */
  #begun = false;

  /** `onDefect` is called once if a defect ends the worker. */
  constructor(worker: Worker, onDefect: (error: TesseraError) => void) {
    this.#worker = worker;
    this.#onDefect = onDefect;
    this.#peer = new Peer(worker);
    worker.addEventListener("error", (event) => this.#failed(event));
    worker.addEventListener("messageerror", () =>
      this.defect(new TesseraError("INTERNAL", "the worker sent what cannot be read")),
    );
  }

  async call(target: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      const value = await this.#peer.call(target, parameters);
      this.#begun = true;
      return value;
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (error.code === "INTERNAL") this.defect(error);
      throw error;
    }
  }

  /** Ends the worker with all its memory; what waits for an answer gets this error. */
  end(error: TesseraError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    this.#peer.end(error);
  }

  /** The state in the worker's memory may be half changed: only opening the vault again is safe. */
  defect(error: TesseraError): void {
    if (this.#ended) return;
    this.end(error);
    this.#onDefect(error);
  }

  /** A script that cannot be loaded causes an event without a reason. */
  #failed(event: ErrorEvent): void {
    event.preventDefault();
    if (this.#begun || event.message) this.defect(new TesseraError("INTERNAL", "a defect ended the worker"));
    else
      this.end(
        new TesseraError(
          "WASM_UNAVAILABLE",
          "the worker's script could not be loaded: see https://github.com/tessera-health/tessera/tree/main/docs/bundlers",
        ),
      );
  }
}

export function startWorker(): Worker {
  if (typeof Worker !== "function") throw new TesseraError("UNSUPPORTED", "this platform has no Worker");
  const options = { type: "module", name: "tessera-portal" } as const;
  const installed = installedBeside(import.meta.url, "worker/host.js");
  // Bundlers follow the literal, and ship the script.
  return installed === undefined
    ? new Worker(new URL("./host.js", import.meta.url), { type: "module", name: "tessera-portal" })
    : new Worker(installed, options);
}
