/** From options and a store to a running portal. */

import { requireOpening, requirePassphrase, requireRuntimeOptions, type RuntimeOptions } from "./options.js";
import { Runtime } from "./runtime.js";
import type { OpenOptions, RestoreOptions } from "./types.js";
import { bytes, object, text } from "../arguments.js";
import { invalid } from "../errors.js";
import { init } from "../module/init.js";
import { relayClient, type RelayClient } from "../relay/client.js";
import { requireStore, type Store } from "../store/store.js";
import { restoreVault } from "../vault/backup.js";
import { VaultLock } from "../vault/lock.js";
import { createVault, holdsVault, isPasskey, remember, unlockVault, type OpenedVault } from "../vault/vault.js";

/** Opens the vault in the store, or creates one if `create` says so. */
export async function openRuntime(options: OpenOptions): Promise<Runtime> {
  await init();
  const { relay, store, name, create, takeOver, ...given } = object(options, "options") as unknown as OpenOptions;
  const client = relayClient(relay);
  requireStore(store);
  const opening = requireOpening(
    given.passkey === true && given.passphrase === undefined ? { passkey: true } : given.passphrase,
  );
  text(name, "name");
  const runtimeOptions = requireRuntimeOptions(given);
  const lock = await VaultLock.acquire(store, takeOver === true);
  try {
    const creates = create === true && !(await holdsVault(store));
    if (creates && isPasskey(opening)) throw invalid("a new vault needs a passphrase");
    const history = { expectVault: given.expectVault === true, afterEviction: given.afterEviction === true };
    const opened = creates
      ? await createVault(store, opening as string | Uint8Array, name, client.url, history)
      : await unlockVault(store, opening, history.expectVault);
    const runtime = await run(opened, store, client, lock, runtimeOptions);
    if (creates) void runtime.askToPersist();
    else await firstSteps(runtime, client, isPasskey(opening));
    return runtime;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Puts a backup into an empty store and opens it, as a device of its own. */
export async function restoreRuntime(bundle: Uint8Array, options: RestoreOptions): Promise<Runtime> {
  await init();
  const { relay, store, passphrase, recoveryCode, newPassphrase, ...given } = object(
    options,
    "options",
  ) as unknown as RestoreOptions;
  const client = relayClient(relay);
  requireStore(store);
  if (recoveryCode === undefined) requirePassphrase(passphrase, "passphrase");
  else text(recoveryCode, "recoveryCode");
  if (recoveryCode !== undefined || newPassphrase !== undefined) requirePassphrase(newPassphrase, "newPassphrase");
  const runtimeOptions = requireRuntimeOptions(given);
  const lock = await VaultLock.acquire(store, false);
  try {
    const opened = await restoreVault(store, bytes(bundle, "bundle"), { passphrase, recoveryCode, newPassphrase });
    const runtime = await run(opened, store, client, lock, runtimeOptions);
    void runtime.askToPersist();
    await firstSteps(runtime, client);
    return runtime;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The runtime of an opened vault, unless the vault was taken over meanwhile. */
async function run(
  vault: OpenedVault,
  store: Store,
  client: RelayClient,
  lock: VaultLock,
  options: RuntimeOptions,
): Promise<Runtime> {
  if (lock.lost.aborted) {
    vault.engine.free();
    throw lock.lost.reason;
  }
  await remember(store);
  return new Runtime(vault, store, client, lock, options);
}

/** Notes the unlock in the audit log, and where the relay is reached now: it may have another URL than before. */
async function firstSteps(runtime: Runtime, relay: RelayClient, passkey?: boolean): Promise<void> {
  try {
    if (passkey !== undefined) await runtime.host.apply((engine, now) => engine.unlocked(passkey, now));
    await runtime.host.apply((engine, now) => engine.relocate(relay.url, now));
  } catch (error) {
    await runtime.dispose();
    throw error;
  }
}
