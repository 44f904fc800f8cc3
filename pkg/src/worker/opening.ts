/** What a vault in a worker is opened with, in a form that the worker can use. */

import { offerCredentials } from "./credentials.js";
import { kindOf } from "../arguments.js";
import type { Opening, RemoteStore } from "./protocol.js";
import type { ModuleSource } from "../module/load.js";
import { databaseName } from "../store/indexeddb.js";
import type { Store } from "../store/store.js";

type Options = Readonly<Record<string, unknown>>;

/** A vault that is opened in one worker after another. No secret is kept here. */
export class RemoteVault {
  /** `Portal.open`'s, without the store and what is for the first opening alone. */
  readonly #options: Options;
  /** What may open the vault again without asking anybody: a function or a `CryptoKey`, whose secret is kept elsewhere. */
  readonly #key: unknown;
  readonly #wasm: ModuleSource | undefined;
  /** As the page has it. */
  readonly store: Store;
  readonly #store: RemoteStore;
  #releaseClaim: () => void = () => {};

  constructor(options: Options, store: Store, wasm: unknown) {
    const { passphrase, passkey, key, create, afterEviction, takeOver, signal, ...kept } = options;
    this.#options = { ...kept, relay: absolute(kept["relay"]) };
    this.#key = typeof key === "function" || kindOf(key) === "CryptoKey" ? key : undefined;
    this.#wasm = absolute(wasm) as ModuleSource | undefined;
    this.store = store;
    this.#store = this.#offered(store);
  }

  /** Whether the vault can be opened again without asking anybody. */
  get reopens(): boolean {
    return this.#key !== undefined;
  }

  /** To be opened with these options too, such as the passphrase. */
  opening(options: Options, show: Opening["show"]): Opening {
    const given = { ...options, ...this.#options };
    return { options: given, store: this.#store, wasm: this.#wasm, credentials: offerCredentials(), show };
  }

  /** To be opened again, without asking anybody. A claim of the worker before may not have ended yet. */
  reopening(show: Opening["show"]): Opening {
    return this.opening({ key: this.#key, takeOver: true }, show);
  }

  /** Ends the claim on the store of a worker that is gone. */
  release(): void {
    this.#releaseClaim();
    this.#releaseClaim = () => {};
  }

  /** The store's functions, and its database if the worker may use that itself. */
  #offered(store: Store): RemoteStore {
    const names = ["get", "list", "commit", "close", "persist", "mark", "marked", "destroy"] as const;
    const methods = names.map((name) => [name, bound(store[name], store)] as const);
    const lock: Store["lock"] = async (options) => {
      const release = (await store.lock?.(options)) ?? null;
      if (release !== null) this.#releaseClaim = release;
      return release;
    };
    const offered = { ...Object.fromEntries(methods), lock: store.lock && lock, place: store.place };
    return { database: databaseName(store), store: offered as Store };
  }
}

/** A method as a function of its own; `undefined` for what is none. */
function bound(method: unknown, owner: object): unknown {
  return typeof method === "function" ? method.bind(owner) : undefined;
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
  const { get, post, select, notices, mirror, members, member, url } = value as Record<string, unknown>;
  const others = {
    mirror: absolute(mirror),
    members: Array.isArray(members) ? members.map(absolute) : members,
    member: typeof member === "function" ? async (url: string) => absolute(await member.call(value, url)) : member,
  };
  if (typeof get === "function" && typeof post === "function") {
    const methods = { get: bound(get, value), post: bound(post, value), select: bound(select, value) };
    return { url, ...methods, notices: bound(notices, value), ...others };
  }
  return Object.getPrototypeOf(value) === Object.prototype && url !== undefined
    ? { ...value, url: absolute(url), ...others }
    : value;
}
