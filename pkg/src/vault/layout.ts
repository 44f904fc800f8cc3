/** Which records of a store an engine holds in memory. */

export const HEADER = "vault";

/** Whether a record beside the header is unsealed and belongs to this device: the count of failed unlocks, the mark of prompt messages. */
export function isUnsealed(key: string): boolean {
  return key.startsWith(`${HEADER}/`);
}

/** State, and the headers of messages. Bodies stay in the store. */
export const LOADED = ["s/", "m/"];
