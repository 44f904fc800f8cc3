/**
 * Which warnings a person has answered, kept in `localStorage` as places in the audit log: numbers that say nothing about
 * anybody. Everything else about a warning is read from the log itself, so a reload loses none.
 */

import { keep, kept } from "./kept.js";

interface Kept {
  /** Every entry before this one is answered or needs no answer. */
  readonly floor: number;
  readonly answered: readonly number[];
}

export class Marks {
  floor = 0;
  readonly answered = new Set<number>();
  readonly #key: string;

  constructor(vault: string) {
    this.#key = `tessera-answered:${vault}`;
    const { floor, answered } = read(this.#key);
    this.floor = floor;
    for (const index of answered) this.answered.add(index);
  }

  /** Entries before `floor` need no further look. Without storage the warnings come again after a reload. */
  settle(floor: number): void {
    this.floor = floor;
    for (const index of this.answered) if (index < floor) this.answered.delete(index);
    keep(this.#key, JSON.stringify({ floor, answered: [...this.answered] } satisfies Kept));
  }

  /** For a vault that was destroyed: the log of the next one begins at 0. */
  clear(): void {
    this.floor = 0;
    this.answered.clear();
    keep(this.#key, null);
  }
}

function read(key: string): Kept {
  try {
    const { floor, answered } = JSON.parse(kept(key) ?? "{}") as Partial<Kept>;
    if (Number.isSafeInteger(floor) && Array.isArray(answered))
      return { floor: floor as number, answered: answered.filter(Number.isSafeInteger) };
  } catch {
    // Then every warning is shown again.
  }
  return { floor: 0, answered: [] };
}
