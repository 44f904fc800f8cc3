/** Sentences in which foreign text is kept apart from our own words. */

import { text } from "./json.js";
import type { Json } from "./scanner.js";

/** Maximum length of one text; the rest is in the original. */
const MAX_LENGTH = 20_000;

/** Text of the document. Shown isolated (`<bdi>`), so that its direction does not affect its surroundings. */
export class Foreign {
  readonly text: string;
  /** Whether the text goes on in the original. */
  readonly isCut: boolean;

  /** Control characters and marks of direction become visible: `U+202E` instead of letters in reverse. */
  constructor(text: string) {
    this.isCut = text.length > MAX_LENGTH;
    this.text = (this.isCut ? `${text.slice(0, MAX_LENGTH)} […]` : text)
      .replace(/\r\n?|[\u2028\u2029]/g, "\n")
      .replace(INVISIBLE, (mark) => `[U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
  }
}

/** Controls but tab and line feed, marks of direction, tags, and halves of a character. */
const INVISIBLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find
  /[\0-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

export type Phrase = readonly (string | Foreign)[];

/** Joins phrases, omitting null. */
export function phrase(...parts: readonly (string | Foreign | Phrase | null)[]): Phrase {
  return parts.flatMap((part) => (part === null || part === "" ? [] : Array.isArray(part) ? part : [part as string]));
}

export function foreign(text: string): Phrase {
  return [new Foreign(text)];
}

/** The text of a field, as it was sent; null if it has none. */
export function asSent(value: Json | undefined): Phrase | null {
  const sent = text(value);
  return sent === null ? null : foreign(sent);
}

/** Phrases in a row, with `between` them. Null and empty ones are omitted; null if none is left. */
export function join(phrases: readonly (Phrase | null)[], between: string): Phrase | null {
  const some = phrases.filter((one) => one !== null).filter((one) => one.length > 0);
  return some.length > 0 ? some.flatMap((one, index) => (index === 0 ? one : [between, ...one])) : null;
}

/** The letters of a phrase, for comparing. */
export function letters(content: Phrase): string {
  return content.map((part) => (part instanceof Foreign ? part.text : part)).join("");
}

/** Phrases that differ in more than the case of their letters, each once. Null and empty ones are omitted. */
export function distinct(phrases: readonly (Phrase | null)[]): Phrase[] {
  const seen = new Set<string>();
  const some = phrases.filter((one) => one !== null);
  return some.filter((one) => {
    const key = letters(one).trim().toLowerCase();
    return key !== "" && !seen.has(key) && seen.add(key);
  });
}
