/** What of a store an engine holds in memory. */

export const HEADER = "vault";
/** State, and the headers of messages. Bodies stay in the store. */
export const LOADED = ["s/", "m/"];
