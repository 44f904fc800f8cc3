/** The module with the portal's engine. */

import { WasmModule, type InitOptions } from "./wasm-module.js";
import * as bindings from "../core/core.js";
import { CORE_INTEGRITY } from "../core/integrity.js";

export type Core = typeof bindings;

const core = new WasmModule(bindings, {
  name: "core.wasm",
  integrity: CORE_INTEGRITY,
  url: () => new URL("../core/core.wasm", import.meta.url),
});

/**
 * Loads the module. Calls after the first share its promise; after a failure the next call tries again.
 *
 * Rejects with `UNSUPPORTED` where there is no WebAssembly, and with `WASM_UNAVAILABLE` if the module cannot be fetched or compiled:
 * the message names the address, what was answered, and the page of the documentation that helps.
 */
export function init(options: InitOptions = {}): Promise<void> {
  return core.init(options);
}

/** From now on the module comes from this text: raw DEFLATE in base64. */
export function embed(text: string): void {
  core.embed(text);
}

/** Calls into the module. */
export function call<T>(use: (core: Core) => T): T {
  return core.call(use);
}
