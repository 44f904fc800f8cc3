/** Opening the vault in a store: the passphrase's key, the records, the engine. */

import type { Engine, Opened, VaultWays } from "../portal/engine.js";
import type { EngineHost } from "../portal/engine-host.js";
import { call } from "../module/core.js";
import { TesseraError, isTesseraError } from "../errors.js";
import { CONFLICT, stored, type Store, type StoreSnapshot } from "../store/store.js";
import { countFailure, failures } from "./failures.js";
import { withHostKey } from "./host-key.js";
import { HEADER, LOADED } from "./layout.js";
import { isPrompt } from "../portal/prompt.js";
import { withPasskey } from "./passkey.js";
import type { KeyOpening, PasskeyOpening } from "../portal/types.js";
import { pbkdf2, randomBytes } from "../module/webcrypto.js";

const NEW_VAULT_ITERATIONS = 600_000;
const SALT_LENGTH = 16;
/** Reads are repeated if someone else commits between them. */
const READ_ATTEMPTS = 3;

/** What a secret opens, as the vault's header numbers it. */
export const OPENED_BY = { passphrase: 0, passkey: 1, recovery: 2, key: 3 } as const;

export interface OpenedVault {
  readonly engine: Engine;
  /** The store's revision that the engine stands on. */
  readonly revision: number;
  /** How often unlocking had failed since it last worked. */
  readonly failed: number;
  /** Whether something in it is to leave at once. */
  readonly prompt: boolean;
}

/** What a person or a host opens a vault with. */
export type Opening = string | Uint8Array | PasskeyOpening | KeyOpening;

export function isPasskey(opening: Opening): opening is PasskeyOpening {
  return typeof opening === "object" && "passkey" in opening;
}

export function isKey(opening: Opening): opening is KeyOpening {
  return typeof opening === "object" && "key" in opening;
}

/** The kind of slot that it opens. */
export function kindOf(opening: Opening): UnlockKind {
  if (isKey(opening)) return OPENED_BY.key;
  return isPasskey(opening) ? OPENED_BY.passkey : OPENED_BY.passphrase;
}

export type UnlockKind = (typeof OPENED_BY)["passphrase" | "passkey" | "key"];

export interface UnlockOptions {
  readonly expectVault?: boolean;
  /** Whether a failure is counted: not in a store that another portal has. */
  readonly counts?: boolean;
  /** Takes the store from the portal that has it: called once the opening has proved right, and before anything is committed. */
  readonly takeOver?: () => Promise<void>;
}

/** The vault that the store holds; `VAULT_MISSING` if it holds none. One of an older version is brought to this one, in one commit, once it has opened. */
export async function unlockVault(store: Store, opening: Opening, options: UnlockOptions = {}): Promise<OpenedVault> {
  const { takeOver } = options;
  try {
    const opened = await withSecret(store, opening, options.expectVault === true, async (unlock, found) => {
      const first = unlock(found);
      if (takeOver === undefined) return { ...first, ...found };
      first.engine.free();
      await takeOver();
      const current = await requireVault(store, false); // the other portal may have gone on until now
      return { ...unlock(current), ...current };
    });
    return await settle(store, opened.revision, opened, opened);
  } catch (error) {
    if (options.counts === true && isTesseraError(error) && error.code === "WRONG_PASSPHRASE")
      await countFailure(store);
    throw error;
  }
}

/** The vault that the store holds, opened without changing anything there. */
export function readVault(store: Store, opening: Opening): Promise<Pick<OpenedVault, "engine" | "revision">> {
  return withSecret(store, opening, false, async (unlock, found) => ({ ...unlock(found), revision: found.revision }));
}

/** Asks for the secret once, and passes to `use` a function that opens the vault with it as often as needed. */
async function withSecret<T>(
  store: Store,
  opening: Opening,
  expectVault: boolean,
  use: (unlock: (vault: VaultContents) => Opened, found: VaultContents) => Promise<T>,
): Promise<T> {
  const found = await requireVault(store, expectVault);
  const ways = call((core) => core.vaultWays(found.header)) as VaultWays;
  return withOpening(opening, ways, (secret) =>
    use(({ header, records }) => call((core) => core.Engine.unlock(kindOf(opening), secret, header, records)), found),
  );
}

/** The secret that opens the slot of its kind; it is wiped after use. */
function withOpening<T>(opening: Opening, ways: VaultWays, use: (secret: Uint8Array) => Promise<T>): Promise<T> {
  if (isKey(opening)) return withHostKey(opening.key, use);
  return isPasskey(opening) ? withPasskey(ways.passkeys, use) : withKey(opening, passphraseWay(ways), use);
}

async function requireVault(store: Store, expectVault: boolean): Promise<VaultContents> {
  const found = await readContents(store);
  if (found !== undefined) return found;
  const cause = await cleared(store, expectVault);
  throw new TesseraError(
    "VAULT_MISSING",
    "the store holds no vault; pass create: true for a new identity",
    cause === undefined ? {} : { cause },
  );
}

/** Whether the store holds a vault that this code may open. */
export async function holdsVault(store: Store): Promise<boolean> {
  return (await readContents(store)) !== undefined;
}

/** A new vault with a new identity; `VAULT_EVICTED` if one was here that nobody destroyed, unless that is known. */
export async function createVault(
  store: Store,
  opening: string | Uint8Array | KeyOpening,
  name: string,
  relay: string,
  { expectVault, afterEviction }: { readonly expectVault: boolean; readonly afterEviction: boolean },
): Promise<OpenedVault> {
  const gone = await cleared(store, expectVault);
  if (gone !== undefined && !afterEviction) throw gone;
  const now = Math.floor(Date.now() / 1000);
  const create = (kek: Uint8Array, way?: PassphraseWay): Opened =>
    call((core) => core.Engine.create(kek, way?.salt, way?.iterations ?? 0, name, relay, now));
  const way = freshWay();
  const { engine, commit } = isKey(opening)
    ? await withHostKey(opening.key, (kek) => create(kek))
    : await withKey(opening, way, (kek) => create(kek, way));
  // What a destroyed vault may have left: nothing opens it.
  const { revision, entries } = await stored(() => store.list(""));
  const left = entries.map(([key]) => [key, null] as const);
  return settle(store, revision, { engine, commit: [...left, ...commit] });
}

/** Remembers that there is a vault here, as far as that is possible. */
export async function remember(store: Store): Promise<void> {
  try {
    await store.mark?.(true);
  } catch {
    // Then it is not noticed if the store is cleared.
  }
}

/** The error that says so, if a vault was here and is gone. */
async function cleared(store: Store, expectVault: boolean): Promise<TesseraError | undefined> {
  if (!expectVault && (await stored(async () => store.marked?.())) !== true) return undefined;
  return new TesseraError(
    "VAULT_EVICTED",
    "a vault was kept here and is gone: the browser or someone cleared it; pass afterEviction: true for a new identity",
  );
}

/** Commits what opening led to, before anything else is done with the engine. */
export async function settle(
  store: Store,
  revision: number,
  { engine, commit }: Opened,
  { failed, prompt }: Pick<OpenedVault, "failed" | "prompt"> = { failed: 0, prompt: false },
): Promise<OpenedVault> {
  try {
    const next = commit.length === 0 ? revision : await stored(() => store.commit(revision, commit));
    if (next === CONFLICT) throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else");
    return { engine, revision: next, failed, prompt };
  } catch (error) {
    engine.free();
    throw error;
  }
}

/** Has another passphrase open the vault from now on, or a first one; `WRONG_PASSPHRASE` if `opening` does not open it. */
export async function changePassphrase(
  host: EngineHost,
  opening: Opening,
  passphrase: string | Uint8Array,
): Promise<void> {
  const ways = await host.read((engine) => engine.ways());
  const [kind, { salt, iterations }] = [kindOf(opening), freshWay()];
  await withOpening(opening, ways, (secret) =>
    withKey(passphrase, { salt, iterations }, (kek) =>
      host.apply((engine, now) => engine.changePassphrase(kind, secret, kek, salt, iterations, now)),
    ),
  );
}

/** PBKDF2's parameters for a passphrase that is set now. */
export function freshWay(): PassphraseWay {
  return { salt: randomBytes(SALT_LENGTH), iterations: NEW_VAULT_ITERATIONS };
}

export interface PassphraseWay {
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export function passphraseWay({ salt, iterations }: VaultWays): PassphraseWay {
  if (salt === undefined || iterations === undefined)
    throw new TesseraError("WRONG_PASSPHRASE", "no passphrase opens this vault");
  return { salt, iterations };
}

interface VaultContents {
  readonly header: Uint8Array;
  readonly records: (readonly [string, Uint8Array])[];
  readonly revision: number;
  readonly failed: number;
  readonly prompt: boolean;
}

/** What the store holds, as of one revision; `undefined` if it holds no vault. */
async function readContents(store: Store): Promise<VaultContents | undefined> {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
    const before = await stored(() => store.list(HEADER));
    const lists: StoreSnapshot[] = [];
    for (const prefix of LOADED) lists.push(await stored(() => store.list(prefix)));
    if (lists.some(({ revision }) => revision !== before.revision)) continue;
    const records = lists.flatMap(({ entries }) => [...entries]);
    const header = before.entries.find(([key]) => key === HEADER)?.[1];
    if (header !== undefined) {
      const [failed, prompt] = [failures(store, before.entries), isPrompt(before.entries)];
      return { header, records, revision: before.revision, failed, prompt };
    }
    if (records.length > 0) throw new TesseraError("VAULT_DAMAGED", "the vault's header is missing");
    return undefined;
  }
  throw new TesseraError("STORE_CONFLICT", "the store keeps changing");
}

/** Derives the key from the passphrase, uses it, and wipes every copy made here. */
export async function withKey<T>(
  passphrase: string | Uint8Array,
  { salt, iterations }: PassphraseWay,
  use: (kek: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const password =
    typeof passphrase === "string" ? new TextEncoder().encode(passphrase.normalize("NFKC")) : passphrase.slice();
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
