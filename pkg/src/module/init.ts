/** Loading the WebAssembly module, once, when asked. */

import { CORE_INTEGRITY } from "../core/integrity.js";
import { instantiate } from "./core.js";
import { TesseraError, asTesseraError, invalid } from "../errors.js";

export interface InitOptions {
  /** Where the module comes from, if not from beside this file. What is given here is not checked against the built-in hash. */
  readonly wasm?: URL | Request | Response | BufferSource | WebAssembly.Module;
}

let loading: Promise<void> | undefined;

/**
 * Loads the module. Calls after the first share its promise; after a failure the next call tries again.
 *
 * Rejects with `UNSUPPORTED` where there is no WebAssembly, `WASM_UNAVAILABLE` if the module cannot be fetched or compiled.
 */
export function init(options: InitOptions = {}): Promise<void> {
  loading ??= load(options.wasm).catch((thrown: unknown) => {
    loading = undefined;
    throw asTesseraError(thrown, "WASM_UNAVAILABLE", "the WebAssembly module could not be loaded");
  });
  return loading;
}

async function load(source: InitOptions["wasm"]): Promise<void> {
  if (typeof WebAssembly !== "object") throw new TesseraError("UNSUPPORTED", "this platform has no WebAssembly");
  await instantiate(await (source === undefined ? builtIn() : resolve(source)));
}

/** Bundlers follow this literal and ship the file; the hash keeps a tampered copy from running. */
async function builtIn(): Promise<Response | BufferSource> {
  const url = new URL("../core/core.wasm", import.meta.url);
  return url.protocol === "file:" ? read(url) : fetched(fetch(url, { integrity: CORE_INTEGRITY }));
}

async function resolve(
  source: NonNullable<InitOptions["wasm"]>,
): Promise<Response | BufferSource | WebAssembly.Module> {
  if (source instanceof WebAssembly.Module || source instanceof ArrayBuffer || ArrayBuffer.isView(source))
    return source;
  if (source instanceof Response) return fetched(source);
  if (source instanceof URL && source.protocol === "file:") return read(source);
  if (source instanceof URL || source instanceof Request) return fetched(fetch(source));
  throw invalid("wasm is not a URL, Request, Response, BufferSource or WebAssembly.Module");
}

async function fetched(answer: Response | Promise<Response>): Promise<Response> {
  const response = await answer;
  if (!response.ok)
    throw new TesseraError("WASM_UNAVAILABLE", `the WebAssembly module was answered with ${response.status}`);
  return response;
}

/** Node reads the file: its fetch takes no `file:` URL. Asked for in this way, no bundler looks for the module. */
async function read(url: URL): Promise<BufferSource> {
  const files = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (files === undefined) throw new TesseraError("UNSUPPORTED", "file: URLs can be read in Node 20.16 or later only");
  return files.readFile(url);
}
