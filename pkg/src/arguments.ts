/** Checks of what callers pass: a wrong type is INVALID_ARGUMENT that names the argument, never a conversion. */

import { TesseraError, invalid } from "./errors.js";

/** Bytes, or text that stands for its UTF-8. */
export type Content = Uint8Array | string;

/**
 * The bytes of any `ArrayBuffer` or view, of any realm, as a `Uint8Array` over the same memory. A buffer that was transferred
 * away is refused: it would read as empty. Shared memory is copied, because it may change between two looks.
 */
export function bytes(value: unknown, name: string, length?: number): Uint8Array {
  const found = view(value, name);
  if (found === undefined) throw invalid(`${name} is not an ArrayBuffer or a view of one`);
  if (length !== undefined && found.length !== length) throw invalid(`${name} is not ${length} bytes`);
  return found;
}

/** Bytes as they are, text as UTF-8. */
export function content(value: unknown, name: string): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(text(value, name));
  const found = view(value, name);
  if (found === undefined) throw invalid(`${name} is neither a string nor an ArrayBuffer or a view of one`);
  return found;
}

/** A well-formed string. In UTF-8, half of a surrogate pair would become U+FFFD without notice. */
export function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalid(`${name} is not a string`);
  if (!isWellFormed(value)) throw invalid(`${name} has half of a surrogate pair`);
  return value;
}

export function integer(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${name} is not an integer from ${least} to ${most}`);
  }
  return value;
}

export function flag(value: unknown, name: string): boolean {
  if (value !== undefined && typeof value !== "boolean") throw invalid(`${name} is not true or false`);
  return value === true;
}

export function callback(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "function") throw invalid(`${name} is not a function`);
}

export function signal(value: unknown, name: string): AbortSignal | undefined {
  if (value === undefined) return undefined;
  const { aborted, addEventListener } = object(value, name);
  if (typeof aborted !== "boolean" || typeof addEventListener !== "function")
    throw invalid(`${name} is not an AbortSignal`);
  return value as AbortSignal;
}

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new TesseraError("ABORTED", "the caller's signal ended the call");
}

/** An object that is not null. */
export function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw invalid(`${name} is not an object`);
  return value as Record<string, unknown>;
}

/** Options with known names only: a misspelt option would otherwise be ignored without notice. */
export function options<T extends object>(value: T, name: string, known: readonly (keyof T & string)[]): T {
  const given = object(value, name);
  for (const key of Object.keys(given)) {
    if (given[key] !== undefined && !(known as readonly string[]).includes(key))
      throw invalid(`${name} has no option ${/^[\w$]{1,40}$/.test(key) ? key : "of this name"}`);
  }
  return value;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** The platform's own check is many times faster on long texts; Safari has it from 16.4 on. */
function isWellFormed(value: string): boolean {
  const { isWellFormed: own } = value as unknown as { isWellFormed?: () => boolean };
  return own === undefined ? !LONE_SURROGATE.test(value) : own.call(value);
}

/** `undefined` for what holds no bytes. */
function view(value: unknown, name: string): Uint8Array | undefined {
  try {
    if (ArrayBuffer.isView(value)) {
      const { buffer, byteOffset, byteLength } = value;
      return unshared(new Uint8Array(buffer, byteOffset, byteLength));
    }
    if (isBuffer(value)) return unshared(new Uint8Array(value));
  } catch {
    // The constructor refuses a buffer that is detached.
    throw invalid(`${name} was transferred away, and holds nothing any more`);
  }
  return undefined;
}

function isBuffer(value: unknown): value is ArrayBufferLike {
  return ["ArrayBuffer", "SharedArrayBuffer"].includes(kindOf(value));
}

function unshared(view: Uint8Array): Uint8Array {
  return kindOf(view.buffer) === "SharedArrayBuffer" ? view.slice() : view;
}

/** `URL`, `Blob`, `CryptoKey`, … of any realm, which `instanceof` would not tell. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
