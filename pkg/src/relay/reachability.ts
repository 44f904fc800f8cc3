/** Notices when the relay comes into reach or goes out of it. */

import type { EngineHost } from "../portal/engine-host.js";
import { isTesseraError, type ErrorCode } from "../errors.js";
import { Relay } from "./client.js";
import type { RelayStatus } from "../portal/types.js";

/** Requests that fail for reasons of their own: a relay may serve the ones and refuse the others. */
type Kind = "get" | "post";

export interface ReachabilityHooks {
  readonly onChange: (status: RelayStatus) => void;
  /** A request failed. */
  readonly onTrouble: (method: "get" | "post", code: ErrorCode) => void;
}

/** A relay that reports each change of whether it serves. */
export class ReachabilityMonitor extends Relay {
  readonly #host: EngineHost;
  readonly #hooks: ReachabilityHooks;
  /** What is wrong with each kind of request, and what was reported last. */
  readonly #trouble: Record<Kind, ErrorCode | null> = { get: null, post: null };
  /** `null`: it serves. `undefined`: nothing yet. */
  #reported: ErrorCode | null | undefined;

  constructor(relay: Relay, host: EngineHost, hooks: ReachabilityHooks) {
    super(relay);
    this.#host = host;
    this.#hooks = hooks;
  }

  override get(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#watch("get", super.get(path, signal));
  }

  override post(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#watch("post", super.post(path, body, signal));
  }

  async #watch<T>(kind: Kind, request: Promise<T>): Promise<T> {
    try {
      const answer = await request;
      await this.#changed(kind, null);
      return answer;
    } catch (error) {
      if (isTesseraError(error) && isTrouble(error.code)) {
        this.#hooks.onTrouble(kind, error.code);
        await this.#changed(kind, error.code);
      }
      throw error;
    }
  }

  async #changed(kind: Kind, trouble: ErrorCode | null): Promise<void> {
    this.#trouble[kind] = trouble;
    const worst = this.#trouble.get ?? this.#trouble.post;
    if (worst === this.#reported) return;
    const queued = await this.#host.readFirst((engine) => engine.queued());
    if (worst === this.#reported || worst !== (this.#trouble.get ?? this.#trouble.post)) return; // changed meanwhile
    this.#reported = worst;
    this.#hooks.onChange({ reachable: worst === null, queued, ...(worst === null ? {} : { code: worst }) });
  }
}

/** An answer that something is not there is an answer. */
function isTrouble(code: ErrorCode): boolean {
  return code.startsWith("RELAY_") || code === "UNAUTHORIZED";
}
