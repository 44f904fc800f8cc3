/** The one way to the wasm module: nothing is reached before `init()`, and nothing but a `TesseraError` comes out. */

import * as bindings from "../core/core.js";
import { TesseraError, asTesseraError } from "../errors.js";

export type Core = typeof bindings;

let ready = false;

/** Instantiates the module; called by `init()` only. */
export async function instantiate(source: Response | BufferSource | WebAssembly.Module): Promise<void> {
  await bindings.default({ module_or_path: source });
  ready = true;
}

/** Calls into the module. */
export function call<T>(use: (core: Core) => T): T {
  if (!ready) throw new TesseraError("NOT_INITIALIZED", "await init() first");
  try {
    return use(bindings);
  } catch (thrown) {
    throw asTesseraError(thrown);
  }
}
