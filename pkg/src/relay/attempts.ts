/** How often a download failed. After a few attempts it is passed over, so that what follows it is read; later it is tried again. */

/** Attempts at successive pulls, before a download is passed over. */
const ATTEMPTS = 3;
/** How long it is passed over at first; then twice as long each time, up to sixteen times. */
const PASS_OVER_MS = 3_600_000;
const MOST_DOUBLED = 4;
/** More than a relay lists; beyond, what was remembered longest is forgotten. */
const MOST_REMEMBERED = 4096;

export class Attempts {
  readonly #failed = new Map<string, { count: number; next: number }>();
  /** Milliseconds of a clock that only goes forward. */
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether a download may be tried now. */
  allowed(path: string): boolean {
    const known = this.#failed.get(path);
    return known === undefined || this.#now() >= known.next;
  }

  failed(path: string): void {
    const count = (this.#failed.get(path)?.count ?? 0) + 1;
    const over = count - ATTEMPTS;
    const next = over < 0 ? this.#now() : this.#now() + PASS_OVER_MS * 2 ** Math.min(over, MOST_DOUBLED);
    this.#failed.delete(path);
    this.#failed.set(path, { count, next });
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > MOST_REMEMBERED && oldest !== undefined) this.#failed.delete(oldest);
  }

  succeeded(path: string): void {
    this.#failed.delete(path);
  }
}
