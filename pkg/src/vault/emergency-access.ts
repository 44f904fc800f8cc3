/** Emergency access: a backup opened with shares, to be read for a while, by someone who is not its owner. */

import { bytes, integer, options as known, text } from "../arguments.js";
import { callComplete, init } from "../module/core.js";
import { EngineHost } from "../portal/engine-host.js";
import { readMessages } from "../portal/messages.js";
import { TesseraError, invalid } from "../errors.js";
import { IdleWatch, MOST_IDLE_MINUTES } from "../portal/idle.js";
import { qrSvg } from "../qr.js";
import { Relay, relayClient } from "../relay/client.js";
import { CONFLICT, memoryStore, requireStore, stored, type Store } from "../store/store.js";
import type { Contact, Me, Message, MessagesOptions, EmergencyAccessOptions } from "../portal/types.js";
import { VaultLock } from "./lock.js";
import { randomBytes } from "../module/webcrypto.js";

const ID_LENGTH = 16;

/** Records that the access ended, where the owner learns of it. */
type Notice = () => Promise<void>;

/**
 * A backup, opened for reading: nothing can be sent or pulled. It ends after the requested minutes, with an
 * `ended` event; every later call throws `EMERGENCY_ACCESS_ENDED`.
 */
export class EmergencySession extends EventTarget {
  /** When it ends, in Unix seconds. */
  readonly endsAt: number;
  /** Whether the owner will be told at the next unlock: a store or a relay was given. */
  readonly ownerTold: boolean;
  readonly #host: EngineHost;
  readonly #id: Uint8Array;
  readonly #notices: readonly Notice[];
  readonly #idle: IdleWatch;
  #ended: Promise<void> | undefined;

  private constructor(host: EngineHost, id: Uint8Array, minutes: number, notices: readonly Notice[]) {
    super();
    this.#host = host;
    this.#id = id;
    this.#notices = notices;
    this.ownerTold = notices.length > 0;
    this.endsAt = Math.floor(Date.now() / 1000) + minutes * 60;
    // Use does not extend it: the time counts from here.
    this.#idle = new IdleWatch(minutes, () => void this.end().catch(() => {}));
    this.#idle.start();
  }

  /** Opens a backup with emergency shares. Where a relay or the owner's store is given, the owner's notice is left there first. */
  static async open(options: EmergencyAccessOptions): Promise<EmergencySession> {
    await init();
    const given = known(options, "options", ["bundle", "shares", "reason", "minutes", "store", "relay"]);
    const bundle = bytes(given.bundle, "bundle");
    const minutes = integer(given.minutes, "minutes", 1, MOST_IDLE_MINUTES);
    const reason = text(given.reason, "reason").trim();
    if (reason === "") throw invalid("reason is empty");
    if (!Array.isArray(given.shares)) throw invalid("shares is not an array");
    const shares = given.shares.map((share) => text(share, "share"));
    if (given.store !== undefined) requireStore(given.store);
    const relay = given.relay === undefined ? undefined : new Relay(relayClient(given.relay));

    const { engine, commit } = await callComplete((core) => core.Engine.openWithShares(bundle, shares));
    const copy = memoryStore();
    const host = new EngineHost(engine, copy, (await copy.commit(0, commit)) as number, () => {});
    const id = randomBytes(ID_LENGTH);
    const notices: Notice[] = [];
    try {
      await host.apply((engine, now) => engine.beginEmergency(id, minutes, reason, now));
      if (relay !== undefined) notices.push(await relayNotice(host, relay, id));
      if (given.store !== undefined) notices.push(await storeNotice(host, given.store, id, minutes, reason));
      return new EmergencySession(host, id, minutes, notices);
    } catch (error) {
      await host.apply((engine, now) => engine.endEmergency(id, now)).catch(() => {});
      for (const notice of notices) await notice().catch(() => {});
      await host.end();
      throw error;
    }
  }

  async me(): Promise<Pick<Me, "name" | "publicKey" | "fingerprint">> {
    return this.#open().read((engine) => engine.me());
  }

  async contacts(): Promise<Contact[]> {
    return this.#open().read((engine) => engine.contacts());
  }

  /** Messages with a contact, the newest last. */
  async messages(contactId: string, options: MessagesOptions = {}): Promise<Message[]> {
    return readMessages(() => this.#open(), contactId, options);
  }

  /** Ends it now: wipes what was opened, and records the end where the beginning was recorded. Calling it again returns the same promise. */
  end(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    this.#idle.stop();
    try {
      await this.#host.apply((engine, now) => engine.endEmergency(this.#id, now));
      // The owner knows for how long it was opened, even if the relay cannot be reached now.
      for (const notice of this.#notices) await notice().catch(() => {});
    } finally {
      await this.#host.end();
      this.dispatchEvent(new CustomEvent("ended"));
    }
  }

  #open(): EngineHost {
    this.#idle.check();
    if (this.#ended !== undefined) throw new TesseraError("EMERGENCY_ACCESS_ENDED", "the emergency access is over");
    return this.#host;
  }
}

/** A share as a QR code, to print beside its text. */
export function shareQrSvg(share: string): string {
  return qrSvg(text(share, "share"));
}

/** Written into the owner's own store, under the same vault key. */
async function storeNotice(
  host: EngineHost,
  store: Store,
  id: Uint8Array,
  minutes: number,
  reason: string,
): Promise<Notice> {
  const lock = await VaultLock.require(store);
  const write = async (): Promise<void> => {
    const { revision, entries } = await stored(() => store.list(""));
    const loaded = entries.filter(([key]) => /^[sm]\//.test(key));
    const commit = await host.read((engine, now) => engine.noteEmergency(loaded, id, minutes, reason, now));
    if ((await stored(() => store.commit(revision, commit))) === CONFLICT)
      throw new TesseraError("STORE_CONFLICT", "the store was changed by someone else");
  };
  const close = async (): Promise<void> => {
    lock.release();
    await stored(() => store.close());
  };
  try {
    await write();
  } catch (error) {
    await close();
    throw error;
  }
  return () => write().finally(close);
}

/** Posted to the owner's bucket, among cover. */
async function relayNotice(host: EngineHost, relay: Relay, id: Uint8Array): Promise<Notice> {
  const info = await relay.getText(await host.read((engine) => engine.relayPath("info")));
  await host.apply((engine, now) => engine.configure(info, now));
  const post = async (): Promise<void> => {
    const body = await host.read((engine) => engine.emergencySlot(id));
    await relay.post(await host.read((engine) => engine.relayPath("cells")), body);
  };
  await post();
  return post;
}
