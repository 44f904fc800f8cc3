/** The script of the worker: one portal, called from the page. */

import { answerCredentials, type RemoteCredentials } from "./credentials.js";
import { Peer, type Port } from "./peer.js";
import type { Opening, RemoteStore, Surface } from "./protocol.js";
import { Portal } from "../portal/portal.js";
import type { OpenOptions } from "../portal/types.js";
import { init } from "../module/core.js";
import { indexedDbStore } from "../store/indexeddb.js";
import type { Store } from "../store/store.js";

type AnyFunction = (...parameters: never[]) => unknown;

let portal: Portal | undefined;

void new Peer(globalThis as unknown as Port, named);

function named(name: string): AnyFunction | undefined {
  switch (name) {
    case "open":
      return open;
    case "visible":
      return visible;
    default:
      return functionOf(portal, name.split("."));
  }
}

/** The page came into view: what a page hears of itself. */
function visible(): void {
  globalThis.dispatchEvent(new Event("pageshow"));
}

async function open({ options, store, wasm, credentials, show }: Opening): Promise<Surface> {
  await init(wasm === undefined ? {} : { wasm });
  if (credentials !== undefined) answerCredentials(credentials as RemoteCredentials);
  const opened = await Portal.open({ ...options, store: storeOf(store) } as OpenOptions);
  portal = opened;
  void forward(opened, show);
  return surface(opened);
}

async function forward(opened: Portal, show: Opening["show"]): Promise<void> {
  for await (const { type, detail } of opened.events()) await show(type, detail);
}

/** A database is used from here, so that the page does not wait for it; what workers lack is asked of the page. */
function storeOf({ database, store }: RemoteStore): Store {
  if (database === undefined) return store;
  const { mark, marked, persist } = store;
  return { ...indexedDbStore(database), mark, marked, persist } as Store;
}

/** The names of what the page may call: methods of the portal, and of its parts. */
function surface(opened: Portal): Surface {
  const parts = Object.entries(opened).filter(([, part]) => typeof part === "object" && part !== null);
  return {
    methods: methodsOf(opened),
    parts: Object.fromEntries(parts.map(([name, part]) => [name, methodsOf(part as object)])),
  };
}

function methodsOf(object: object): string[] {
  const prototype = Object.getPrototypeOf(object) as object;
  return Object.entries(Object.getOwnPropertyDescriptors(prototype)).flatMap(([name, { value }]) =>
    typeof value === "function" && name !== "constructor" ? [name] : [],
  );
}

function functionOf(owner: unknown, [first = "", ...rest]: string[]): AnyFunction | undefined {
  const found = (owner as Record<string, unknown> | undefined)?.[first];
  if (rest.length > 0) return functionOf(found, rest);
  return typeof found === "function" ? (found as AnyFunction).bind(owner) : undefined;
}
