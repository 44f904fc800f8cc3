/** Two people, one secret, one messenger: what a page needs to send and read MedCrypt texts. */

import { integer, options as known, text } from "../arguments.js";
import { TesseraError, invalid } from "../errors.js";
import { newAlias } from "./alias.js";
import { Assembly, split } from "./parts.js";
import { KeyRing, type Clock } from "./ring.js";

/** What Telegram takes in one message, and WhatsApp's business interface; WhatsApp's apps take more. */
const MESSENGER_LIMIT = 4096;
/** Shorter would leave no room for a marker and a few words. */
const LEAST_LIMIT = 256;
/** Longest text that is looked at. */
const MOST_LIMIT = 65_536;

export interface ConversationOptions {
  /** What stands in the readable patient id field; a fresh random alias if left out. Keep it: both sides use the same one. */
  readonly alias?: string;
  /** Characters that the messenger takes at once; 4 096 if left out. */
  readonly limit?: number;
  /** Unix seconds; the platform's clock if left out. */
  readonly clock?: Clock;
}

/** A note, or what is still missing of it; `text` is undefined too for a copy of a part of a note that was given before. */
export type Opened =
  | { readonly text: string; readonly missing: readonly []; readonly month: string }
  | { readonly text: undefined; readonly missing: readonly number[]; readonly month: string };

export class Conversation {
  /** What the messenger sees instead of a patient id. */
  readonly alias: string;
  readonly #limit: number;
  readonly #ring: KeyRing;
  readonly #assembly = new Assembly();

  /** The secret that the two people share, from a QR code at a visit. It is copied; wipe your own. */
  constructor(secret: string | Uint8Array, options: ConversationOptions = {}) {
    const { alias, limit, clock } = known(options, "options", ["alias", "limit", "clock"]);
    this.alias = alias === undefined ? newAlias() : text(alias, "alias");
    if (this.alias === "") throw invalid("alias is empty");
    this.#limit = limit === undefined ? MESSENGER_LIMIT : integer(limit, "limit", LEAST_LIMIT, MOST_LIMIT);
    if (this.#room() < LEAST_LIMIT / 4) throw invalid("alias leaves no room for text");
    this.#ring = new KeyRing(secret, clock);
  }

  /** The texts to send, in order, each a message of its own; almost always one. `MESSAGE_TOO_LARGE` above 99. */
  async seal(note: string): Promise<string[]> {
    const parts = split(text(note, "note"), this.#room());
    return Promise.all(parts.map((part) => this.#ring.seal(part, this.alias)));
  }

  /**
   * Opens one text of the messenger, as it was sent, parts in any order. `MALFORMED` if it is no MedCrypt v1 text,
   * `NOT_AUTHENTIC` if it does not open or is under another alias.
   */
  async open(wire: string): Promise<Opened> {
    if (text(wire, "wire").length > MOST_LIMIT) throw new TesseraError("MALFORMED", "not a MedCrypt v1 message");
    const { text: sealed, patientId, month } = await this.#ring.open(wire);
    if (patientId !== this.alias) throw new TesseraError("NOT_AUTHENTIC", "the message is not of this conversation");
    return { ...this.#assembly.take(sealed), month };
  }

  /** Notes with missing parts. Show them: a missing part may be the one that matters. */
  get unfinished(): { of: number; missing: number[] }[] {
    return this.#assembly.unfinished;
  }

  /** Wipes the secret and its keys. */
  dispose(): void {
    this.#ring.dispose();
  }

  /** Bytes of text that one message of the messenger holds. */
  #room(): number {
    const base64 = (bytes: number): number => Math.ceil(bytes / 3) * 4;
    const fields = base64(new TextEncoder().encode(this.alias).length) + base64(12) + base64(16);
    return Math.floor((this.#limit - "[MEDCRYPT:v1::::]".length - fields) / 4) * 3;
  }
}
