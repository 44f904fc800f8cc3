/**
 * Which warnings a person has answered, kept in `localStorage` as places in the audit log: numbers that say nothing about
 * anybody. Everything else about a warning is read from the log itself, so a reload loses none.
 */

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
    const kept = read(this.#key);
    this.floor = kept.floor;
    for (const index of kept.answered) this.answered.add(index);
  }

  /** Entries before `floor` need no further look. */
  settle(floor: number): void {
    this.floor = floor;
    for (const index of this.answered) if (index < floor) this.answered.delete(index);
    try {
      localStorage.setItem(this.#key, JSON.stringify({ floor, answered: [...this.answered] } satisfies Kept));
    } catch {
      // Without storage the warnings come again after a reload.
    }
  }

  /** For a vault that was destroyed: the log of the next one begins at 0. */
  clear(): void {
    this.floor = 0;
    this.answered.clear();
    try {
      localStorage.removeItem(this.#key);
    } catch {
      // Nothing was kept.
    }
  }
}

function read(key: string): Kept {
  try {
    const { floor, answered } = JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Kept>;
    if (Number.isSafeInteger(floor) && Array.isArray(answered))
      return { floor: floor as number, answered: answered.filter(Number.isSafeInteger) };
  } catch {
    // Then every warning is shown again.
  }
  return { floor: 0, answered: [] };
}
