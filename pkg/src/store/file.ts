/** A store in a folder, for Node: one file per record. Entry `tessera-portal/node`. */

import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { CONFLICT, copied, type Store, type StoreChange } from "./store.js";
import { synced } from "./synced.js";
import { text } from "../arguments.js";
import { invalid } from "../errors.js";

/** How often a holder checks whether another process has taken over the lock. */
const LOOK_MS = 250;

/** The changes of a commit, with the resulting revision. */
interface Journal {
  readonly revision: number;
  readonly changes: readonly (readonly [key: string, base64: string | null])[];
}

/**
 * A store in this folder, which is made when it is first used. A commit is written to a journal and on the disk before any record
 * is changed, so that a process that dies leaves all of it or nothing.
 */
export function fileStore(directory: string): Store {
  if (text(directory, "directory") === "") throw invalid("directory is empty");
  const folder = new Folder(resolve(directory));
  return {
    place: `file:${folder.path}`,
    get: (key) => folder.inTurn(() => folder.read(key)),
    list: (prefix) =>
      folder.inTurn(async () => {
        const keys = (await folder.keys()).filter((key) => key.startsWith(prefix)).sort(byCodeUnits);
        const entries = await Promise.all(keys.map(async (key) => [key, await folder.require(key)] as const));
        return { revision: await folder.revision(), entries };
      }),
    async commit(expectedRevision, changes) {
      const copies = copied(changes);
      return folder.inTurn(async () => {
        if ((await folder.revision()) !== expectedRevision || !(await folder.stillHeld())) return CONFLICT;
        return folder.commit(expectedRevision + 1, copies);
      });
    },
    close: () => folder.inTurn(async () => {}),
    lock: ({ takeOver, onLost }) => folder.lock(takeOver, onLost),
    destroy: () => folder.inTurn(() => folder.destroy()),
  };
}

/** Folders of this process by path: two stores on one folder take turns. */
const turns = new Map<string, Promise<unknown>>();

class Folder {
  readonly #records: string;
  /** The content of the lock file written by this store. */
  #held: string | undefined;

  constructor(readonly path: string) {
    this.#records = join(path, "records");
  }

  /** Runs operations one at a time, after recovering from a crashed process. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const before = turns.get(this.path) ?? Promise.resolve();
    const turn = before.then(async () => {
      await mkdir(this.#records, { recursive: true, mode: 0o700 });
      await this.#finish();
      return task();
    });
    const ended = turn.catch(() => {});
    turns.set(this.path, ended);
    return turn;
  }

  async revision(): Promise<number> {
    const written = await existing(readFile(join(this.path, "revision"), "utf8"));
    return written === undefined ? 0 : Number(written);
  }

  async keys(): Promise<string[]> {
    return (await readdir(this.#records)).filter((name) => !name.endsWith(".new")).map(keyOf);
  }

  async read(key: string): Promise<Uint8Array | undefined> {
    const found = await existing(readFile(join(this.#records, nameOf(key))));
    return found === undefined ? undefined : new Uint8Array(found);
  }

  async require(key: string): Promise<Uint8Array> {
    const found = await this.read(key);
    if (found === undefined) throw new Error("a record went away while it was listed");
    return found;
  }

  async commit(revision: number, changes: readonly StoreChange[]): Promise<number> {
    const journal: Journal = {
      revision,
      changes: changes.map(([key, value]) => [key, value === null ? null : Buffer.from(value).toString("base64")]),
    };
    await this.#write(this.path, "journal", JSON.stringify(journal));
    await this.#finish();
    return revision;
  }

  /** Applies the journal, if there is one. Idempotent. */
  async #finish(): Promise<void> {
    const written = await existing(readFile(join(this.path, "journal"), "utf8"));
    if (written === undefined) return;
    const { revision, changes } = JSON.parse(written) as Journal;
    for (const [key, value] of new Map(changes)) {
      if (value !== null) await this.#write(this.#records, nameOf(key), Buffer.from(value, "base64"));
      else await existing(unlink(join(this.#records, nameOf(key))));
    }
    await synced(this.#records);
    await this.#write(this.path, "revision", String(revision));
    await unlink(join(this.path, "journal"));
    await synced(this.path);
  }

  /** Writes a file durably and atomically. */
  async #write(folder: string, name: string, content: string | Uint8Array): Promise<void> {
    const fresh = join(folder, `${name}.new`);
    const file = await open(fresh, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, join(folder, name));
    await synced(folder);
  }

  /** Takes the lock: a file that names its holder. The lock of a process that has ended is free. */
  async lock(takeOver: boolean, onLost: () => void): Promise<(() => void) | null> {
    const path = join(this.path, "lock");
    const mine = JSON.stringify({ process: process.pid, token: randomBytes(16).toString("hex") });
    const taken = await this.inTurn(async () => {
      const holder = await existing(readFile(path, "utf8"));
      if (holder !== undefined && !takeOver && isAlive(holder)) return false;
      await this.#write(this.path, "lock", mine);
      return true;
    });
    if (!taken) return null;
    this.#held = mine;
    let over = false;
    const end = (): void => {
      over = true;
      this.#held = undefined;
      clearInterval(look);
    };
    const look = setInterval(async () => {
      if (await this.#holds(mine).catch(() => true)) return;
      if (over) return;
      end();
      onLost();
    }, LOOK_MS);
    look.unref();
    return () => {
      if (over) return;
      end();
      const unlock = async (): Promise<void> => {
        if (await this.#holds(mine)) await unlink(path);
      };
      void this.inTurn(unlock).catch(() => {});
    };
  }

  /** Whether this store still has the lock. */
  async stillHeld(): Promise<boolean> {
    return this.#held === undefined || this.#holds(this.#held);
  }

  async #holds(mine: string): Promise<boolean> {
    return (await existing(readFile(join(this.path, "lock"), "utf8"))) === mine;
  }

  async destroy(): Promise<void> {
    await rm(this.#records, { recursive: true, force: true });
    for (const name of ["revision", "journal"]) await rm(join(this.path, name), { force: true });
    await rmdir(this.path).catch(() => {}); // what else lies there, such as the lock, stays
  }
}

function isAlive(holder: string): boolean {
  try {
    process.kill((JSON.parse(holder) as { process: number }).process, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Returns `undefined` if the file does not exist. */
async function existing<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

/** File systems may be case-insensitive, and names have at most 255 bytes. */
function nameOf(key: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII
  const ascii = /^[\x00-\x7f]*$/.test(key);
  const name = ascii
    ? `a${Buffer.from(key, "latin1").toString("hex")}`
    : `u${Buffer.from(key, "utf16le").toString("hex")}`;
  if (name.length > 250) throw new Error("the key is too long for a file name");
  return name;
}

function keyOf(name: string): string {
  return Buffer.from(name.slice(1), "hex").toString(name.startsWith("a") ? "latin1" : "utf16le");
}

/** As stores order keys. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : 1;
}
