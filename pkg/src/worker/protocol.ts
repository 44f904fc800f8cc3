/** What page and worker agree on. */

import type { ModuleSource } from "../module/load.js";
import type { Store } from "../store/store.js";

/** A store of the page's: the functions, and the name of the database if it is one of the browser's. */
export interface RemoteStore {
  readonly database: string | undefined;
  readonly store: Store;
}

export interface Opening {
  /** Options of `Portal.open` without the store. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly store: RemoteStore;
  readonly wasm?: ModuleSource | undefined;
  /** WebAuthn, which the page has and a worker has not. */
  readonly credentials?: unknown;
  /** Called with every event of the portal. */
  readonly show: (type: string, detail: unknown) => unknown;
}

/** The names of the methods of a portal, and of its parts. */
export interface Surface {
  readonly methods: readonly string[];
  readonly parts: Readonly<Record<string, readonly string[]>>;
}
