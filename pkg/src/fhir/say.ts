/** Whom a result is told to: language, time zone, and the patient that it should be about. */

import { wordsIn, type Lang, type Words } from "./words.js";

/** The patient of a conversation, as far as the host knows; a result of another is told apart by a warning. */
export interface ExpectedPatient {
  readonly name?: string;
  /** `2001-12-31` */
  readonly birthDate?: string;
  readonly identifiers?: readonly { readonly system?: string; readonly value: string }[];
}

export interface ResultOptions {
  /** `en` if left out; a tag such as `es-MX` counts as its language. */
  readonly lang?: string;
  /** The reader's time zone, such as `America/Los_Angeles`; the system's if left out. */
  readonly timeZone?: string;
  readonly patient?: ExpectedPatient;
}

export class Say {
  readonly lang: Lang;
  readonly words: Words;
  readonly patient: ExpectedPatient | null;
  readonly #wall: Intl.DateTimeFormat;
  readonly #said: Intl.DateTimeFormat;
  readonly #number: Intl.NumberFormat;

  constructor({ lang, timeZone, patient }: ResultOptions = {}) {
    this.lang = /^es\b/i.test(lang ?? "") ? "es" : "en";
    this.words = wordsIn(this.lang);
    this.patient = patient ?? null;
    const zone = timeZone === undefined ? {} : { timeZone };
    this.#said = new Intl.DateTimeFormat(this.lang, { dateStyle: "medium", timeStyle: "short", ...zone });
    this.#wall = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", ...zone });
    this.#number = new Intl.NumberFormat(this.lang);
  }

  /** A moment on the reader's clock: in words, and as `2001-12-31 23:59` for comparing. */
  localTime(moment: Date): { readonly said: string; readonly wall: string } {
    return { said: this.#said.format(moment), wall: this.#wall.format(moment) };
  }

  count(value: number): string {
    return this.#number.format(value);
  }
}
