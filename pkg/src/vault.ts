/** Opening the vault in a store: the passphrase's key, the records, the engine. */

import type { Engine, EngineHost, VaultWays } from "./engine.js";
import { call } from "./core.js";
import { TesseraError } from "./errors.js";
import { CONFLICT, stored, type Store, type StoreChange, type StoreSnapshot } from "./store.js";
import { pbkdf2, randomBytes } from "./webcrypto.js";

const HEADER = "vault";
/** Records the engine holds in memory: state, and the headers of messages. Bodies stay in the store. */
const LOADED = ["s/", "m/"];

const NEW_VAULT_ITERATIONS = 600_000;
const SALT_LENGTH = 16;
/** Reads are repeated if someone else commits between them. */
const READ_ATTEMPTS = 3;

/** What a secret opens, as the vault's header numbers it. */
const OPENED_BY = { passphrase: 0, passkey: 1, recovery: 2 } as const;

interface Opened {
  readonly engine: Engine;
  /** To be committed before anything else is done: a new vault, or one brought to this version. */
  readonly commit: readonly StoreChange[];
}

interface OpenedVault {
  readonly engine: Engine;
  /** The store's revision that the engine stands on. */
  readonly revision: number;
}

/** The vault in the store, or a new one of this name and relay; `VAULT_MISSING` if there is none and none may be created. */
export async function openVault(
  store: Store, passphrase: string | Uint8Array, create: { readonly name: string; readonly relay: string } | undefined,
): Promise<OpenedVault & { readonly created: boolean }> {
  const found = await readVault(store);
  if (found.header !== undefined) return { ...(await unlockVault(store, found, passphrase)), created: false };
  if (create === undefined) throw new TesseraError("VAULT_MISSING", "the store holds no vault; pass create: true for a new identity");
  return { ...(await createVault(store, found.revision, passphrase, create.name, create.relay)), created: true };
}

/** A new vault with a new identity. */
async function createVault(store: Store, revision: number, passphrase: string | Uint8Array, name: string, relay: string): Promise<OpenedVault> {
  const salt = randomBytes(SALT_LENGTH);
  const now = Math.floor(Date.now() / 1000);
  const opened = await withKey(passphrase, salt, NEW_VAULT_ITERATIONS, (kek) =>
    call((core) => core.Engine.create(kek, salt, NEW_VAULT_ITERATIONS, name, relay, now)) as Opened,
  );
  return settle(store, revision, opened);
}

/** The vault that the store holds. One of an older version is brought to this one, in one commit, once it has opened. */
async function unlockVault(store: Store, contents: VaultContents, passphrase: string | Uint8Array): Promise<OpenedVault> {
  const { header, records, revision } = contents;
  const { salt, iterations } = passphraseWay(call((core) => core.vaultWays(header)) as VaultWays);
  const opened = await withKey(passphrase, salt, iterations, (kek) => call((core) => core.Engine.unlock(OPENED_BY.passphrase, kek, header, records)) as Opened);
  return settle(store, revision, opened);
}

/** Commits what opening led to, before anything else is done with the engine. */
async function settle(store: Store, revision: number, { engine, commit }: Opened): Promise<OpenedVault> {
  if (commit.length === 0) return { engine, revision };
  try {
    const next = await stored(() => store.commit(revision, commit));
    if (next === CONFLICT) throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else");
    return { engine, revision: next };
  } catch (error) {
    engine.free();
    throw error;
  }
}

/** Has another passphrase open the vault from now on; `WRONG_PASSPHRASE` if the old one does not. */
export async function changePassphrase(host: EngineHost, old: string | Uint8Array, passphrase: string | Uint8Array): Promise<void> {
  const before = passphraseWay(await host.read((engine) => engine.ways()));
  const salt = randomBytes(SALT_LENGTH);
  await withKey(old, before.salt, before.iterations, (oldKek) =>
    withKey(passphrase, salt, NEW_VAULT_ITERATIONS, (kek) =>
      host.apply((engine, now) => engine.changePassphrase(oldKek, kek, salt, NEW_VAULT_ITERATIONS, now)),
    ),
  );
}

function passphraseWay({ salt, iterations }: VaultWays): { readonly salt: Uint8Array; readonly iterations: number } {
  if (salt === undefined || iterations === undefined) throw new TesseraError("WRONG_PASSPHRASE", "no passphrase opens this vault");
  return { salt, iterations };
}

interface VaultContents {
  readonly header: Uint8Array;
  readonly records: (readonly [string, Uint8Array])[];
  readonly revision: number;
}

/** What the store holds, as of one revision; no header if it holds no vault. */
async function readVault(store: Store): Promise<VaultContents | { readonly header: undefined; readonly revision: number }> {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
    const before = await stored(() => store.list(HEADER));
    const lists: StoreSnapshot[] = [];
    for (const prefix of LOADED) lists.push(await stored(() => store.list(prefix)));
    if (lists.some(({ revision }) => revision !== before.revision)) continue;
    const records = lists.flatMap(({ entries }) => [...entries]);
    const header = before.entries.find(([key]) => key === HEADER)?.[1];
    if (header !== undefined) return { header, records, revision: before.revision };
    if (records.length > 0) throw new TesseraError("VAULT_DAMAGED", "the vault's header is missing");
    return { header, revision: before.revision };
  }
  throw new TesseraError("STORE_CONFLICT", "the store keeps changing");
}

/** Derives the key from the passphrase, uses it, and wipes every copy made here. */
async function withKey<T>(passphrase: string | Uint8Array, salt: Uint8Array, iterations: number, use: (kek: Uint8Array) => T | Promise<T>): Promise<T> {
  const password = typeof passphrase === "string" ? new TextEncoder().encode(passphrase.normalize("NFKC")) : passphrase.slice();
  try {
    const kek = await pbkdf2(password, salt, iterations);
    try {
      return await use(kek);
    } finally {
      kek.fill(0);
    }
  } finally {
    password.fill(0);
  }
}
