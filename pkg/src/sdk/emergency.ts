/** A 32-byte secret in several hands: Shamir's sharing over GF(2^8). */

import { bytes, integer, object, options as known } from "../arguments.js";
import { call } from "../module/sdk.js";
import { invalid } from "../errors.js";

/** One share: a place from 1 to 255 and 32 bytes that are as secret as the whole. */
export interface SharePoint {
  readonly x: number;
  readonly y: Uint8Array;
}

export interface SplitOptions {
  /** How many shares restore the secret: at least 2. */
  readonly threshold: number;
  /** How many shares there are: at most 255. */
  readonly shares: number;
}

/** Splits a secret; fewer shares than the threshold say nothing about it. */
export function split(secret: Uint8Array, options: SplitOptions): SharePoint[] {
  const { threshold, shares } = known(options, "options", ["threshold", "shares"]);
  const [least, count] = [integer(threshold, "threshold", 2, 255), integer(shares, "shares", 2, 255)];
  return call((sdk) => sdk.emergencySplit(bytes(secret, "secret", 32), least, count)) as SharePoint[];
}

/** The secret that all these shares lie on. Too few give another secret; only opening something with it shows which. */
export function combine(shares: readonly SharePoint[]): Uint8Array {
  if (!Array.isArray(shares)) throw invalid("shares is not an array");
  return call((sdk) => {
    const set = new sdk.ShareSet();
    try {
      for (const share of shares as readonly SharePoint[]) {
        const { x, y } = object(share, "share");
        set.add(integer(x, "x", 0, 255), bytes(y, "y", 32));
      }
      return set.combine();
    } finally {
      set.free();
    }
  });
}
