/**
 * Calls between two sides of a message channel. What structured cloning does not carry crosses too: functions, signals, streams, URLs,
 * and errors with their codes.
 */

import { TesseraError, isTesseraError, type ErrorCode, type TesseraErrorOptions } from "../errors.js";

/** A `Worker`, or the global scope inside. */
export interface Port {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

type AnyFunction = (...parameters: never[]) => unknown;

/** What one side sends to the other. */
type Letter =
  | { readonly kind: "call"; readonly id: number; readonly target: string | number; readonly parameters: unknown[] }
  | { readonly kind: "value" | "error"; readonly id: number; readonly value: unknown }
  | { readonly kind: "abort" | "release"; readonly id: number };

/** Marks what is put in the place of a value that cannot be cloned. */
const MARK = "tessera-portal";

type Marked =
  | { readonly [MARK]: "function"; readonly id: number }
  | { readonly [MARK]: "signal"; readonly id: number; readonly aborted: boolean }
  | { readonly [MARK]: "stream"; readonly next: unknown; readonly return: unknown }
  | { readonly [MARK]: "url"; readonly href: string }
  | ({ readonly [MARK]: "error"; readonly code: ErrorCode; readonly message: string } & TesseraErrorOptions);

/** One side. `named` are the functions that the other side may call by name. */
export class Peer {
  readonly #port: Port;
  readonly #named: (name: string) => AnyFunction | undefined;
  /** What ends each call: by the kind of the letter that answers it. */
  readonly #pending = new Map<number, { value(value: unknown): void; error(error: unknown): void }>();
  /** Functions that the other side holds. */
  readonly #lent = new Map<number, AnyFunction>();
  /** Signals of the other side. */
  readonly #signals = new Map<number, AbortController>();
  /** Tells the other side that one of its functions is no longer held here. */
  readonly #released: FinalizationRegistry<number>;
  #last = 0;
  #ended: unknown;

  constructor(port: Port, named: (name: string) => AnyFunction | undefined = () => undefined) {
    this.#port = port;
    this.#named = named;
    this.#released = new FinalizationRegistry((id) => this.#post({ kind: "release", id }));
    port.addEventListener("message", ({ data }) => this.#receive(data as Letter));
  }

  /** Calls a function of the other side. */
  call(target: string | number, parameters: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#last += 1;
      const id = this.#last;
      this.#pending.set(id, { value: resolve, error: reject });
      try {
        this.#port.postMessage({
          kind: "call",
          id,
          target,
          parameters: parameters.map((value) => this.#encode(value)),
        });
      } catch (cause) {
        this.#pending.delete(id);
        reject(new TesseraError("INVALID_ARGUMENT", "an argument cannot be sent to a worker", { cause }));
      }
    });
  }

  /** The other side is gone: what waits for it, and every later call, gets this error. */
  end(error: unknown): void {
    this.#ended ??= error;
    for (const call of this.#pending.values()) call.error(this.#ended);
    this.#pending.clear();
    this.#lent.clear();
  }

  #post(letter: Letter): void {
    if (this.#ended === undefined) this.#port.postMessage(letter);
  }

  #receive(letter: Letter): void {
    switch (letter.kind) {
      case "call":
        void this.#answer(letter.id, letter.target, letter.parameters);
        break;
      case "value":
      case "error":
        this.#pending.get(letter.id)?.[letter.kind](this.#decode(letter.value));
        this.#pending.delete(letter.id);
        break;
      case "abort":
        this.#signals.get(letter.id)?.abort();
        this.#signals.delete(letter.id);
        break;
      case "release":
        this.#lent.delete(letter.id);
    }
  }

  async #answer(id: number, target: string | number, parameters: readonly unknown[]): Promise<void> {
    try {
      const called = typeof target === "number" ? this.#lent.get(target) : this.#named(target);
      if (called === undefined) throw new TesseraError("INTERNAL", "the other side called what is not there");
      const value = await (called as (...all: unknown[]) => unknown)(...parameters.map((each) => this.#decode(each)));
      this.#post({ kind: "value", id, value: this.#encode(value) });
    } catch (error) {
      try {
        this.#post({ kind: "error", id, value: this.#encode(error) });
      } catch (cause) {
        // What was thrown cannot be cloned.
        const told = new TesseraError("INTERNAL", cause instanceof Error ? cause.message : "not cloneable");
        this.#post({ kind: "error", id, value: this.#encode(told) });
      }
    }
  }

  #encode(value: unknown): unknown {
    if (typeof value === "function") return { [MARK]: "function", id: this.#lend(value as AnyFunction) };
    if (typeof value !== "object" || value === null) return value;
    if (isTesseraError(value)) return this.#encodeError(value);
    if (value instanceof AbortSignal) return this.#encodeSignal(value);
    if (value instanceof URL) return { [MARK]: "url", href: value.href };
    if (Symbol.asyncIterator in value) return this.#encodeStream(value as AsyncIterable<unknown>);
    if (Array.isArray(value)) return value.map((each) => this.#encode(each));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#encode(each)]));
  }

  #lend(value: AnyFunction): number {
    this.#last += 1;
    this.#lent.set(this.#last, value);
    return this.#last;
  }

  #encodeError(error: TesseraError): Marked {
    const { code, message, retryable, retryAfter, heldBy, cause } = error;
    return {
      [MARK]: "error",
      code,
      message,
      ...(retryable ? {} : { retryable }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(heldBy === undefined ? {} : { heldBy }),
      ...(cause === undefined ? {} : { cause: cloneable(this.#encode(cause)) }),
    };
  }

  #encodeSignal(signal: AbortSignal): Marked {
    this.#last += 1;
    const id = this.#last;
    signal.addEventListener("abort", () => this.#post({ kind: "abort", id }), { once: true });
    return { [MARK]: "signal", id, aborted: signal.aborted };
  }

  #encodeStream(stream: AsyncIterable<unknown>): Marked {
    const iterator = stream[Symbol.asyncIterator]();
    return {
      [MARK]: "stream",
      next: this.#encode(() => iterator.next()),
      return: this.#encode(() => iterator.return?.()),
    };
  }

  #decode(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.#decode(each));
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    if (MARK in value) return this.#decodeMarked(value as unknown as Marked);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#decode(each)]));
  }

  #decodeMarked(marked: Marked): unknown {
    switch (marked[MARK]) {
      case "function": {
        const { id } = marked;
        const borrowed = (...parameters: unknown[]): Promise<unknown> => this.call(id, parameters);
        this.#released.register(borrowed, id);
        return borrowed;
      }
      case "signal": {
        const controller = new AbortController();
        if (marked.aborted) controller.abort();
        else this.#signals.set(marked.id, controller);
        return controller.signal;
      }
      case "stream": {
        const [next, end] = [this.#decode(marked.next), this.#decode(marked.return)] as (() => Promise<never>)[];
        const iterator = { next, return: end, [Symbol.asyncIterator]: () => iterator };
        return iterator;
      }
      case "url":
        return new URL(marked.href);
      case "error": {
        const { code, message, cause, ...details } = marked;
        const caused = cause === undefined ? {} : { cause: this.#decode(cause) };
        return new TesseraError(code, message, { ...details, ...caused });
      }
    }
  }
}

/** A cause is for developers: what cannot be cloned is left out. */
function cloneable(cause: unknown): unknown {
  try {
    return structuredClone(cause);
  } catch {
    return undefined;
  }
}
