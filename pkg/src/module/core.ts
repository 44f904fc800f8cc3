/** The module with the portal's engine. */

import { WasmModule, type InitOptions } from "./wasm-module.js";
import * as bindings from "../core/core.js";
import type { FirstFunction, FirstMethod } from "../core/first.js";
import { CORE_FIRST_INTEGRITY, CORE_INTEGRITY, CORE_REST_INTEGRITY } from "../core/integrity.js";

export type Core = typeof bindings;

/** What can be called of an engine before the rest of the module is there. */
export type FirstEngine = Pick<bindings.Engine, Extract<FirstMethod, keyof bindings.Engine>>;

type EngineClass = typeof bindings.Engine;

/** What can be called before the rest of the module is there. */
type FirstCore = Pick<Core, FirstFunction> & {
  readonly Engine: Pick<EngineClass, Extract<FirstMethod, keyof EngineClass>>;
};

const core = new WasmModule(
  bindings,
  {
    name: "core-first.wasm",
    integrity: CORE_FIRST_INTEGRITY,
    url: () => new URL("../core/core-first.wasm", import.meta.url),
    whole: { name: "core.wasm", integrity: CORE_INTEGRITY },
  },
  {
    name: "core-rest.wasm",
    integrity: CORE_REST_INTEGRITY,
    url: () => new URL("../core/core-rest.wasm", import.meta.url),
  },
);

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

/** Calls into the first part of the module. */
export function call<T>(use: (core: FirstCore) => T): T {
  return core.call(use);
}

/** Whether everything of the module can be called. */
export function isComplete(): boolean {
  return core.complete;
}

/** Resolves when everything of the module can be called. Rejects with `WASM_UNAVAILABLE`; the next call tries again. */
export function completed(): Promise<void> {
  return core.completed();
}

/** Calls into the module, once it is complete. */
export async function callComplete<T>(use: (core: Core) => T): Promise<T> {
  await core.completed();
  return core.call(use);
}
