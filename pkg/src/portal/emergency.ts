/** Emergency shares of one portal's vault. */

import { integer, options as known } from "../arguments.js";
import type { EngineAccess } from "./engine-host.js";
import type { EmergencyAccess, SharesOptions } from "./types.js";

export class EmergencyShares {
  readonly #engine: EngineAccess;

  constructor(engine: EngineAccess) {
    this.#engine = engine;
  }

  /** Prints the vault key in shares, of which `threshold` open a backup. They stay valid for every backup of this vault. */
  async createShares(options: SharesOptions): Promise<string[]> {
    const { threshold, shares } = known(options, "options", ["threshold", "shares"]);
    const [least, count] = [integer(threshold, "threshold", 2, 255), integer(shares, "shares", 2, 255)];
    return this.#engine.forUser().apply((engine, now) => engine.createShares(least, count, now));
  }

  /** Every time a backup was opened with shares, as far as it is known here; the oldest first. */
  async accesses(): Promise<EmergencyAccess[]> {
    return this.#engine.forRead().readFirst((engine) => engine.emergencies());
  }
}
