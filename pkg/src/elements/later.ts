/** What the first page can do without is downloaded while a person reads it: the portal's engine. */

import { TesseraError } from "../errors.js";

export type Engine = typeof import("../index.js");

/** What does not arrive is an error with a code, as for the module. */
export function engine(): Promise<Engine> {
  return import("../index.js").catch((cause: unknown) => {
    throw new TesseraError("WASM_UNAVAILABLE", "a script of this page could not be loaded", { cause });
  });
}
