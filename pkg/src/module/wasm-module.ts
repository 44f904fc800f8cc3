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
  default(source: { module_or_path: WebAssembly.Module }): Promise<object>;
}

/** An export that the first of two parts has, for the rest to import. */
const OF_FIRST_PART = "t0";

export class WasmModule<B extends Bindings> {
  readonly #bindings: B;
  #file: ModuleFile;
  readonly #rest: ModuleFile | undefined;
  #loading: Promise<void> | undefined;
  #ready = false;
  /** What the first part exports, until the rest is there. */
  #first: WebAssembly.Exports | undefined;
  #completing: Promise<void> | undefined;

  /** With `rest`, `file` is the first of two parts. A module that the host passes, or that is embedded, is whole. */
  constructor(bindings: B, file: ModuleFile, rest?: ModuleFile) {
    this.#bindings = bindings;
    this.#file = file;
    this.#rest = rest;
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

  /** Whether everything of it can be called. */
  get complete(): boolean {
    return this.#ready && this.#first === undefined;
  }

  /** Loads the rest, if it is not there. Calls share one promise; after a failure the next call tries again. */
  async completed(): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    this.#completing ??= this.#complete(first).catch((thrown: unknown) => {
      this.#completing = undefined;
      throw asTesseraError(thrown, "WASM_UNAVAILABLE", "the rest of the WebAssembly module could not be loaded");
    });
    await this.#completing;
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
    const exports = await this.#bindings.default({ module_or_path: module });
    this.#first = OF_FIRST_PART in exports ? (exports as WebAssembly.Exports) : undefined;
    this.#ready = true;
    // Now and not before, so that it takes nothing from the first part. What needs it tries again, and tells of a failure.
    this.completed().catch(() => {});
  }

  /** Instantiating it fills the first part's table, in one step. */
  async #complete(first: WebAssembly.Exports): Promise<void> {
    const module = await loadBuiltIn(this.#rest as ModuleFile);
    await WebAssembly.instantiate(module, { first });
    this.#first = undefined;
  }
}
