/** What of a store an engine holds in memory. */

export const HEADER = "vault";

/** What stands beside the header, unsealed, and belongs to this device: the count of failed unlocks, the mark of prompt messages. */
export function isUnsealed(key: string): boolean {
  return key.startsWith(`${HEADER}/`);
}

/** State, and the headers of messages. Bodies stay in the store. */
export const LOADED = ["s/", "m/"];
