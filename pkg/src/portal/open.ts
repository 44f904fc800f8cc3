/** From options and a store to a running portal. */

import {
  requireMirror,
  requireOpening,
  requirePassphrase,
  requireRuntimeOptions,
  OPEN_OPTIONS,
  READ_OPTIONS,
  RESTORE_OPTIONS,
  type RuntimeOptions,
} from "./options.js";
import { ReadOnlyPortal } from "./read-only.js";
import { Runtime } from "./runtime.js";
import type { KeyOpening, OpenOptions, ReadOptions, RestoreOptions } from "./types.js";
import { bytes, flag, options as known, signal as requireSignal, text, throwIfAborted } from "../arguments.js";
import { invalid, isTesseraError } from "../errors.js";
import { init } from "../module/core.js";
import { relayClient, type RelayClient } from "../relay/client.js";
import { requireStore, type Store } from "../store/store.js";
import { restoreVault } from "../vault/backup.js";
import { VaultLock } from "../vault/lock.js";
import {
  createVault,
  holdsVault,
  isPasskey,
  kindOf,
  readVault,
  remember,
  unlockVault,
  type OpenedVault,
  type UnlockKind,
} from "../vault/vault.js";

/** Opens the vault in the store, or creates one if `create` says so. */
export async function openRuntime(options: OpenOptions): Promise<Runtime> {
  const { relay, store, name, ...given } = known(options, "options", OPEN_OPTIONS);
  requireStore(store);
  const opening = requireOpening(given);
  const creating = flag(given.create, "create");
  const takeOver = flag(given.takeOver, "takeOver");
  const history = {
    expectVault: flag(given.expectVault, "expectVault"),
    afterEviction: flag(given.afterEviction, "afterEviction"),
  };
  if (creating || name !== undefined) text(name, "name");
  const runtimeOptions = requireRuntimeOptions(given);
  const signal = requireSignal(given.signal, "signal");
  throwIfAborted(signal);
  await init();
  const client = relayClient(relay);
  requireMirror(runtimeOptions.reading, client);
  const lock = await VaultLock.acquire(store, { signal, takesOver: takeOver });
  try {
    if (!lock.held && !takeOver) throw lock.inUse();
    const creates = creating && !(await holdsVault(store));
    if (creates && isPasskey(opening)) throw invalid("passkey cannot open a new vault: give a passphrase or a key");
    if (creates && !lock.held) await lock.takeOver();
    const opened = creates
      ? await createVault(store, opening as string | Uint8Array | KeyOpening, name as string, client.url, history)
      : await unlockVault(store, opening, {
          expectVault: history.expectVault,
          counts: lock.held,
          ...(lock.held ? {} : { takeOver: () => lock.takeOver() }),
        });
    const runtime = await run(opened, store, client, lock, runtimeOptions, signal);
    if (creates) void runtime.askToPersist();
    else await firstSteps(runtime, client, kindOf(opening));
    lock.opened();
    return runtime;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Puts a backup into an empty store and opens it, as a device of its own. */
export async function restoreRuntime(bundle: Uint8Array, options: RestoreOptions): Promise<Runtime> {
  const file = bytes(bundle, "bundle");
  const { relay, store, passphrase, key, recoveryCode, newPassphrase, ...given } = known(
    options,
    "options",
    RESTORE_OPTIONS,
  );
  requireStore(store);
  if (recoveryCode === undefined) requireOpening({ passphrase, key });
  else text(recoveryCode, "recoveryCode");
  if (recoveryCode !== undefined && (passphrase ?? key) !== undefined)
    throw invalid("recoveryCode and another way are both given: a backup is opened with one of them");
  if (recoveryCode !== undefined || newPassphrase !== undefined) requirePassphrase(newPassphrase, "newPassphrase");
  const runtimeOptions = requireRuntimeOptions(given);
  await init();
  const client = relayClient(relay);
  requireMirror(runtimeOptions.reading, client);
  const lock = await VaultLock.require(store);
  try {
    const opened = await restoreVault(store, file, { passphrase, key, recoveryCode, newPassphrase });
    const runtime = await run(opened, store, client, lock, runtimeOptions);
    void runtime.askToPersist();
    await firstSteps(runtime, client);
    lock.opened();
    return runtime;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens the vault in a store for reading, and changes nothing there: the store may be full, a copy, or open elsewhere. */
export async function openReadOnly(options: ReadOptions): Promise<ReadOnlyPortal> {
  const { store, ...given } = known(options, "options", READ_OPTIONS);
  requireStore(store);
  const opening = requireOpening(given);
  await init();
  const { engine, revision } = await readVault(store, opening);
  return new ReadOnlyPortal(engine, store, revision);
}

/** The runtime of an opened vault, unless the vault was taken over or the call was aborted meanwhile. */
async function run(
  vault: OpenedVault,
  store: Store,
  client: RelayClient,
  lock: VaultLock,
  options: RuntimeOptions,
  signal?: AbortSignal,
): Promise<Runtime> {
  try {
    lock.lost.throwIfAborted();
    throwIfAborted(signal);
  } catch (error) {
    vault.engine.free();
    throw error;
  }
  await remember(store);
  return new Runtime(vault, store, client, lock, options);
}

/** Notes the unlock in the audit log, and where the relay is reached now: it may have another URL than before. */
async function firstSteps(runtime: Runtime, relay: RelayClient, kind?: UnlockKind): Promise<void> {
  try {
    if (kind !== undefined) await runtime.noteUnlock(kind);
    await runtime.host.applyFirst((engine, now) => engine.relocate(relay.url, now));
  } catch (error) {
    if (isTesseraError(error) && error.code === "STORE_FULL") return; // it can be read all the same
    await runtime.dispose();
    throw error;
  }
}
