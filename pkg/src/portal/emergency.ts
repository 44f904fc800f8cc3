/** Emergency shares of one portal's vault. */

import { integer, object } from "../arguments.js";
import type { EngineHost } from "./engine.js";
import type { EmergencyAccess, SharesOptions } from "./types.js";

export class EmergencyShares {
  readonly #forRead: () => EngineHost;
  readonly #forUser: () => EngineHost;

  /** The engine, for what is only read and for what the person does. */
  constructor(reads: () => EngineHost, does: () => EngineHost) {
    this.#forRead = reads;
    this.#forUser = does;
  }

  /** Prints the vault key in shares, of which `threshold` open a backup. They stay good for every backup of this vault. */
  async createShares(options: SharesOptions): Promise<string[]> {
    const { threshold, shares } = object(options, "options");
    const [least, count] = [integer(threshold, "threshold", 2, 255), integer(shares, "shares", 2, 255)];
    return this.#forUser().apply((engine, now) => engine.createShares(least, count, now));
  }

  /** Every time a backup was opened with shares, as far as it is known here; the oldest first. */
  async accesses(): Promise<EmergencyAccess[]> {
    return this.#forRead().read((engine) => engine.emergencies());
  }
}
