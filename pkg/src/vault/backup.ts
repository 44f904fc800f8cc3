/** Backups: making one, restoring one, and handing one to the host after changes. */

import { call, callComplete } from "../module/core.js";
import type { Opened, VaultWays } from "../portal/engine.js";
import { TesseraError, invalid, isTesseraError } from "../errors.js";
import { stored, type Store } from "../store/store.js";
import type { BackupStatus, RestoreOptions } from "../portal/types.js";
import { withHostKey } from "./host-key.js";
import { OPENED_BY, freshWay, passphraseWay, settle, withKey, type OpenedVault } from "./vault.js";

/** What opens a backup. */
export type BackupKey = {
  readonly [K in "passphrase" | "key" | "recoveryCode" | "newPassphrase"]: RestoreOptions[K] | undefined;
};

/** Puts a backup into an empty store, on a device of its own; `STORE_NOT_EMPTY` if anything is there. */
export async function restoreVault(store: Store, bundle: Uint8Array, key: BackupKey): Promise<OpenedVault> {
  const { revision, entries } = await stored(() => store.list(""));
  if (entries.length > 0) throw new TesseraError("STORE_NOT_EMPTY", "a backup is restored into an empty store only");
  return settle(store, revision, await open(bundle, key));
}

async function open(bundle: Uint8Array, { passphrase, key, recoveryCode, newPassphrase }: BackupKey): Promise<Opened> {
  const header = call((core) => core.bundleHeader(bundle));
  const now = Math.floor(Date.now() / 1000);
  const way = freshWay();
  const openWith = (kind: number, secret: Uint8Array): Promise<Opened> => {
    const restore = (kek?: Uint8Array): Promise<Opened> =>
      callComplete((core) => core.Engine.restore(bundle, kind, secret, kek, way.salt, way.iterations, now));
    return newPassphrase === undefined ? restore() : withKey(newPassphrase, way, restore);
  };
  if (key !== undefined) return withHostKey(key, (kek) => openWith(OPENED_BY.key, kek));
  if (recoveryCode === undefined) {
    if (passphrase === undefined) throw invalid("neither passphrase nor recoveryCode is given");
    const ways = call((core) => core.vaultWays(header)) as VaultWays;
    return withKey(passphrase, passphraseWay(ways), (kek) => openWith(OPENED_BY.passphrase, kek));
  }
  const code = new TextEncoder().encode(recoveryCode);
  try {
    return await openWith(OPENED_BY.recovery, code);
  } finally {
    code.fill(0);
  }
}

/** Waits for a pause after a change, but not longer than this. */
const PAUSE_MS = { shortest: 5000, longest: 60_000 };
/** Waits after a failure, twice as long each time. */
const RETRY_MS = { first: 30_000, longest: 1_800_000 };

/** Keys whose change alone is not worth a backup: how far a mailbox was read, and unsent drafts. */
const MINOR = /^(?:s\/relay|s\/audit|a\/.*|d\/.*)$/;

/** Gives the host a backup soon after each change that matters: one at a time, later while changes continue, and again after a failure. */
export class BackupKeeper {
  readonly #make: () => Promise<Uint8Array>;
  readonly #give: (bundle: Uint8Array) => unknown;
  readonly #tell: (status: BackupStatus) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the oldest change happened that no backup holds yet. */
  #since: number | undefined;
  #running = false;
  #failures = 0;
  #stopped = false;

  constructor(
    make: () => Promise<Uint8Array>,
    give: (bundle: Uint8Array) => unknown,
    tell: (status: BackupStatus) => void,
  ) {
    this.#make = make;
    this.#give = give;
    this.#tell = tell;
  }

  /** These keys were committed. */
  changed(keys: readonly string[]): void {
    if (keys.every((key) => MINOR.test(key))) return;
    this.#since ??= Date.now();
    if (this.#failures === 0)
      this.#wait(Math.max(0, Math.min(PAUSE_MS.shortest, this.#since + PAUSE_MS.longest - Date.now())));
  }

  /** The vault is open again: makes the backups that were postponed. */
  resume(): void {
    if (this.#since !== undefined) this.#wait(PAUSE_MS.shortest);
  }

  /** A backup under way is still given; no other begins. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#running) return; // what comes meanwhile waits for the end of that
    this.#timer = setTimeout(() => void this.#run(), ms);
    // Not a reason for a process to go on.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    const since = this.#since;
    this.#since = undefined;
    try {
      await this.#give(await this.#make());
      if (this.#failures > 0) this.#tell({ backup: "saved" });
      this.#failures = 0;
    } catch (cause) {
      this.#since = since ?? Date.now();
      if (isTesseraError(cause) && cause.code === "LOCKED") return; // until `resume`
      this.#failures += 1;
      if (!this.#stopped) this.#tell({ backup: "failed", cause });
    } finally {
      this.#running = false;
    }
    if (this.#since === undefined) return;
    this.#wait(
      this.#failures === 0 ? PAUSE_MS.shortest : Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** (this.#failures - 1)),
    );
  }
}
