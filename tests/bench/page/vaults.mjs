// Stores that hold a vault of the second module.

import { indexedDbStore } from "tessera-portal";
import { text } from "./bytes.mjs";

/** What `prepare.mjs` makes for `tasks.mjs`: a database, and a batch of so many cells on this page's server, under this path. */
export const DATABASE = "bench-tasks";
export const STILL_RELAY = "/relay";
export const CELLS = 13_000;
export const PASSPHRASE = "correct horse battery staple";

/** Writes records into a database; gives a function that opens it as a store. */
export async function filled(name, records) {
  await new Promise((resolve) =>
    Object.assign(indexedDB.deleteDatabase(name), { onsuccess: resolve, onerror: resolve, onblocked: resolve }),
  );
  const store = indexedDbStore(name);
  const { revision } = await store.list("");
  await store.commit(revision, records);
  await store.close();
  return () => indexedDbStore(name);
}

/** The key that opens such a vault. */
export async function deriveKek(salt) {
  const key = await crypto.subtle.importKey("raw", text(PASSPHRASE), "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations: 600_000 }, key, 256),
  );
}
