/** Names for the patient id field, which the messenger can read: random, one for each contact, and meaning nothing. */

import { object, text } from "../arguments.js";
import { invalid } from "../errors.js";
import { randomBytes } from "../module/webcrypto.js";

/** RFC 4648 base32 in lower case. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ALIAS_LENGTH = 16;

/** A fresh alias: 80 random bits in 16 letters and digits. */
export function newAlias(): string {
  return Array.from(randomBytes(ALIAS_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

/**
 * Which alias stands for which of your contacts. The aliases are in the clear in every text, the contacts are not: keep this
 * where you keep patient data (`toJSON`, `Aliases.from`).
 */
export class Aliases {
  readonly #aliases = new Map<string, string>();
  readonly #contacts = new Map<string, string>();

  /** Reads what `toJSON` gave. */
  static from(entries: Readonly<Record<string, string>>): Aliases {
    const aliases = new Aliases();
    for (const [contact, alias] of Object.entries(object(entries, "entries")))
      aliases.set(contact, text(alias, "alias"));
    return aliases;
  }

  /** The contact's alias; a fresh one if it has none yet. */
  aliasOf(contact: string): string {
    const known = this.#aliases.get(text(contact, "contact"));
    if (known !== undefined) return known;
    const alias = newAlias();
    this.set(contact, alias);
    return alias;
  }

  /** Whose alias it is. */
  contactOf(alias: string): string | undefined {
    return this.#contacts.get(text(alias, "alias"));
  }

  /** Takes an alias that the other side made. One alias stands for one contact, and one contact has one. */
  set(contact: string, alias: string): void {
    if (text(alias, "alias") === "" || text(contact, "contact") === "")
      throw invalid("alias and contact are not empty");
    if ((this.#contacts.get(alias) ?? contact) !== contact) throw invalid("alias stands for another contact");
    this.delete(contact);
    this.#aliases.set(contact, alias);
    this.#contacts.set(alias, contact);
  }

  /** Forgets a contact's alias. */
  delete(contact: string): void {
    const alias = this.#aliases.get(text(contact, "contact"));
    if (alias !== undefined) this.#contacts.delete(alias);
    this.#aliases.delete(contact);
  }

  /** `{ contact: alias }`. */
  toJSON(): Record<string, string> {
    return Object.fromEntries(this.#aliases);
  }
}
