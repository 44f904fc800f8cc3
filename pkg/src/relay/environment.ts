/** What the driver takes from its surroundings: a clock, timers, and whether data is to be saved. */

/** Milliseconds of a clock that only goes forward. */
export function ticks(): number {
  return performance.now();
}

/** The user asked the browser to use little data. */
export function savesData(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}

/** Resolves after so long, or once the signal is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.max(0, ms));
    signal?.addEventListener("abort", wake);
    if (signal?.aborted) wake();
  });
}
