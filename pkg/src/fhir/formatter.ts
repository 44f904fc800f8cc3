/** The reader of a result: language, time zone, and the expected patient. */

import { object, text } from "../arguments.js";
import { invalid } from "../errors.js";
import { list } from "./json.js";
import type { Json, JsonObject } from "./scanner.js";
import { wordsIn, type Lang, type Words } from "./words.js";

/** Maximum length of a list on a screen: performers, ranges, notes of one result. */
const MAX_LIST = 50;

/** The patient of a conversation, as known to the host; a result of another person gets a warning. */
export interface ExpectedPatient {
  readonly name?: string;
  /** `2001-12-31` */
  readonly birthDate?: string;
  readonly identifiers?: readonly { readonly system?: string; readonly value: string }[];
}

export interface ResultOptions {
  /** Default `en`; a tag such as `es-MX` counts as its language. */
  readonly lang?: string;
  /** The reader's time zone, such as `America/Los_Angeles`; default: the system's. */
  readonly timeZone?: string;
  readonly patient?: ExpectedPatient;
}

export class Formatter {
  readonly lang: Lang;
  readonly words: Words;
  readonly patient: ExpectedPatient | null;
  /** Whether a list was shown in part. */
  hasCut = false;
  readonly #zone: { readonly timeZone?: string };
  #clocks: { readonly wall: Intl.DateTimeFormat; readonly content: Intl.DateTimeFormat } | null = null;
  #numbers: Intl.NumberFormat | null = null;

  constructor(given: ResultOptions = {}) {
    const { lang, timeZone, patient } = object(given, "options") as ResultOptions;
    if (lang !== undefined) text(lang, "options.lang");
    if (timeZone !== undefined) text(timeZone, "options.timeZone");
    if (patient !== undefined && patient !== null) object(patient, "options.patient");
    this.lang = /^es\b/i.test(lang ?? "") ? "es" : "en";
    this.words = wordsIn(this.lang);
    this.patient = patient ?? null;
    this.#zone = timeZone === undefined ? {} : { timeZone };
    // A time zone that does not exist is the caller's fault, and is reported before anything is read.
    if (timeZone === undefined) return;
    try {
      this.#clocks = clocks(this.lang, this.#zone);
    } catch {
      throw invalid("options.timeZone is not a time zone");
    }
  }

  /** A moment on the reader's clock: in words, and as `2001-12-31 23:59` for comparing. */
  localTime(moment: Date): { readonly content: string; readonly wall: string } {
    this.#clocks ??= clocks(this.lang, this.#zone);
    return { content: this.#clocks.content.format(moment), wall: this.#clocks.wall.format(moment) };
  }

  /** The objects of an array, as many as are shown. */
  some(value: Json | undefined): readonly JsonObject[] {
    const all = list(value);
    if (all.length > MAX_LIST) this.hasCut = true;
    return all.slice(0, MAX_LIST);
  }

  count(value: number): string {
    this.#numbers ??= new Intl.NumberFormat(this.lang);
    return this.#numbers.format(value);
  }
}

function clocks(lang: Lang, zone: { readonly timeZone?: string }) {
  return {
    content: new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", ...zone }),
    wall: new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", ...zone }),
  };
}
