/** The month keys of one secret that are in use now. Protocol §9. */

import { callback, content } from "../arguments.js";
import { TesseraError, isTesseraError } from "../errors.js";
import { decryptMessage, encryptMessage, monthKey, type MedcryptKey } from "./message.js";
import { remembered } from "../remembered.js";

/** Days into a month in which the month before still opens. */
const WINDOW_DAYS = 7;

/** Unix seconds. */
export type Clock = () => number;

/**
 * Seals under this month's key (UTC), and opens this month's and, in the first 7 days of a month, the previous month's.
 *
 * Keys outside that window are wiped, but the secret stays and every month follows from it: this is rotation, not shredding.
 */
export class KeyRing {
  readonly #secret: Uint8Array;
  readonly #clock: Clock;
  readonly #keys = new Map<string, Promise<MedcryptKey>>();
  #disposed = false;

  /** The secret is copied; wipe your own. */
  constructor(secret: string | Uint8Array, clock: Clock = () => Date.now() / 1000) {
    callback(clock, "clock");
    this.#secret = content(secret, "secret").slice();
    this.#clock = clock;
  }

  /** Seals a text under this month's key. The alias is readable by anyone. */
  async seal(text: string, alias: string): Promise<string> {
    const [month] = this.#window();
    return encryptMessage(text, await this.#key(month), alias);
  }

  /** Opens a text: `NOT_AUTHENTIC` if no month that is open now opens it. */
  async open(wire: string): Promise<{ text: string; patientId: string; month: string }> {
    const [month, previous] = this.#window();
    try {
      return { ...(await decryptMessage(wire, await this.#key(month))), month };
    } catch (error) {
      if (previous === undefined || !isTesseraError(error) || error.code !== "NOT_AUTHENTIC") throw error;
    }
    return { ...(await decryptMessage(wire, await this.#key(previous))), month: previous };
  }

  /** Wipes the secret and all keys. */
  dispose(): void {
    this.#disposed = true;
    this.#secret.fill(0);
    this.#keep([]);
  }

  /** The months that are open now, `YYYY-MM`, this one first. Wipes the keys of all others. */
  #window(): [month: string, previous?: string] {
    if (this.#disposed) throw new TesseraError("DISPOSED", "this key ring was disposed of");
    const now = new Date(this.#clock() * 1000);
    const month = now.toISOString().slice(0, 7);
    const window: [string, string?] = [month];
    if (now.getUTCDate() <= WINDOW_DAYS) {
      const before = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1));
      window.push(before.toISOString().slice(0, 7));
    }
    this.#keep(window);
    return window;
  }

  /** Derived once; concurrent calls wait for the same derivation. */
  #key(month: string): Promise<MedcryptKey> {
    return remembered(this.#keys, month, () => {
      const key = monthKey(this.#secret.slice(), month);
      key.catch(() => this.#keys.delete(month));
      return key;
    });
  }

  #keep(months: readonly (string | undefined)[]): void {
    for (const [month, key] of this.#keys) {
      if (months.includes(month)) continue;
      this.#keys.delete(month);
      key.then(
        (key) => key.dispose(),
        () => {},
      );
    }
  }
}
