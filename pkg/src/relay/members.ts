/** Other members of the relay's federation, which the engine asks for by their URL. */

import { Relay, type RelayClient } from "./client.js";
import type { ReachabilityMonitor } from "./reachability.js";
import { remembered } from "../remembered.js";

export class Members {
  readonly #client: RelayClient;
  readonly #monitor: ReachabilityMonitor;
  /** The second relay, of light reading. */
  readonly mirror: Relay | undefined;
  readonly #mirrorClient: RelayClient | undefined;
  readonly #known = new Map<string, Relay>();

  constructor(client: RelayClient, isLight: boolean, monitor: ReachabilityMonitor) {
    this.#client = client;
    this.#monitor = monitor;
    this.#mirrorClient = isLight ? client.mirror : undefined;
    if (this.#mirrorClient !== undefined) this.mirror = new Relay(this.#mirrorClient);
  }

  /** By its URL. The engine names none that the host did not allow. */
  at(url: string): Relay {
    return remembered(this.#known, url, () => {
      const given = [...(this.#client.members ?? []), this.#mirrorClient].find((client) => client?.url === url);
      const named = given === undefined ? this.#client.member?.(url) : undefined;
      return this.#monitor.member(given ?? (named === undefined ? undefined : lazy(url, named)));
    });
  }

  /** Ends all requests under way. */
  abandon(): void {
    this.mirror?.abandon();
    for (const relay of this.#known.values()) relay.abandon();
  }
}

/** The members that the host allows: a list, or `undefined` for those that the relay names. */
export function allowedMembers({ members, member }: RelayClient): string[] | undefined {
  return members?.map(({ url }) => url) ?? (member === undefined ? [] : undefined);
}

/** In a worker the page's function answers later. */
function lazy(url: string, client: RelayClient | Promise<RelayClient>): RelayClient {
  return {
    url,
    get: async (path, request) => (await client).get(path, request),
    post: async (path, body, request) => (await client).post(path, body, request),
  };
}
