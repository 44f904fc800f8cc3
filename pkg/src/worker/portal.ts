/** The portal as the page has it. A defect ends its worker, not the portal: the vault is opened again in another. */

import { Connection } from "./connection.js";
import type { RemoteVault } from "./opening.js";
import type { Opening, Surface } from "./protocol.js";
import { TesseraError, asEnd, asTesseraError, isTesseraError } from "../errors.js";
import { EventStreams } from "../portal/event-stream.js";
import type { PortalEvent, PortalEvents } from "../portal/events.js";
import type { HostLog } from "../portal/log.js";
import type { EventsOptions } from "../portal/types.js";
import { destroyVault } from "../vault/destroy.js";

/** A vault that ends one worker after another is left locked. */
const MOST_REOPENINGS = 3;

export interface Workers {
  /** Whether another worker can be started in the place of one that ended. */
  readonly restarts: boolean;
  start(): Worker;
}

/** `defective`: a defect ended the worker, and only `unlock` opens the vault again. */
type State = "opening" | "open" | "defective" | "ended";

export class WorkerPortal extends EventTarget {
  readonly #vault: RemoteVault;
  readonly #workers: Workers;
  readonly #log: HostLog;
  readonly #streams = new EventStreams();
  #state: State = "opening";
  /** Where calls go: pending while the vault is opened again, rejected while it stays closed. */
  #connection: Promise<Connection> = rejected(new TesseraError("LOCKED", "the vault is not open yet"));
  /** The worker of now, also while the vault is being opened in it. */
  #current: Connection | undefined;
  /** Whether the vault was locked by its own portal. */
  #locked = false;
  /** Whether the loop is to go on. */
  #running = false;
  #reopenings = 0;
  #disposed: Promise<void> | undefined;

  constructor(vault: RemoteVault, workers: Workers, log: HostLog) {
    super();
    this.#log = log;
    this.#vault = vault;
    this.#workers = workers;
  }

  /** Opens the vault for the first time. */
  async open(options: Readonly<Record<string, unknown>>): Promise<void> {
    const { connection, surface } = await this.#open(this.#vault.opening(options, this.#show));
    this.#connection = Promise.resolve(connection);
    this.#define(surface);
    globalThis.document?.addEventListener("visibilitychange", this.#onVisible);
  }

  async start(): Promise<void> {
    await this.#call("start", []);
    this.#running = true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    if (this.#state !== "defective") await this.#call("stop", []);
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<PortalEvent> {
    return this.#streams.open(options);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    const isOpen = this.#state === "open" || this.#state === "opening";
    const over = new TesseraError("DISPOSED", "this portal was disposed of");
    try {
      if (isOpen) await this.#call("dispose", []);
    } finally {
      this.#end(over);
    }
  }

  /** The methods are those that the worker names, except those of the page itself. */
  #define({ methods, parts }: Surface): void {
    const own: Record<string, object> = {
      vault: {
        touch: () => void this.#call("vault.touch", []).catch(() => {}), // nothing awaits it
        unlock: (opening: unknown) => this.#unlock(opening),
        destroy: () => this.#destroy(),
      },
      audit: { stream: (...parameters: unknown[]) => this.#stream("audit.stream", parameters) },
    };
    const define = (owner: object, path: string, names: readonly string[]): void => {
      for (const name of names) {
        if (name in owner) continue;
        const value = (...parameters: unknown[]): unknown => this.#call(`${path}${name}`, parameters);
        Object.defineProperty(owner, name, { value });
      }
    };
    define(this, "", methods);
    for (const [part, names] of Object.entries(parts)) {
      const value = own[part] ?? {};
      define(value, `${part}.`, names);
      Object.defineProperty(this, part, { value, enumerable: true });
    }
  }

  async #call(path: string, parameters: readonly unknown[]): Promise<unknown> {
    return (await this.#connection).call(path, parameters);
  }

  /** A stream whose first piece asks the worker for it. */
  async *#stream(path: string, parameters: readonly unknown[]): AsyncGenerator<unknown, void, undefined> {
    yield* (await this.#call(path, parameters)) as AsyncIterable<unknown>;
  }

  async #unlock(opening: unknown): Promise<void> {
    if (this.#state === "defective") {
      await this.#reopen(this.#vault.opening(asOptions(opening), this.#show));
      this.#reopenings = 0;
      this.#tell("unlocked", null);
    } else await this.#call("vault.unlock", [opening]);
  }

  /** Works without an open vault. */
  async #destroy(): Promise<void> {
    if (this.#state === "defective") await destroyVault(this.#vault.store);
    else await this.#call("vault.destroy", []);
    this.#end(new TesseraError("DISPOSED", "the vault was destroyed"));
  }

  #connect(): Connection {
    const connection = new Connection(this.#workers.start(), (error) => this.#defect(error));
    this.#current = connection;
    return connection;
  }

  async #open(opening: Opening): Promise<{ readonly connection: Connection; readonly surface: Surface }> {
    const connection = this.#connect();
    try {
      const surface = (await connection.call("open", [opening])) as Surface;
      this.#state = "open";
      return { connection, surface };
    } catch (thrown) {
      const error = asTesseraError(thrown);
      connection.end(error);
      this.#vault.release();
      throw error;
    }
  }

  /** Opens the vault in another worker. Calls wait for it meanwhile. */
  async #reopen(opening: Opening): Promise<void> {
    this.#state = "opening";
    const opened = this.#open(opening).then(async ({ connection }) => {
      if (this.#running) await connection.call("start", []);
      return connection;
    });
    this.#connection = opened;
    try {
      await opened;
      this.#tell("notice", { code: "INTERNAL", cleared: true });
    } catch (error) {
      this.#becomeDefective();
      throw error;
    }
  }

  /** Pending calls were rejected with `INTERNAL`. */
  #defect(error: TesseraError): void {
    if (this.#state !== "open") return; // the opening fails
    this.#vault.release();
    if (!this.#workers.restarts) {
      this.#end(asEnd(error));
      return;
    }
    this.#tell("notice", { code: "INTERNAL", cleared: false });
    if (this.#locked || !this.#vault.reopens || this.#reopenings === MOST_REOPENINGS) {
      this.#becomeDefective();
      return;
    }
    this.#reopenings += 1;
    this.#reopen(this.#vault.reopening(this.#show)).catch(() => {}); // `locked` has reported it
  }

  #becomeDefective(): void {
    if (this.#state === "ended") return;
    this.#state = "defective";
    this.#connection = rejected(new TesseraError("LOCKED", "the vault is locked, after a defect: unlock it"));
    if (!this.#locked) this.#tell("locked", { reason: "defect" });
  }

  /** An event of this side. */
  #tell<K extends "notice" | "locked" | "unlocked">(type: K, detail: PortalEvents[K]["detail"]): void {
    this.#log.event(type, detail);
    this.#show(type, detail);
  }

  /** An event of the portal in the worker, which has logged it. */
  readonly #show = (type: string, detail: unknown): void => {
    if (type === "stopped" && isTesseraError(detail) && detail.code === "INTERNAL") {
      this.#current?.defect(detail);
      return;
    }
    if (type === "locked" || type === "unlocked") this.#locked = type === "locked";
    this.#streams.dispatch(this, type, detail);
  };

  /** A worker does not know whether the page is visible. */
  readonly #onVisible = (): void => {
    if (document.visibilityState === "visible") this.#call("visible", []).catch(() => {});
  };

  #end(error: TesseraError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    globalThis.document?.removeEventListener("visibilitychange", this.#onVisible);
    this.#connection = rejected(error);
    this.#current?.end(error);
    this.#vault.release();
    this.#streams.end();
  }
}

/** What `unlock` takes, as `open` takes it. */
function asOptions(opening: unknown): Readonly<Record<string, unknown>> {
  const isNamed = typeof opening === "object" && opening !== null && ("passkey" in opening || "key" in opening);
  return isNamed ? (opening as Record<string, unknown>) : { passphrase: opening };
}

function rejected(error: TesseraError): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
