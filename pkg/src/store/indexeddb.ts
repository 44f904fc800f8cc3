/** A store in the browser's database. It persists, and one portal at a time has its lock. */

import { deleteDB, openDB, type DBSchema, type IDBPDatabase } from "idb";
import { text } from "../arguments.js";
import { capabilities } from "../module/capabilities.js";
import { invalid } from "../errors.js";
import { CONFLICT, copied, stored, type Store } from "./store.js";
import { webLock } from "./web-lock.js";

/** The only version: without upgrades, opening never has to wait for another tab to close. */
const SCHEMA_VERSION = 1;

interface Schema extends DBSchema {
  records: { key: string; value: Uint8Array };
  meta: { key: "revision"; value: number };
}

type Database = IDBPDatabase<Schema>;

/**
 * A store in IndexedDB, under the origin of the page and this name. Works in pages and workers; nothing is opened before the first use.
 *
 * Errors of the browser are `STORE_FAILED` with the browser's error as `cause`.
 */
export function indexedDbStore(name: string): Store {
  if (text(name, "name") === "") throw invalid("name is empty");
  const connection = new Connection(name);
  const place = `tessera-portal/${name}`;
  const store: Store = {
    place,
    get: (key) => connection.use((database) => database.get("records", key)),

    list: (prefix) =>
      connection.use(async (database) => {
        const transaction = database.transaction(["records", "meta"], "readonly");
        const records = transaction.objectStore("records");
        const range = keysWith(prefix);
        const [revision = 0, keys, values] = await Promise.all([
          transaction.objectStore("meta").get("revision"),
          records.getAllKeys(range),
          records.getAll(range),
          transaction.done,
        ]);
        return { revision, entries: keys.map((key, at) => [key, values[at] as Uint8Array] as const) };
      }),

    async commit(expectedRevision, changes) {
      const copies = copied(changes);
      return connection.use(async (database) => {
        // "strict": complete only after a sync to disk.
        const transaction = database.transaction(["records", "meta"], "readwrite", { durability: "strict" });
        const [records, meta] = [transaction.objectStore("records"), transaction.objectStore("meta")];
        try {
          const revision = (await meta.get("revision")) ?? 0;
          if (revision !== expectedRevision) return CONFLICT;
          const writes = copies.map(([key, value]) => (value === null ? records.delete(key) : records.put(value, key)));
          await Promise.all([...writes, meta.put(revision + 1, "revision"), transaction.done]);
          return revision + 1;
        } catch (error) {
          await abandon(transaction);
          throw transaction.error ?? error; // for want of room, only the transaction says why
        }
      });
    },

    close: () => connection.close(),

    ...(capabilities().webLocks ? { lock: webLock(place) } : {}),

    // In the page's other storage: what is cleared by hand or by the browser for want of space is often only one of the two.
    async mark(present) {
      if (present) marks()?.setItem(place, "vault");
      else marks()?.removeItem(place);
    },

    async marked() {
      return marks()?.getItem(place) === "vault";
    },

    async destroy() {
      await connection.close();
      await stored(() => deleteDB(name));
    },

    async persist() {
      return capabilities().storagePersistence && (await navigator.storage.persist());
    },
  };
  DATABASES.set(store, name);
  return store;
}

const DATABASES = new WeakMap<Store, string>();

/** The name of the database behind a store, if it is one of `indexedDbStore`: a worker opens it by itself. */
export function databaseName(store: Store): string | undefined {
  return DATABASES.get(store);
}

/** Absent in workers, and if the page may not store anything. */
function marks(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** The database, opened when it is needed and again if the browser or another tab made it close. */
class Connection {
  readonly #name: string;
  #opening: Promise<Database> | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  use<T>(operation: (database: Database) => Promise<T>): Promise<T> {
    return stored(async () => {
      this.#opening ??= this.#open();
      return operation(await this.#opening);
    });
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    // A database that failed to open needs no closing, and its user got the error.
    await opening?.then(
      (database) => database.close(),
      () => {},
    );
  }

  #open(): Promise<Database> {
    const opening: Promise<Database> = openDB<Schema>(this.#name, SCHEMA_VERSION, {
      upgrade(database) {
        database.createObjectStore("records");
        database.createObjectStore("meta");
      },
      // Another tab deletes or upgrades the database: close it after pending transactions.
      blocking: () => void this.close(),
      terminated: () => void this.#forget(opening),
    });
    opening.catch(() => this.#forget(opening));
    return opening;
  }

  #forget(opening: Promise<Database>): void {
    if (this.#opening === opening) this.#opening = undefined;
  }
}

/** Aborts a transaction, which may already have aborted. */
async function abandon(transaction: { abort(): void; readonly done: Promise<void> }): Promise<void> {
  const ended = transaction.done.catch(() => {});
  try {
    transaction.abort();
  } catch {
    // It had already ended.
  }
  await ended;
}

/** The keys that start with a prefix: strings are ordered by UTF-16 code units. */
function keysWith(prefix: string): IDBKeyRange {
  const last = prefix.replace(/\uffff+$/, "");
  if (last === "") return IDBKeyRange.lowerBound(prefix);
  const after = last.slice(0, -1) + String.fromCharCode(last.charCodeAt(last.length - 1) + 1);
  return IDBKeyRange.bound(prefix, after, false, true);
}
