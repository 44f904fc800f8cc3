// Waiting for conditions.

/** How long to wait for what must happen. It is for something that hangs, not for a slow machine. */
export const PATIENCE = 300_000;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `condition` returns something true, and returns that; `between` runs before each try. */
export async function until(what, condition, between = async () => {}) {
  for (const end = Date.now() + PATIENCE; ; ) {
    await between();
    const result = await condition();
    if (result) return result;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await pause(100);
  }
}
