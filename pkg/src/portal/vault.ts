/** What opens a portal's vault, what locks it, and what ends it: `portal.vault`. */

import { discards, type DiscardOptions } from "./filing.js";
import { requireOpeningArgument, requirePassphrase } from "./options.js";
import type { Runtime } from "./runtime.js";
import type { HostKey, KeyOpening, PasskeyOpening, PasskeyOptions } from "./types.js";
import { bytes, options as known, text } from "../arguments.js";
import { requireHostKey, withHostKey } from "../vault/host-key.js";
import { withNewPasskey } from "../vault/passkey.js";
import { changePassphrase } from "../vault/vault.js";

export class PortalVault {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Locks the vault: wipes the keys from memory, stops the loop, and dispatches `locked`. Every call but `unlock`, `stop`, `destroy`
   * and `dispose` then rejects with `LOCKED`. Resolves when it is done; does nothing if the vault is locked already.
   */
  async lock(): Promise<void> {
    this.#runtime.throwIfOver();
    await this.#runtime.lockController.lock("manual");
  }

  /** Opens the vault again: the portal, its listeners and, if it ran, its loop go on as they were. Does nothing if it is open. */
  async unlock(opening: string | Uint8Array | PasskeyOpening | KeyOpening): Promise<void> {
    await this.#runtime.lockController.unlock(requireOpeningArgument(opening, "passphrase"));
    this.#runtime.resumeBackups();
  }

  /**
   * Restarts the idle time, because the person is here. Call it on keys, pointers and scrolling. Calls that change something do so
   * too. Calls that only read do not, because pages make them by themselves when a message arrives; nor does the loop.
   */
  touch(): void {
    this.#runtime.lockController.used();
  }

  /**
   * Replaces the passphrase, or adds one to a vault that only a key or a passkey opens. `old` is what opens the vault now, as `unlock`
   * takes it: `WRONG_PASSPHRASE` if it does not.
   */
  async changePassphrase(
    old: string | Uint8Array | PasskeyOpening | KeyOpening,
    passphrase: string | Uint8Array,
  ): Promise<void> {
    const [before, after] = [requireOpeningArgument(old, "old"), requirePassphrase(passphrase, "passphrase")];
    await changePassphrase(this.#runtime.forUser(), before, after);
  }

  /** Has another key of the host open the vault too, in the place of the one before, or with `null` none. */
  async setKey(key: HostKey | null): Promise<void> {
    const host = this.#runtime.forUser();
    if (key === null) await host.apply((engine, now) => engine.setHostKey(undefined, now));
    else await withHostKey(requireHostKey(key), (kek) => host.apply((engine, now) => engine.setHostKey(kek, now)));
  }

  /** Makes a passkey that also opens the vault, and returns its id. The platform asks the person; `UNSUPPORTED` where it has no PRF extension. */
  async addPasskey(options: PasskeyOptions = {}): Promise<Uint8Array> {
    const { label = globalThis.location?.hostname ?? "" } = known(options, "options", ["label"]);
    text(label, "label");
    const { passkeys } = await this.#runtime.forUser().readFirst((engine) => engine.ways());
    return withNewPasskey(label, passkeys, async ({ id, salt }, output) => {
      await this.#runtime.host.apply((engine, now) => engine.addPasskey(id, salt, output, now));
      return id;
    });
  }

  /** Stops a passkey from opening the vault. The platform may go on listing it. */
  async removePasskey(id: Uint8Array): Promise<void> {
    const credential = bytes(id, "id");
    await this.#runtime.forUser().apply((engine, now) => engine.removePasskey(credential, now));
  }

  /** The ids of the passkeys that open the vault. */
  async passkeys(): Promise<Uint8Array[]> {
    const { passkeys } = await this.#runtime.forRead().readFirst((engine) => engine.ways());
    return passkeys.map(({ id }) => id);
  }

  /** A code to print, which opens backups made from now on. It replaces the code before. */
  async createRecoveryCode(): Promise<string> {
    return this.#runtime.forUser().apply((engine, now) => engine.createRecoveryCode(now));
  }

  /** Makes backups without a recovery code from now on. Backups made before still open with theirs. */
  async removeRecoveryCode(): Promise<void> {
    await this.#runtime.forUser().apply((engine, now) => engine.removeRecoveryCode(now));
  }

  /** Whether a recovery code opens the vault. */
  async hasRecoveryCode(): Promise<boolean> {
    return this.#runtime.forRead().readFirst((engine) => engine.hasRecoveryCode());
  }

  /** The whole vault as one sealed file, read back before it is given. What opens the vault opens it. */
  async backup(): Promise<Uint8Array> {
    const host = this.#runtime.forUser();
    await host.apply((engine, now) => engine.backedUp(now));
    return host.backup();
  }

  /**
   * Destroys the vault: overwrites and removes what opens it, deletes everything that is kept here, and disposes of the portal.
   * Needs no passphrase, and works while the vault is locked. Only a backup brings it back; contacts are not told. `MESSAGE_UNFILED` if
   * the health record does not have a message yet.
   */
  async destroy(options: DiscardOptions = {}): Promise<void> {
    await this.#runtime.destroy(discards(options));
  }
}
