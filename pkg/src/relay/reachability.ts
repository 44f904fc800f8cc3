/** Notices when the relay comes into reach or goes out of it. */

import type { EngineHost } from "../portal/engine-host.js";
import { isTesseraError, type ErrorCode } from "../errors.js";
import { Relay } from "./client.js";
import type { RelayStatus } from "../portal/types.js";

/** A relay that tells each change of whether it serves. */
export class ReachabilityMonitor extends Relay {
  readonly #host: EngineHost;
  readonly #tell: (status: RelayStatus) => void;
  /** `null`: it serves. `undefined`: not known yet. */
  #trouble: ErrorCode | null | undefined;

  constructor(relay: Relay, host: EngineHost, tell: (status: RelayStatus) => void) {
    super(relay);
    this.#host = host;
    this.#tell = tell;
  }

  override get(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#watch(super.get(path, signal));
  }

  override post(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#watch(super.post(path, body, signal));
  }

  async #watch<T>(request: Promise<T>): Promise<T> {
    try {
      const answer = await request;
      await this.#changed(null);
      return answer;
    } catch (error) {
      if (isTesseraError(error) && isTrouble(error.code)) await this.#changed(error.code);
      throw error;
    }
  }

  async #changed(trouble: ErrorCode | null): Promise<void> {
    if (trouble === this.#trouble) return;
    const queued = await this.#host.read((engine) => engine.queued());
    if (trouble === this.#trouble) return; // another request told it meanwhile
    this.#trouble = trouble;
    this.#tell({ reachable: trouble === null, queued, ...(trouble === null ? {} : { code: trouble }) });
  }
}

/** An answer that something is not there is an answer. */
function isTrouble(code: ErrorCode): boolean {
  return code.startsWith("RELAY_") || code === "UNAUTHORIZED";
}
