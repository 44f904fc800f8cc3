/** How a portal reaches its relay. */

import { kindOf, object, options as known, text, throwIfAborted } from "../arguments.js";
import { call } from "../module/core.js";
import { TesseraError, asTesseraError, invalid } from "../errors.js";
import { hasWebSocket, listen, type OnNotice } from "./notices.js";

export interface RelayRequest {
  /** Ends the request early. */
  readonly signal?: AbortSignal;
  /** To be called with the number of bytes so far as an answer arrives: one that goes on arriving is not given up. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * A relay. A host may pass its own, for other transports or policies.
 *
 * Both methods reject with a `TesseraError` whose code says what the relay answered (`NOT_FOUND`, `RETENTION_PASSED`, `RELAY_BUSY`, …);
 * anything else that is thrown counts as `RELAY_UNREACHABLE`.
 */
export interface RelayClient {
  /** The URL that invitations name, without a trailing slash. */
  readonly url: string;
  /** The bytes at a path such as `/v1/info`. */
  get(path: string, request?: RelayRequest): Promise<Uint8Array>;
  /** Posts bytes; may resolve only once the relay has answered 202. */
  post(path: string, body: Uint8Array, request?: RelayRequest): Promise<void>;
  /** Posts bitmaps to `…/select` and returns the relay's answer. Optional unless light reading is used. */
  select?(path: string, body: Uint8Array, request?: RelayRequest): Promise<Uint8Array>;
  /** A second relay, of another operator, for `reading: "light"`. */
  readonly mirror?: RelayClient;
  /** Clients of other members of the relay's federation, used in this order while the relay does not answer. */
  readonly members?: readonly RelayClient[];
  /** Without `members`: a client of a member that the relay has named. Left out, no other member is used. */
  member?(url: string): RelayClient | Promise<RelayClient>;
  /**
   * Listens to the relay's notices for this bucket and the lobby until the stream ends, and resolves then. A client that has no
   * such stream leaves it out: the portal then asks by the clock.
   */
  notices?(
    bucket: number,
    onNotice: OnNotice,
    request: { readonly signal: AbortSignal; readonly silenceMs: number },
  ): Promise<void>;
}

export interface RelayOptions {
  readonly url: URL | string;
  /** Sent as a bearer token: shared by a deployment, or one that expires, from a function. It is asked again once the relay refuses the last. */
  readonly accessToken?: string | (() => Promise<string>);
  /**
   * For `reading: "light"`: a second relay that has the same batches and belongs to another operator. Two that pool their logs learn
   * what each reader retrieves. Only the host may name it, never a relay.
   */
  readonly mirror?: URL | string | Omit<RelayOptions, "mirror" | "members">;
  /**
   * Other members of the relay's federation, 4 at most: while the relay does not answer, they are read and posted to in this order.
   * Without it, those that the relay names, without an access token; an empty list for none.
   */
  readonly members?: readonly (URL | string | Omit<RelayOptions, "mirror" | "members">)[];
}

/** The default client: HTTP through `fetch`, without cookies, referrer or redirects. Needs `init()`. */
export function httpRelay(options: RelayOptions): RelayClient {
  const { url, accessToken, mirror, members } = known(options, "relay", ["url", "accessToken", "mirror", "members"]);
  if (accessToken !== undefined && typeof accessToken !== "function") text(accessToken, "accessToken");
  const access = new Access(urlText(url), accessToken);
  return {
    url: access.url,
    ...others(access.url, mirror, members),
    select: (path, body, request) =>
      bounded([request?.signal], (signal, onProgress) =>
        access.use((client) => client.select(path, body, signal, onProgress)),
      ),
    get: (path, request) =>
      bounded([request?.signal], (signal, onProgress) =>
        access.use((client) =>
          client.get(path, signal, (bytes: number) => {
            onProgress();
            request?.onProgress?.(bytes);
          }),
        ),
      ),
    post: (path, body, request) =>
      bounded([request?.signal], (signal) => access.use((client) => client.post(path, body, signal))),
    ...(hasWebSocket()
      ? {
          notices: async (bucket, onNotice, request) =>
            access.use((_, token) => listen({ url: access.url, accessToken: token, bucket, ...request }, onNotice)),
        }
      : {}),
  };
}

/** Most members besides the relay, as in the engine. */
const MOST_MEMBERS = 4;

/** The other relays. None is given twice: a relay that is also the mirror would see both bitmaps. */
function others(relay: string, mirror: unknown, members: unknown): Pick<RelayClient, "mirror" | "members" | "member"> {
  const hosts = [new URL(relay).host];
  const other = (given: unknown, name: string): RelayClient => {
    const options = typeof given === "string" || isUrl(given) ? { url: given } : object(given, name);
    const { url, accessToken } = known(options as unknown as RelayOptions, name, ["url", "accessToken"]);
    const client = httpRelay({ url, members: [], ...(accessToken === undefined ? {} : { accessToken }) });
    const { host } = new URL(client.url);
    if (hosts.includes(host)) throw invalid(`${name} is ${host === hosts[0] ? "the relay itself" : "given twice"}`);
    hosts.push(host);
    return client;
  };
  const second = mirror === undefined ? {} : { mirror: other(mirror, "relay.mirror") };
  if (members === undefined) return { ...second, member: (url) => httpRelay({ url, members: [] }) };
  return { ...second, members: listed(members).map((member, place) => other(member, `relay.members[${place}]`)) };
}

type Token = string | undefined;

/** The relay with the token of the moment. */
class Access {
  readonly url: string;
  readonly #ask: (() => Promise<string>) | undefined;
  #current: Promise<{ readonly client: HttpClient; readonly token: Token }> | undefined;

  constructor(url: string, token: RelayOptions["accessToken"]) {
    this.#ask = typeof token === "function" ? token : undefined;
    const client = connect(url, typeof token === "function" ? undefined : token);
    this.url = client.url;
    if (typeof token !== "function") this.#current = Promise.resolve({ client, token });
  }

  /** Makes a request; once more with a fresh token if the relay refuses the one it has. */
  async use<T>(request: (client: HttpClient, token: Token) => Promise<T>): Promise<T> {
    const first = await this.#now();
    try {
      return await request(first.client, first.token);
    } catch (thrown) {
      if (this.#ask === undefined || asTesseraError(thrown).code !== "UNAUTHORIZED") throw thrown;
      // Other requests may have asked meanwhile.
      if ((await this.#now()).token === first.token) this.#current = undefined;
      const fresh = await this.#now();
      return request(fresh.client, fresh.token);
    }
  }

  #now(): Promise<{ readonly client: HttpClient; readonly token: Token }> {
    this.#current ??= this.#asked().catch((error: unknown) => {
      this.#current = undefined;
      throw error;
    });
    return this.#current;
  }

  async #asked(): Promise<{ readonly client: HttpClient; readonly token: Token }> {
    let token: unknown;
    try {
      token = await this.#ask?.();
    } catch (cause) {
      throw new TesseraError("UNAUTHORIZED", "accessToken: the function gave no token", { cause });
    }
    const fresh = text(token, "accessToken");
    return { client: connect(this.url, fresh), token: fresh };
  }
}

type HttpClient = ReturnType<typeof connect>;

const connect = (url: string, token: Token) => call((core) => new core.HttpRelay(url, token));

/** The client that `Portal.open` was told to use. */
export function relayClient(relay: unknown): RelayClient {
  if (typeof relay === "string" || isUrl(relay)) return httpRelay({ url: relay });
  const given = object(relay, "relay") as unknown as Partial<RelayClient> & RelayOptions;
  if (typeof given.get !== "function" || typeof given.post !== "function") return httpRelay(given);
  if (typeof given.url !== "string") throw invalid("relay.url is not a string");
  if (given.mirror !== undefined) requireMirror(given.mirror);
  if (given.members !== undefined) requireMembers(given.members);
  if (given.member !== undefined && typeof given.member !== "function") throw invalid("relay.member is not a function");
  return given as RelayClient;
}

function listed(members: unknown): readonly unknown[] {
  if (!Array.isArray(members)) throw invalid("relay.members is not a list");
  if (members.length > MOST_MEMBERS) throw invalid(`relay.members has more than ${MOST_MEMBERS}`);
  return members;
}

function requireMembers(members: unknown): void {
  for (const member of listed(members)) {
    const { url, get, post } = object(member, "relay.members") as Partial<RelayClient>;
    if (typeof url !== "string" || typeof get !== "function" || typeof post !== "function")
      throw invalid("relay.members has one without url, get and post");
  }
}

function requireMirror(mirror: unknown): void {
  const { get, select } = object(mirror, "relay.mirror") as Partial<RelayClient>;
  if (typeof get !== "function" || typeof select !== "function") throw invalid("relay.mirror has no get and select");
}

/** Longest wait for an answer to begin or to go on. A stalled connection must not stop the loop, a slow one may take its time. */
const PATIENCE_MS = 60_000;

/** A client whose every request ends: by an answer, the caller's signal, or time. */
export class Relay {
  readonly #client: RelayClient;
  #wanted = new AbortController();

  constructor(client: RelayClient) {
    this.#client = client;
  }

  get(path: string, signal?: AbortSignal): Promise<Uint8Array> {
    return bounded([signal, this.#wanted.signal], (signal, onProgress) =>
      this.#client.get(path, { signal, onProgress }),
    );
  }

  async getText(path: string, signal?: AbortSignal): Promise<string> {
    const bytes = await this.get(path, signal);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw new TesseraError("RELAY_PROTOCOL", "the relay's answer is not UTF-8");
    }
  }

  post(path: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    return bounded([signal, this.#wanted.signal], (signal) => this.#client.post(path, body, { signal }));
  }

  select(path: string, body: Uint8Array, signal?: AbortSignal): Promise<Uint8Array> {
    return bounded([signal, this.#wanted.signal], async (signal, onProgress) => {
      if (this.#client.select === undefined) throw new TesseraError("UNSUPPORTED", "the relay client has no select");
      return this.#client.select(path, body, { signal, onProgress });
    });
  }

  /** Whether the relay can say when it has published. */
  get hasNotices(): boolean {
    return this.#client.notices !== undefined;
  }

  /** Listens until the stream ends, however it does. */
  async notices(...request: Parameters<NonNullable<RelayClient["notices"]>>): Promise<void> {
    await this.#client.notices?.(...request);
  }

  /** Ends all requests under way. */
  abandon(): void {
    this.#wanted.abort();
    this.#wanted = new AbortController();
  }
}

/** Calls with a signal of its own, whose reason is the platform's: callers may abort with any value at all. */
async function bounded<T>(
  outer: readonly (AbortSignal | undefined)[],
  request: (signal: AbortSignal, onProgress: () => void) => Promise<T>,
): Promise<T> {
  outer.forEach(throwIfAborted);
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let timer = setTimeout(abort, PATIENCE_MS);
  const onProgress = (): void => {
    clearTimeout(timer);
    timer = setTimeout(abort, PATIENCE_MS);
  };
  for (const signal of outer) signal?.addEventListener("abort", abort);
  try {
    // A client of the host's own may not heed its signal.
    return await Promise.race([request(controller.signal, onProgress), aborted(controller.signal)]);
  } catch (thrown) {
    outer.forEach(throwIfAborted);
    const error = asTesseraError(thrown, "RELAY_UNREACHABLE", "the relay cannot be reached");
    throw error.code === "ABORTED" ? new TesseraError("RELAY_UNREACHABLE", "the relay did not answer in time") : error;
  } finally {
    clearTimeout(timer);
    for (const signal of outer) signal?.removeEventListener("abort", abort);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new TesseraError("ABORTED", "the request was ended")), {
      once: true,
    });
  });
}

function isUrl(value: unknown): value is URL {
  return kindOf(value) === "URL";
}

/** A URL as text; relative ones are of the page. */
function urlText(url: unknown): string {
  if (typeof url !== "string" && !isUrl(url)) throw invalid("relay is not a URL");
  try {
    return new URL(url, globalThis.location?.href).href;
  } catch {
    throw invalid("relay is not a URL");
  }
}
