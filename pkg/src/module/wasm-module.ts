/** One WebAssembly module of the package: loaded once, when asked, and reached through `call` alone. */

import { loadBuiltIn, loadGiven, type ModuleFile, type ModuleSource } from "./load.js";
import { options as known } from "../arguments.js";
import { TesseraError, asTesseraError } from "../errors.js";

export interface InitOptions {
  /** Where the module comes from, if not from beside this file. What is given here is not checked against the built-in hash. */
  readonly wasm?: ModuleSource;
}

/** What wasm-bindgen generates: functions and classes, and a default export that instantiates the module. */
interface Bindings {
  default(source: { module_or_path: WebAssembly.Module }): Promise<unknown>;
}

export class WasmModule<B extends Bindings> {
  readonly #bindings: B;
  #file: ModuleFile;
  #loading: Promise<void> | undefined;
  #ready = false;

  constructor(bindings: B, file: ModuleFile) {
    this.#bindings = bindings;
    this.#file = file;
  }

  /** Takes the module from a text in the place of the file: raw DEFLATE in base64. */
  embed(text: string): void {
    this.#file = { ...this.#file, embedded: text };
  }

  /** Calls after the first share its promise; after a failure the next call tries again. */
  init(options: InitOptions): Promise<void> {
    this.#loading ??= this.#load(options).catch((thrown: unknown) => {
      this.#loading = undefined;
      throw asTesseraError(thrown, "WASM_UNAVAILABLE", "the WebAssembly module could not be loaded");
    });
    return this.#loading;
  }

  /** Calls into the module: nothing is reached before `init()`, and nothing but a `TesseraError` comes out. */
  call<T>(use: (bindings: B) => T): T {
    if (!this.#ready) throw new TesseraError("NOT_INITIALIZED", "await init() first");
    try {
      return use(this.#bindings);
    } catch (thrown) {
      throw asTesseraError(thrown);
    }
  }

  async #load(options: InitOptions): Promise<void> {
    const { wasm } = known(options, "options", ["wasm"]);
    if (typeof WebAssembly !== "object") throw new TesseraError("UNSUPPORTED", "this platform has no WebAssembly");
    const module = await (wasm === undefined ? loadBuiltIn(this.#file) : loadGiven(wasm));
    await this.#bindings.default({ module_or_path: module });
    this.#ready = true;
  }
}
