/**
 * Long notes in several texts. Each part is a MedCrypt v1 text of its own; what it is part of stands in the first line of the
 * sealed text, where only the two people can read it:
 *
 *   [part 2/3 of 4f1c9a7e03b2d586]⏎ then the second piece
 *
 * The number after "of" is random and names the note. A text without such a line is a whole note.
 */

import { hex } from "../bytes.js";
import { TesseraError } from "../errors.js";
import { randomBytes } from "../module/webcrypto.js";

/** Most parts of one note. */
export const MAX_PARTS = 99;
/** Unfinished notes of one conversation; beyond that the oldest is dropped. */
const MAX_UNFINISHED = 8;
/** Notes put together whose late copies are still known. */
const MAX_FINISHED = 64;

const MARKER = /^\[part ([1-9]\d?)\/([1-9]\d?) of ([0-9a-f]{16})\]\n/;
/** Bytes of the longest marker. */
const MARKER_LENGTH = "[part 99/99 of 0123456789abcdef]\n".length;

interface Part {
  readonly note: string;
  readonly index: number;
  readonly count: number;
  readonly text: string;
}

/** The texts to seal, each of at most `room` bytes of UTF-8. A note that fits is one text, and marked only if it begins like a marker. */
export function split(note: string, room: number): string[] {
  if (!MARKER.test(note) && utf8Length(note) <= room) return [note];
  const pieces = cut(note, room - MARKER_LENGTH);
  if (pieces.length > MAX_PARTS)
    throw new TesseraError("MESSAGE_TOO_LARGE", `the text takes more than ${MAX_PARTS} parts`);
  const id = hex(randomBytes(8));
  return pieces.map((piece, i) => `[part ${i + 1}/${pieces.length} of ${id}]\n${piece}`);
}

/** Puts notes together from parts in any order. */
export class Assembly {
  readonly #unfinished = new Map<string, (string | undefined)[]>();
  readonly #finished = new Set<string>();

  /**
   * Takes an opened text: the note once it is whole, or the numbers of the parts still missing. A copy of a part that is there
   * changes nothing; after a copy of a part of a note that was given already nothing is missing.
   *
   * A part that contradicts the others is `FRAGMENT_CONFLICT`, and the note is dropped.
   */
  take(text: string): { text: string; missing: [] } | { text: undefined; missing: number[] } {
    const part = parse(text);
    if (part === undefined) return { text, missing: [] };
    if (this.#finished.has(part.note)) return { text: undefined, missing: [] };
    const pieces = this.#unfinished.get(part.note) ?? new Array<string | undefined>(part.count).fill(undefined);
    const known = pieces[part.index];
    if (part.count !== pieces.length || (known !== undefined && known !== part.text)) {
      this.#unfinished.delete(part.note);
      this.#finish(part.note);
      throw new TesseraError("FRAGMENT_CONFLICT", "the parts of a text contradict each other");
    }
    pieces[part.index] = part.text;
    const missing = missingOf(pieces);
    this.#unfinished.delete(part.note);
    if (missing.length === 0) {
      this.#finish(part.note);
      return { text: pieces.join(""), missing: [] };
    }
    this.#unfinished.set(part.note, pieces); // now the newest
    if (this.#unfinished.size > MAX_UNFINISHED) deleteOldest(this.#unfinished);
    return { text: undefined, missing };
  }

  /** Notes of which parts are missing: how many there are, and which numbers. */
  get unfinished(): { of: number; missing: number[] }[] {
    return Array.from(this.#unfinished.values(), (pieces) => ({ of: pieces.length, missing: missingOf(pieces) }));
  }

  #finish(note: string): void {
    this.#finished.add(note);
    if (this.#finished.size > MAX_FINISHED) deleteOldest(this.#finished);
  }
}

/** The numbers of the pieces that are not there. */
function missingOf(pieces: readonly (string | undefined)[]): number[] {
  return pieces.flatMap((piece, i) => (piece === undefined ? [i + 1] : []));
}

/** `undefined` for a whole note. A line that only looks like a marker is text. */
function parse(text: string): Part | undefined {
  const [marker, number, of, note] = MARKER.exec(text) ?? [];
  if (marker === undefined || note === undefined) return undefined;
  const [index, count] = [Number(number) - 1, Number(of)];
  return index < count ? { note, index, count, text: text.slice(marker.length) } : undefined;
}

/** Pieces of at most `room` bytes of UTF-8; no character is cut. */
function cut(text: string, room: number): string[] {
  const pieces: string[] = [];
  let [piece, length] = ["", 0];
  for (const character of text) {
    const bytes = utf8Length(character);
    if (length + bytes > room) {
      pieces.push(piece);
      [piece, length] = ["", 0];
    }
    piece += character;
    length += bytes;
  }
  pieces.push(piece);
  return pieces;
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function deleteOldest(entries: { keys(): Iterator<string>; delete(key: string): boolean }): void {
  const { value } = entries.keys().next();
  if (value !== undefined) entries.delete(value);
}
