/** The reader's language: sentences, dates, times and numbers. */

import { isTesseraError, type ErrorCode } from "../../errors.js";
import { remembered } from "../../remembered.js";
import { EN, EN_ERRORS } from "./en.js";
import { format, type Values } from "./format.js";

export type TextKey = keyof typeof EN;
export type Words = Readonly<Record<TextKey, string>>;
/** Of calls that no element makes, such as filing and the use of emergency cards; or answered by the portal itself. */
type NeverShown =
  | `RECORD_${string}`
  | "EVIDENCE_MISSING"
  | "SHARES_INVALID"
  | "EMERGENCY_ACCESS_ENDED"
  | "INVALID_KEY"
  | "NOT_INITIALIZED"
  | "WINDOW_MISMATCH";
export type ErrorWords = Readonly<Record<Exclude<ErrorCode, NeverShown> | "UNKNOWN", string>>;
export interface Table {
  readonly words: Words;
  readonly errors: ErrorWords;
}

const LOADERS: Readonly<Record<string, () => Promise<Table>>> = {
  es: async () => {
    const { ES, ES_ERRORS } = await import("./es.js");
    return { words: ES, errors: ES_ERRORS };
  },
};
const ENGLISH: Table = { words: EN, errors: EN_ERRORS };
const loaded = new Map<string, Table>([["en", ENGLISH]]);

/** What a host writes in the place of our own sentences, by key. */
export type Strings = Partial<Words>;

export class Language {
  readonly tag: string;
  readonly #table: Table;
  readonly #strings: Strings;
  readonly #zone: string | undefined;
  readonly #days = new Map<number, string>();

  private constructor(tag: string, table: Table, strings: Strings, zone: string | undefined) {
    this.tag = tag;
    this.#table = table;
    this.#strings = strings;
    this.#zone = zone;
  }

  /** English for a language that has no table, with the dates of that language. */
  static now(tag: string, strings: Strings = {}, zone?: string): Language {
    return new Language(validTag(tag), loaded.get(base(tag)) ?? ENGLISH, strings, validZone(zone));
  }

  /** Loads the table of a language; false if it is here already or there is none. */
  static async load(tag: string): Promise<boolean> {
    const loader = LOADERS[base(tag)];
    if (loader === undefined || loaded.has(base(tag))) return false;
    loaded.set(base(tag), await loader());
    return true;
  }

  t = (key: TextKey, values: Values = {}): string =>
    format(this.#strings[key] ?? this.#table.words[key], isolated(values), this.tag);

  /** What went wrong and what to do, by error code. */
  error = (error: unknown): string => {
    const code = typeof error === "string" ? error : codeOf(error);
    const known = Object.hasOwn(this.#table.errors, code);
    const sentence = this.#table.errors[known ? (code as keyof ErrorWords) : "UNKNOWN"];
    return known ? sentence : `${sentence} (${code})`;
  };

  day(seconds: number): string {
    return this.#date(seconds, { dateStyle: "full" });
  }

  clock(seconds: number): string {
    return this.#date(seconds, { timeStyle: "short" });
  }

  dayAndTime(seconds: number): string {
    return this.#date(seconds, { dateStyle: "medium", timeStyle: "short" });
  }

  /** With the weekday, the seconds and the time zone: for paper. */
  fullTime(seconds: number): string {
    return this.#date(seconds, { dateStyle: "full", timeStyle: "long" });
  }

  shortDay(seconds: number): string {
    return this.#date(seconds, { dateStyle: "medium" });
  }

  /** The time of today, the day of an earlier one. */
  brief(seconds: number, now = Date.now()): string {
    return this.isSameDay(seconds, now / 1000)
      ? this.clock(seconds)
      : this.#date(seconds, { day: "numeric", month: "short" });
  }

  /** The time of today, with the day if it is another one. */
  soon(seconds: number, now = Date.now()): string {
    return this.isSameDay(seconds, now / 1000) ? this.clock(seconds) : this.dayAndTime(seconds);
  }

  isSameDay(one: number, other: number): boolean {
    return this.#dayOf(one) === this.#dayOf(other);
  }

  /** Kept by the quarter of an hour, which no time zone splits: a long conversation asks for every message each time it is drawn. */
  #dayOf(seconds: number): string {
    const quarter = Math.floor(seconds / 900);
    return remembered(this.#days, quarter, () => this.#date(seconds, { dateStyle: "short" }));
  }

  number(value: number, options: Intl.NumberFormatOptions = {}): string {
    return new Intl.NumberFormat(this.tag, options).format(value);
  }

  /** `1.2 MB` */
  size(bytes: number): string {
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
    const step = bytes < 1_000 ? 0 : bytes < 1_000_000 ? 1 : bytes < 1_000_000_000 ? 2 : 3;
    const [unit, scale] = [units[step] ?? "byte", 1_000 ** step];
    return this.number(bytes / scale, {
      style: "unit",
      unit,
      unitDisplay: unit === "byte" ? "long" : "short",
      maximumFractionDigits: bytes / scale < 10 && unit !== "byte" ? 1 : 0,
    });
  }

  /** `About 5 hours`, of a number of seconds. */
  span(seconds: number): string {
    const unit = seconds < 5_400 ? "minute" : seconds < 129_600 ? "hour" : "day";
    const count = Math.max(1, Math.round(seconds / { minute: 60, hour: 3_600, day: 86_400 }[unit]));
    return this.number(count, { style: "unit", unit, unitDisplay: "long" });
  }

  /** A number of seconds that no calendar has stands as it is. */
  #date(seconds: number, options: Intl.DateTimeFormatOptions): string {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return String(seconds);
    return formatter(this.tag, this.#zone, options).format(date);
  }
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** Text that runs the other way is set apart, so that it moves nothing of the sentence around it. */
function isolated(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([place, value]) => [
      place,
      typeof value === "string" && RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value,
    ]),
  );
}

export function codeOf(error: unknown): string {
  return isTesseraError(error) ? error.code : "UNKNOWN";
}

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making one takes longer than using it. */
function formatter(tag: string, zone: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([tag, zone, options]);
  return remembered(formatters, key, () => new Intl.DateTimeFormat(tag, { ...options, timeZone: zone }));
}

function base(tag: string): string {
  return tag.toLowerCase().split("-", 1)[0] ?? "en";
}

function validTag(tag: string): string {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "en";
  } catch {
    return "en";
  }
}

function validZone(zone: string | undefined): string | undefined {
  if (zone === undefined) return undefined;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return undefined;
  }
}
