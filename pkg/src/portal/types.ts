/** The types of a portal's arguments and results. */

export type * from "./types/audit.js";
export type * from "./types/devices.js";
export type * from "./types/messages.js";
export type * from "./types/opening.js";
export type * from "./types/people.js";
export type * from "./types/relay.js";
