/** The entry for Node 20.19 and later: the same surface; the module is read from disk. */

export * from "./index.js";
