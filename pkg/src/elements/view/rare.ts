/** What people open rarely, in one download: each alone is small, and files that share much compress better together. */

export { Audit } from "./audit.js";
export { printThread } from "./print-thread.js";
export { Privacy } from "./privacy.js";
export { readableResults } from "./result.js";
export { Safety } from "./safety.js";
