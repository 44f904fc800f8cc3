/** One person's portal in a page, from the first visit to its end; elements on one vault share one. */

import { TesseraError } from "../../errors.js";
import type { DiscardOptions, LockReason, PasskeyOpening, Portal } from "../../index.js";
import { capabilities } from "../../module/capabilities.js";
import { engine, type Engine } from "../later.js";
import { codeOf } from "../words/language.js";
import { Contents } from "./contents.js";
import { Marks } from "./marks.js";
import { isStorageApart } from "./storage.js";
import { VaultAccess, type BackupKey, type VaultOptions } from "./vault.js";

/**
 * `first`: nobody has used this device, so a name and a passphrase are asked for. `elsewhere`: another tab has the vault.
 * `gone`: the browser cleared it. `ended`: the portal ended by itself, or could not be opened.
 */
export type Access = "opening" | "first" | "open" | "locked" | "elsewhere" | "gone" | "ended";

/** With these a read ends because the vault was locked or went elsewhere meanwhile. */
const ENDINGS = new Set(["LOCKED", "DISPOSED", "VAULT_IN_USE"]);

export interface SessionOptions extends VaultOptions {
  /** What contacts see of a person whose vault is made here; asked for if null. */
  readonly name: string | null;
  /** Makes a vault under this passphrase without asking: for demonstrations. */
  readonly firstPassphrase: string | null;
}

export class Session extends Contents {
  access: Access = "opening";
  /** Why it was locked; null if the vault was here before the page was opened. */
  lockedBy: LockReason | null = null;
  /** Why the portal could not be opened, or ended. */
  failure: unknown = null;
  name: string;
  /**
   * A page of another site shows this one in a frame, and the browser promised nothing: what is kept here may be cleared, and is not
   * what a tab shows. Before anything is kept, the person is asked.
   */
  isStorageApart = false;
  /** The person chose to use the frame anyway. */
  isFrameAccepted = false;
  /** An invitation that came with the page's address, until it is answered or put away. */
  offered: string | null = null;
  /** Why it cannot be answered, by error code; null if it can, as far as can be known here; undefined until that is known. */
  offerFault: string | null | undefined = null;
  /** The person pressed the button that answers it. */
  isOfferAccepted = false;
  readonly options: SessionOptions | null;
  /** The vault of this browser; null if the host opens and ends the portal. */
  readonly vault: VaultAccess | null;
  readonly #marks: Marks;
  /** Settled once `isStorageApart` is known. */
  readonly #looked: Promise<void>;
  #portal: Portal | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #loading: Promise<void> = Promise.resolve();
  #locks = 0;

  /** On a vault of this browser, or on the host's own portal. */
  constructor(from: SessionOptions | Portal) {
    const isOwn = "relay" in from;
    const marks = new Marks(isOwn ? from.vault : "host");
    super(marks);
    this.#marks = marks;
    this.options = isOwn ? from : null;
    this.vault = isOwn ? new VaultAccess(from) : null;
    this.name = (isOwn && from.name) || "";
    this.#looked = isStorageApart().then((isApart) => {
      this.isStorageApart = isApart;
      this.conditions.set("FRAMED", isApart);
    });
    if (!isOwn) void this.#settle(this.#take(from));
  }

  override get portal(): Portal {
    if (this.#portal === null) throw new Error("the portal is not open");
    return this.#portal;
  }

  /** Whether the portal was open since the page was loaded. */
  get wasOpen(): boolean {
    return this.#portal !== null;
  }

  get isOpen(): boolean {
    return this.access === "open";
  }

  /** Looks for a vault; makes one at once where the host gave a passphrase for it. */
  async begin(): Promise<void> {
    if (this.vault === null) return;
    try {
      requirePlatform();
      await this.#looked;
      const found = await this.vault.look();
      const { name, firstPassphrase } = this.options ?? {};
      if (found === "new" && name && firstPassphrase) await this.create(name, firstPassphrase);
      else {
        this.#become(found === "new" ? "first" : found);
        // While the passphrase is typed. None is asked for that could open nothing.
        await this.#loaded().catch((error: unknown) => this.isOpen || this.fail(error));
      }
    } catch (error) {
      if (this.access === "opening") this.fail(error);
    }
  }

  /** A new vault with a new identity. */
  async create(name: string, passphrase: string): Promise<void> {
    const afterEviction = this.access === "gone";
    this.name = name;
    await this.#opened(() => this.#vault.create(name, passphrase, afterEviction));
  }

  /** Takes an invitation that came with the page's address. Nothing is asked of the person for one that cannot be answered. */
  async offer(text: string): Promise<void> {
    this.#offer(text, undefined);
    const fault = await this.faultOf(text);
    if (this.offered === text) this.#offer(text, fault); // else another one came meanwhile
  }

  /** An invitation whose secret has reached a server. */
  offerBurnt(): void {
    this.#offer("", "BURNT");
  }

  /** Puts away the invitation that was offered. */
  dropOffer(): void {
    this.#offer(null, null);
  }

  #offer(text: string | null, fault: string | null | undefined): void {
    this.offered = text;
    this.offerFault = fault;
    this.changed();
  }

  /**
   * Why an invitation cannot be answered, by error code; null if it can, as far as can be known without asking the relay. Whether its
   * relay is a member of the same federation is known by an open portal, which says so when it accepts.
   */
  async faultOf(text: string): Promise<string | null> {
    try {
      const { checkInvitation } = await this.#loaded();
      checkInvitation(text, this.isOpen ? undefined : this.options?.relay);
      return null;
    } catch (error) {
      return codeOf(error);
    }
  }

  async unlock(opening: string | PasskeyOpening): Promise<void> {
    if (this.#portal !== null) {
      await this.#portal.vault.unlock(opening);
      await this.#loading;
    } else await this.#opened(() => this.#vault.unlock(opening, this.access === "elsewhere"));
  }

  async lock(): Promise<void> {
    await this.#portal?.vault.lock();
  }

  /** Destroys the vault for good, in any state. `MESSAGE_UNFILED`, and nothing is changed, if the health record does not have all of it. */
  async destroy(options: DiscardOptions = {}): Promise<void> {
    await this.#destroyed(options);
    this.access = "opening";
    await this.begin();
  }

  async #destroyed(options: DiscardOptions): Promise<void> {
    await this.#vault.destroy(this.#portal, options);
    this.#portal = null;
    this.forget();
    this.#marks.clear();
  }

  /** Opens a backup to check that it is complete, and notes when. The returned function replaces this vault with it. */
  async tryBackup(bundle: Uint8Array, key: BackupKey): Promise<(options: DiscardOptions) => Promise<void>> {
    const restore = await this.#vault.restore(bundle, key);
    this.#vault.drilledAt = Math.floor(Date.now() / 1000);
    return async (options) => {
      await this.#destroyed(options);
      try {
        await this.#opened(restore);
      } catch (error) {
        await this.begin();
        throw error;
      }
    };
  }

  /** The person is using the page. */
  touch(): void {
    if (this.isOpen) this.#portal?.vault.touch();
  }

  get #vault(): VaultAccess {
    if (this.vault === null) throw new Error("the host opens and ends this portal");
    return this.vault;
  }

  async #opened(open: () => Promise<Portal>): Promise<void> {
    try {
      await this.#take(await open());
    } catch (error) {
      const code = codeOf(error);
      if (code === "VAULT_IN_USE") this.#become("elsewhere");
      if (code === "VAULT_EVICTED") this.#become("gone");
      throw error;
    }
  }

  async #take(portal: Portal): Promise<void> {
    this.#portal = portal;
    this.listen(portal);
    if (this.vault !== null) await portal.start();
    await this.#load();
  }

  async #load(): Promise<void> {
    const { portal } = this;
    await this.#inTurn(async () => {
      const locks = this.#locks;
      this.name = (await portal.me()).name;
      await this.read(portal);
      // The event came once, possibly before this page was loaded.
      this.conditions.set("DEVICE_SUPERSEDED", (await portal.device()).supersededBy !== null);
      if (this.#locks === locks) this.#become("open");
    });
  }

  /** For a load that no form waits for: the page shows why it failed. */
  async #settle(loading: Promise<void>): Promise<void> {
    try {
      await loading;
    } catch (error) {
      const code = codeOf(error);
      if (code === "LOCKED") this.#become("locked");
      else if (!ENDINGS.has(code) || this.access === "opening") this.fail(error);
    }
  }

  protected override async run(action: (portal: Portal) => Promise<unknown>): Promise<void> {
    const portal = this.#portal;
    if (portal === null) return;
    try {
      await this.#inTurn(() => action(portal));
    } catch (error) {
      if (!ENDINGS.has(codeOf(error))) throw error;
    }
    this.changed();
  }

  /** One after another: nothing is shown over what was read later, and nothing that was read before a lock stays after it. */
  #inTurn(action: () => Promise<unknown>): Promise<void> {
    const done = this.#turn.then(async () => {
      const locks = this.#locks;
      try {
        await action();
      } finally {
        if (this.#locks !== locks) this.forget();
      }
    });
    this.#turn = done.catch(() => {});
    return done;
  }

  protected override listen(portal: Portal): void {
    super.listen(portal);
    portal.addEventListener("locked", ({ detail }) => {
      this.lockedBy = detail.reason;
      this.#shut("locked");
    });
    portal.addEventListener("unlocked", () => {
      this.#loading = this.#settle(this.#load());
    });
    portal.addEventListener("stopped", ({ detail }) => {
      if (detail.code === "VAULT_IN_USE") {
        this.#portal = null;
        void portal.dispose();
        this.#shut("elsewhere");
      } else this.fail(detail);
    });
  }

  /** The engine with its module. */
  async #loaded(): Promise<Engine> {
    const code = await engine();
    await code.init();
    return code;
  }

  /** Ends it: the portal ended by itself, or cannot be opened or shown. */
  fail(error: unknown): void {
    this.failure = error;
    this.#become("ended");
  }

  #shut(access: "locked" | "elsewhere"): void {
    this.#locks += 1;
    this.forget();
    this.#become(access);
  }

  #become(access: Access): void {
    this.access = access;
    this.changed();
  }

  protected override forget(): void {
    super.forget();
    this.conditions.set("FRAMED", this.isStorageApart);
  }
}

/** Throws where no portal can be opened at all: that is known before anything is fetched or asked. */
function requirePlatform(): void {
  const { webAssembly, subtleCrypto, indexedDB } = capabilities();
  if (!webAssembly || !subtleCrypto || !indexedDB)
    throw new TesseraError("UNSUPPORTED", "this platform lacks WebAssembly with SIMD, WebCrypto or IndexedDB");
}
