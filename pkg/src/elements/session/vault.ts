/** From a store in this browser to an open portal: the first visit, later visits, other tabs, and what was cleared. */

import type { BackupHook, DiscardOptions, OpenOptions, PasskeyOpening, Portal, Store } from "../../index.js";
import { indexedDbStore } from "../../store/indexeddb.js";
import { engine } from "../later.js";
import { codeOf } from "../words/language.js";
import { keep, kept } from "./kept.js";

/** What opens a backup. */
export type BackupKey =
  | { readonly passphrase: string }
  | { readonly recoveryCode: string; readonly newPassphrase: string };

export interface VaultOptions {
  readonly relay: URL;
  /** Name of the IndexedDB database. */
  readonly vault: string;
  readonly idleMinutes: number;
  readonly receiptDelayMinutes: number | null;
  readonly backup: BackupHook | undefined;
}

/** `new`: nothing is here. `gone`: something was, and the browser cleared it. `elsewhere`: another tab has it. */
export type Found = "new" | "gone" | "locked";

export class VaultAccess {
  readonly #store: Store;

  constructor(readonly options: VaultOptions) {
    this.#store = indexedDbStore(options.vault);
  }

  async look(): Promise<Found> {
    if ((await this.#store.list("")).entries.length > 0) return "locked";
    return (await this.#store.marked?.()) === true ? "gone" : "new";
  }

  /**
   * Whether a passkey was made here; the vault itself says so only once it is open. Where that cannot be remembered, one is offered, and
   * refused by the vault if there is none.
   */
  get hasPasskey(): boolean {
    return kept(this.#mark("passkey")) !== null;
  }

  set hasPasskey(has: boolean) {
    keep(this.#mark("passkey"), has ? "1" : null);
  }

  /** When a backup was last opened here to try it, in Unix seconds. */
  get drilledAt(): number | null {
    const noted = Number(kept(this.#mark("drill")));
    return Number.isSafeInteger(noted) && noted > 0 ? noted : null;
  }

  set drilledAt(time: number) {
    keep(this.#mark("drill"), String(time));
  }

  #mark(of: "drill" | "passkey"): string {
    return `tessera-${of}:${this.options.vault}`;
  }

  create(name: string, passphrase: string, afterEviction: boolean): Promise<Portal> {
    return this.#open({ passphrase, name, create: true, afterEviction });
  }

  unlock(opening: string | PasskeyOpening, takeOver: boolean): Promise<Portal> {
    return this.#open({ ...(typeof opening === "string" ? { passphrase: opening } : opening), takeOver });
  }

  /** Whether the passphrase opens the vault; nothing of it is changed. */
  async isPassphrase(passphrase: string): Promise<boolean> {
    const { Portal } = await engine();
    try {
      const copy = await Portal.openReadOnly({ store: indexedDbStore(this.options.vault), passphrase });
      await copy.dispose();
      return true;
    } catch (error) {
      if (codeOf(error) === "WRONG_PASSPHRASE") return false;
      throw error;
    }
  }

  async destroy(portal: Portal | null, options: DiscardOptions): Promise<void> {
    if (portal) await portal.vault.destroy(options);
    else await (await engine()).destroyVault(this.#store, { takeOver: true });
  }

  /** Opens a backup in memory. The returned function puts it into the store, which has to be empty by then. */
  async restore(bundle: Uint8Array, key: BackupKey): Promise<() => Promise<Portal>> {
    const { Portal, memoryStore } = await engine();
    const trial = await Portal.restore(bundle, { relay: this.options.relay, store: memoryStore(), ...key });
    await trial.dispose();
    return () => Portal.restore(bundle, { ...this.#common(), ...key });
  }

  async #open(options: Omit<OpenOptions, "relay" | "store">): Promise<Portal> {
    const { Portal } = await engine();
    return Portal.open({ ...this.#common(), ...options });
  }

  #common() {
    const { relay, idleMinutes, receiptDelayMinutes, backup } = this.options;
    return {
      relay,
      store: this.#store,
      idleMinutes,
      ...(receiptDelayMinutes === null ? {} : { receiptDelayMinutes }),
      ...(backup === undefined ? {} : { backup }),
    };
  }
}
