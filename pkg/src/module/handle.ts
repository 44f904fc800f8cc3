/** Objects of the SDK's module with an end of life. */

import { call } from "./sdk.js";
import { TesseraError } from "../errors.js";

interface Freeable {
  free(): void;
}

let innerOf: <T extends Freeable>(handle: Handle<T>) => T;

/** Owns an object of the module until `dispose()`. */
export abstract class Handle<T extends Freeable> implements Disposable {
  #inner: T | undefined;
  declare readonly [Symbol.dispose]: () => void;

  static {
    innerOf = (handle) => {
      if (handle.#inner === undefined) throw new TesseraError("DISPOSED", "this object was disposed of");
      return handle.#inner;
    };
    // Absent in Safari, where a computed method name would become "undefined".
    if (typeof Symbol.dispose === "symbol") {
      Object.defineProperty(Handle.prototype, Symbol.dispose, {
        value(this: Handle<Freeable>) {
          this.dispose();
        },
      });
    }
  }

  protected constructor(inner: T) {
    this.#inner = inner;
  }

  /** Wipes and frees what the module holds. Calling it again does nothing; any other use after it throws `DISPOSED`. */
  dispose(): void {
    const inner = this.#inner;
    this.#inner = undefined;
    if (inner === undefined) return;
    inner.free();
    call((sdk) => sdk.wipeStack());
  }
}

/** What a handle owns; throws `DISPOSED` after `dispose()`. */
export function inner<T extends Freeable>(handle: Handle<T>): T {
  return innerOf(handle);
}
