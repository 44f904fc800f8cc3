/** Notices when the relay comes into reach or goes out of it. */

import type { EngineHost } from "../portal/engine-host.js";
import { TesseraError, isTesseraError, type ErrorCode } from "../errors.js";
import { Relay, type RelayClient } from "./client.js";
import type { RelayStatus } from "../portal/types.js";

/** Requests that fail for reasons of their own: a relay may serve the ones and refuse the others. */
type Kind = "get" | "post";

export interface ReachabilityHooks {
  readonly onChange: (status: RelayStatus) => void;
  /** A request failed. */
  readonly onTrouble: (method: "get" | "post", code: ErrorCode) => void;
}

/**
 * A relay that reports each change of whether it serves, or another member in its place. A failure counts once the engine has
 * nothing else to try: when another request fails, or it waits.
 */
export class ReachabilityMonitor extends Relay {
  readonly #host: EngineHost;
  readonly #hooks: ReachabilityHooks;
  /** What is wrong with each kind of request, and what was reported last. */
  readonly #trouble: Record<Kind, ErrorCode | null> = { get: null, post: null };
  /** `null`: it serves. `undefined`: nothing yet. */
  #reported: ErrorCode | null | undefined;
  /** A failure that another member may make up for. */
  #pending: readonly [Kind, ErrorCode] | undefined;
  /** Another member served what was read last: what fails at the relay holds nothing up. */
  #elsewhere = false;

  constructor(client: RelayClient, host: EngineHost, hooks: ReachabilityHooks) {
    super(client);
    this.#host = host;
    this.#hooks = hooks;
  }

  /** Reports once more how it is: a lock took it off the page. */
  reportAgain(): void {
    this.#reported = undefined;
  }

  override get(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return this.#watch("get", super.get(path, signal), false);
  }

  override post(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#watch("post", super.post(path, body, signal), false);
  }

  /** Another member, whose answers count as the relay's. */
  member(client: RelayClient | undefined): Relay {
    const watch = <T>(kind: Kind, request: Promise<T>): Promise<T> => this.#watch(kind, request, true);
    return new WatchedMember(client ?? NOBODY, watch);
  }

  /** The engine waits: a failure before that counts. */
  async settle(): Promise<void> {
    const [kind, code] = this.#pending ?? [];
    this.#pending = undefined;
    if (kind !== undefined && code !== undefined) await this.#changed(kind, code);
  }

  async #watch<T>(kind: Kind, request: Promise<T>, isMember: boolean): Promise<T> {
    try {
      const answer = await request;
      this.#pending = undefined;
      if (kind === "get") this.#elsewhere = isMember;
      if (this.#elsewhere) this.#trouble.post = null;
      await this.#changed(kind, null);
      return answer;
    } catch (error) {
      if (isTesseraError(error) && isTrouble(error.code)) {
        this.#hooks.onTrouble(kind, error.code);
        await this.#failed(kind, error.code, isMember);
      }
      throw error;
    }
  }

  async #failed(kind: Kind, code: ErrorCode, isMember: boolean): Promise<void> {
    if (this.#elsewhere && !isMember) return;
    if (isMember && kind === "get") this.#elsewhere = false;
    // A post that fails moves nothing by itself: what is read next shows whether another member serves.
    const isFirst = this.#pending === undefined || this.#pending[0] !== kind || kind === "post";
    if (isFirst && !this.#reported) this.#pending = [kind, code];
    else await this.#changed(kind, code);
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

type Watch = <T>(kind: Kind, request: Promise<T>) => Promise<T>;

class WatchedMember extends Relay {
  readonly #watch: Watch;

  constructor(client: RelayClient, watch: Watch) {
    super(client);
    this.#watch = watch;
  }

  override get(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    const request = super.get(path, signal);
    // Heads are compared with a member while the relay serves.
    return path.startsWith("/v1/origins/") ? request : this.#watch("get", request);
  }

  override post(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#watch("post", super.post(path, body, signal));
  }
}

const gone = (): Promise<never> =>
  Promise.reject(new TesseraError("RELAY_UNREACHABLE", "there is no client of this member"));
/** In place of a member for which the host has no client any more. */
const NOBODY: RelayClient = { url: "", get: gone, post: gone };

/** An answer that something is not there is an answer. */
function isTrouble(code: ErrorCode): boolean {
  return code.startsWith("RELAY_") || code === "UNAUTHORIZED";
}
