/** The module of the SDK level. */

import { WasmModule, type InitOptions } from "./wasm-module.js";
import * as bindings from "../core/sdk.js";
import { SDK_INTEGRITY } from "../core/integrity.js";

export type Sdk = typeof bindings;

const sdk = new WasmModule(bindings, {
  name: "sdk.wasm",
  integrity: SDK_INTEGRITY,
  url: () => new URL("../core/sdk.wasm", import.meta.url),
});

/** Loads the module of the SDK level, in the same way as the main entry's `init` loads the portal's. */
export function init(options: InitOptions = {}): Promise<void> {
  return sdk.init(options);
}

/** Calls into the module. */
export function call<T>(use: (sdk: Sdk) => T): T {
  return sdk.call(use);
}
