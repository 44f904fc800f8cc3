/** The interface of a portal's store. Everything except the vault's header is sealed before it gets here. */

import { bytes, callback, object, text } from "../arguments.js";
import { TesseraError, invalid, isTesseraError } from "../errors.js";

/** The result of `commit` if the store was changed by another client. */
export const CONFLICT = "CONFLICT";

/** One changed record; `null` deletes it. */
export type StoreChange = readonly [key: string, value: Uint8Array | null];

/** Everything under a prefix, as of one revision. */
export interface StoreSnapshot {
  readonly revision: number;
  readonly entries: readonly (readonly [key: string, value: Uint8Array])[];
}

export interface StoreLockOptions {
  /** Takes the lock away from its holder. */
  readonly takeOver: boolean;
  /** To be called once if the lock was taken away; not after it was released. */
  readonly onLost: () => void;
}

/**
 * A transactional key-value store. A host may pass its own.
 *
 * The store is the only copy of the keys: `commit` may resolve only once the changes are durable, all or none. What it throws is
 * `STORE_FAILED`; an error named `QuotaExceededError`, as browsers throw it, is `STORE_FULL`, after which reading and deleting go on.
 */
export interface Store {
  /** Names what is kept, the same for every store object on it, so that portals of one page wait for each other. */
  readonly place?: string;
  get(key: string): Promise<Uint8Array | undefined>;
  /** Entries whose key starts with `prefix`, in order of their keys' UTF-16 code units. */
  list(prefix: string): Promise<StoreSnapshot>;
  /** Applies all changes if the store is still at `expectedRevision`, and returns the new, greater revision, even without changes; otherwise changes nothing. */
  commit(expectedRevision: number, changes: readonly StoreChange[]): Promise<number | typeof CONFLICT>;
  /** Closes what is open. The records stay, and the store may be used again. */
  close(): Promise<void>;
  /**
   * Claims the store for one portal among all tabs and workers. Returns the function that releases it, or `null` if it is held elsewhere.
   *
   * May be left out: two portals on one store then go on until the second one commits, which conflicts.
   */
  lock?(options: StoreLockOptions): Promise<(() => void) | null>;
  /** Asks the platform not to clear the store by itself, and returns whether it agreed. Called when a vault is created. */
  persist?(): Promise<boolean>;
  /** Keeps, apart from the records and so that it may outlive them, whether there is a vault here. */
  mark?(present: boolean): Promise<void>;
  /** What was marked last. A vault that is marked and not there was cleared. */
  marked?(): Promise<boolean>;
  /** Deletes the place itself, once all records are deleted. It may be used again. */
  destroy?(): Promise<void>;
}

/** A store that lasts as long as the page: for demonstrations and tests. Closing it keeps what it holds, so that it can be opened again. */
export function memoryStore(): Store {
  const records = new Map<string, Uint8Array>();
  let revision = 0;
  return {
    async get(key) {
      return records.get(key)?.slice();
    },
    async list(prefix) {
      const entries = [...records]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key, value.slice()] as const);
      return { revision, entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) };
    },
    async commit(expectedRevision, changes) {
      const copies = copied(changes);
      if (expectedRevision !== revision) return CONFLICT;
      for (const [key, value] of copies) {
        if (value === null) records.delete(key);
        else records.set(key, value);
      }
      revision += 1;
      return revision;
    },
    async close() {},
  };
}

/** Refuses what is no store. */
export function requireStore(store: Store): void {
  const given = object(store, "store") as Partial<Store>;
  for (const method of ["get", "list", "commit", "close"] as const) {
    if (typeof given[method] !== "function") throw invalid(`store.${method} is not a function`);
  }
  if (given.place !== undefined) text(given.place, "store.place");
  for (const method of ["lock", "persist", "mark", "marked", "destroy"] as const)
    callback(given[method], `store.${method}`);
}

/** Checked, and of no one else: the callers may change their arrays, which may be windows on larger ones. */
export function copied(changes: readonly StoreChange[]): StoreChange[] {
  return changes.map(([key, value]) => [
    text(key, "key"),
    value === null ? null : new Uint8Array(bytes(value, "value")),
  ]);
}

/** Another commit may come between reading the revision and committing. */
const ATTEMPTS = 10;

/** Commits although others commit too: what `changes` gives once the revision was read, as often as it takes. */
export async function commitAnyway(store: Store, changes: () => Promise<readonly StoreChange[]>): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // No key of a vault starts like this: only the revision is wanted.
    const { revision } = await stored(() => store.list("\0"));
    const made = await changes();
    if ((await stored(() => store.commit(revision, made))) !== CONFLICT) return;
  }
  throw new TesseraError("STORE_CONFLICT", "the store keeps changing");
}

/** Runs a store's operation. Its errors become `STORE_FAILED`, or `STORE_FULL` if only room is missing. */
export async function stored<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (cause) {
    if (isTesseraError(cause) && (cause.code === "STORE_FAILED" || cause.code === "STORE_FULL")) throw cause;
    if ((cause as { name?: unknown } | undefined)?.name === "QuotaExceededError")
      throw new TesseraError("STORE_FULL", "the store has no room for this change; nothing was changed", { cause });
    throw new TesseraError("STORE_FAILED", "the store could not read or write", { cause });
  }
}
