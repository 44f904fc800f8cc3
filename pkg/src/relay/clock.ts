/** A clock for due times. */

/**
 * Milliseconds since it was made, which never go back: a wall clock that is set back does not stop it, and a device that sleeps,
 * during which the page's own clock may stand still, moves it on.
 */
export class SteadyClock {
  #elapsed = 0;
  #wall = Date.now();
  #steady = performance.now();

  now(): number {
    const [wall, steady] = [Date.now(), performance.now()];
    this.#elapsed += Math.max(0, wall - this.#wall, steady - this.#steady);
    [this.#wall, this.#steady] = [wall, steady];
    return this.#elapsed;
  }
}
