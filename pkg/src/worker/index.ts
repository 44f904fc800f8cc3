/** A portal whose engine, store and network run in a worker of its own, so that the page never waits for them. */

import { offerCredentials } from "./credentials.js";
import { Peer } from "./peer.js";
import type { Opening, RemoteStore, Surface } from "./protocol.js";
import { object, signal as requireSignal } from "../arguments.js";
import { TesseraError, asEnd, asTesseraError, invalid, isTesseraError } from "../errors.js";
import type { ModuleSource } from "../module/load.js";
import { EventStream } from "../portal/event-stream.js";
import type { PortalEvent } from "../portal/events.js";
import type { Portal } from "../portal/portal.js";
import type { EventsOptions, OpenOptions } from "../portal/types.js";
import { databaseName } from "../store/indexeddb.js";
import { requireStore, type Store } from "../store/store.js";

export { indexedDbStore } from "../store/indexeddb.js";
export { TesseraError, isTesseraError, type ErrorCode } from "../errors.js";

/** `Portal.open`'s, and where the worker comes from if the bundler does not find it. */
export type WorkerOptions = OpenOptions & {
  /** A worker that runs `tessera-portal/worker-host`, for bundlers that do not follow `new Worker(new URL(…))`. It is terminated at the end. */
  readonly worker?: Worker;
  /** As `init` takes it; relative to the page. */
  readonly wasm?: ModuleSource;
};

/**
 * Opens a portal in a worker of its own. It has the surface of `Portal`; every method is asynchronous.
 *
 * After a defect of the module (`INTERNAL`) the worker is ended, with all that was in its memory, and so is this portal. Open it again:
 * a fresh worker starts. Nothing is lost, because state is committed before anything is shown.
 */
export async function openInWorker(options: WorkerOptions): Promise<Portal> {
  const { worker, wasm, store, relay, ...rest } = object(options, "options") as Record<string, unknown>;
  requireStore(store as Store);
  const signal = requireSignal(rest["signal"], "signal");
  if (signal?.aborted === true) throw new TesseraError("ABORTED", "the caller's signal ended the call");
  if (worker !== undefined && typeof (worker as Partial<Worker>).postMessage !== "function")
    throw invalid("worker is not a Worker");
  const connection = new Connection((worker as Worker | undefined) ?? start());
  try {
    const target = new WorkerPortal(connection);
    const surface = (await connection.call("open", [
      {
        options: { ...rest, relay: absolute(relay) },
        store: remoteStore(store as Store),
        wasm: absolute(wasm) as ModuleSource | undefined,
        credentials: offerCredentials(),
        show: (type: string, detail: unknown) => target.show(type, detail),
      } satisfies Opening,
    ])) as Surface;
    target.complete(surface);
    return target as unknown as Portal;
  } catch (error) {
    connection.end(error);
    throw error;
  }
}

function start(): Worker {
  if (typeof Worker !== "function") throw new TesseraError("UNSUPPORTED", "this platform has no Worker");
  return new Worker(new URL("./host.js", import.meta.url), { type: "module", name: "tessera-portal" });
}

/** The worker, until it is ended: by the page, or by a defect. */
class Connection {
  readonly #worker: Worker;
  readonly #peer: Peer;
  #ended = false;
  #begun = false;

  constructor(worker: Worker) {
    this.#worker = worker;
    this.#peer = new Peer(worker);
    worker.addEventListener("error", (event) => this.end(this.#failure(event)));
    worker.addEventListener("messageerror", () =>
      this.end(new TesseraError("INTERNAL", "the worker sent what cannot be read")),
    );
  }

  async call(target: string, parameters: readonly unknown[]): Promise<unknown> {
    try {
      const value = await this.#peer.call(target, parameters);
      this.#begun = true;
      return value;
    } catch (thrown) {
      const error = asTesseraError(thrown);
      if (error.code === "INTERNAL") this.end(error);
      throw error;
    }
  }

  /** Ends the worker with all its memory. */
  end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#worker.terminate();
    this.#peer.end(this.#begun && isTesseraError(error) ? asEnd(error) : error);
  }

  /** A script that cannot be loaded gives an event without a reason. */
  #failure(event: ErrorEvent): TesseraError {
    event.preventDefault();
    if (this.#begun || event.message) return new TesseraError("INTERNAL", "a defect ended the worker");
    return new TesseraError(
      "WASM_UNAVAILABLE",
      "the worker's script could not be loaded: see https://github.com/tessera-health/tessera/tree/main/docs/bundlers",
    );
  }
}

/** The portal as the page has it: its methods are those that the worker names. */
class WorkerPortal extends EventTarget {
  readonly #connection: Connection;
  readonly #streams = new Set<EventStream<PortalEvent>>();
  #disposed: Promise<void> | undefined;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  complete({ methods, parts }: Surface): void {
    const define = (owner: object, path: string, names: readonly string[]): void => {
      for (const name of names) {
        if (name in owner) continue;
        const value = (...parameters: unknown[]): unknown => this.#call(`${path}${name}`, parameters);
        Object.defineProperty(owner, name, { value });
      }
    };
    define(this, "", methods);
    for (const [part, names] of Object.entries(parts)) {
      const value = {};
      if (part === "vault") Object.assign(value, { touch: () => void this.#call("vault.touch", []) });
      if (part === "audit") Object.assign(value, { stream: this.#stream("audit.stream") });
      define(value, `${part}.`, names);
      Object.defineProperty(this, part, { value, enumerable: true });
    }
  }

  /** An event of the portal in the worker. */
  show(type: string, detail: unknown): void {
    const event = new CustomEvent(type, { detail });
    this.dispatchEvent(event);
    for (const stream of this.#streams) stream.push(event as PortalEvent);
    if (type === "stopped" && isTesseraError(detail) && detail.code === "INTERNAL") this.#end(detail);
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<PortalEvent> {
    const signal = requireSignal(object(options, "options")["signal"], "signal");
    const stream = new EventStream<PortalEvent>((ended) => this.#streams.delete(ended));
    this.#streams.add(stream);
    if (signal?.aborted === true) stream.end();
    signal?.addEventListener("abort", () => stream.end(), { once: true });
    return stream;
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#connection
      .call("dispose", [])
      .then(() => {})
      .finally(() => this.#end(new TesseraError("DISPOSED", "this portal was disposed of")));
    return this.#disposed;
  }

  async #call(path: string, parameters: unknown[]): Promise<unknown> {
    const call = this.#connection.call(path, parameters);
    if (path === "vault.touch") return call.catch(() => {}); // nothing waits for it
    const value = await call;
    if (path === "vault.destroy") this.#end(new TesseraError("DISPOSED", "the vault was destroyed"));
    return value;
  }

  /** A stream whose first piece asks the worker for it. */
  #stream(path: string): (...parameters: unknown[]) => AsyncGenerator<unknown, void, undefined> {
    const connection = this.#connection;
    return async function* (...parameters) {
      yield* (await connection.call(path, parameters)) as AsyncIterable<unknown>;
    };
  }

  #end(error: TesseraError): void {
    this.#connection.end(error);
    for (const stream of this.#streams) stream.end();
  }
}

/** Relative addresses are of the page; the worker's own is another. */
function absolute(value: unknown): unknown {
  if (typeof value === "string" || value instanceof URL) {
    try {
      return new URL(value, globalThis.location?.href).href;
    } catch {
      return value; // refused where it is used
    }
  }
  if (typeof value !== "object" || value === null) return value;
  const { get, post, notices, url } = value as Record<string, unknown>;
  if (typeof get === "function" && typeof post === "function") {
    const bound = { url, get: get.bind(value), post: post.bind(value) };
    return typeof notices === "function" ? { ...bound, notices: notices.bind(value) } : bound;
  }
  return Object.getPrototypeOf(value) === Object.prototype && url !== undefined
    ? { ...value, url: absolute(url) }
    : value;
}

/** The store's functions, and its database if the worker may use that itself. */
function remoteStore(store: Store): RemoteStore {
  const names = ["get", "list", "commit", "close", "lock", "persist", "mark", "marked", "destroy"] as const;
  const bound = names.flatMap((name) => {
    const method = store[name] as ((...parameters: never[]) => unknown) | undefined;
    return method === undefined ? [] : [[name, method.bind(store)] as const];
  });
  return {
    database: databaseName(store),
    store: { ...Object.fromEntries(bound), ...(store.place === undefined ? {} : { place: store.place }) } as Store,
  };
}
