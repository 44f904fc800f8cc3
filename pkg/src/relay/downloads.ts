/** Bodies between their download and their turn, outside of the module, whose memory never shrinks. */

import type { Answer } from "../portal/engine.js";
import type { Relay } from "./client.js";
import { Hasher } from "./hashes.js";

export class Downloads {
  /** Requests made ahead of their turn, by member and path. */
  readonly #ahead = new Map<string, Promise<Uint8Array>>();
  /** Bodies that wait to be opened, by path. */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #hasher = new Hasher();

  /** Requests a path and those that follow it, and keeps the first one's body. Gives its length. */
  async keep(relay: Relay, member: string | undefined, path: string, ahead: readonly string[]): Promise<number> {
    const named = (path: string): string => `${member ?? ""}${path}`;
    for (const next of [path, ...ahead].filter((next) => !this.#ahead.has(named(next)))) {
      const request = relay.get(next);
      request.catch(() => {}); // seen when it is its turn
      this.#ahead.set(named(next), request);
    }
    const request = this.#ahead.get(named(path)) as Promise<Uint8Array>;
    this.#ahead.delete(named(path));
    const bytes = await request;
    this.#kept.set(path, bytes);
    return bytes.length;
  }

  /** Gives a kept body to the engine, and keeps it no longer. */
  async handOver(path: string): Promise<Answer> {
    const body = this.#kept.get(path);
    this.#kept.delete(path);
    if (body === undefined) return { kind: "got", failure: "missing" };
    // Tags are short, and no batch.
    if (path.endsWith("/tags")) return { kind: "handedOver", body, rests: [] };
    return { kind: "handedOver", body, ...(await this.#hasher.hashesOf(body)) };
  }

  /** Frees what a pull needed. */
  clear(): void {
    this.#ahead.clear();
    this.#kept.clear();
    this.#hasher.release();
  }
}
