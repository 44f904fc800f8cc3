/**
 * The main entry with its module inside the script, for hosts that cannot serve a file: `file:` pages, service workers, classic scripts.
 * Import it instead of `tessera-portal`, not in addition.
 */

import { CORE } from "./core/inline.js";
import { embed } from "./module/core.js";

embed(CORE);

export * from "./index.js";
