/** What the laboratory's sender has sent: one line for each step, on the disk before the next step is taken. */

import { open, readFile, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { synced } from "../store/synced.js";

/**
 * `begun`: it is being given to the vault. `queued`: the vault has it, under this message id. `sent`: the relay has all of it.
 * `delivered`: its recipient has it. `failed`: it was not sent, or not confirmed, and a person was told.
 */
export type Step = "begun" | "queued" | "sent" | "delivered" | "failed";

export interface Line {
  /** SHA-256 of the recipient and the content, 64 hex digits. */
  readonly digest: string;
  readonly step: Step;
  readonly contact: string;
  readonly message?: string;
  /** Where the file lies below the folder, once it was moved. */
  readonly file?: string;
  /** Unix seconds. */
  readonly at: number;
}

/** The last line of each digest. A line that a dying process left half is cut off. */
export class Ledger {
  static async open(path: string): Promise<Ledger> {
    const file = await open(path, "a+", 0o600);
    try {
      const text = await readFile(path, "utf8");
      const whole = text.slice(0, text.lastIndexOf("\n") + 1);
      if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole));
      await file.sync();
      await synced(dirname(path));
      const lines = whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
      const last = new Map(lines.map((line) => [line.digest, line]));
      return new Ledger(file, last);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(
    private readonly file: FileHandle,
    private readonly last: Map<string, Line>,
  ) {}

  get(digest: string): Line | undefined {
    return this.last.get(digest);
  }

  /** The last line of each digest that stands at one of these steps. */
  at(...steps: readonly Step[]): readonly Line[] {
    return [...this.last.values()].filter(({ step }) => steps.includes(step));
  }

  /** Adds a line; it is on the disk when this resolves. */
  async add(line: Omit<Line, "at">): Promise<Line> {
    const whole = { ...line, at: Math.floor(Date.now() / 1000) };
    await this.file.appendFile(`${JSON.stringify(whole)}\n`);
    await this.file.sync();
    this.last.set(line.digest, whole);
    return whole;
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
