/** Checks of what callers pass: a wrong type is INVALID_ARGUMENT, never a conversion. */

import { invalid } from "./errors.js";

/** A `Uint8Array` of any realm; other views and plain arrays are refused. */
export function bytes(value: unknown, name: string, length?: number): Uint8Array {
  if (!isBytes(value)) throw invalid(`${name} is not a Uint8Array`);
  if (length !== undefined && value.length !== length) throw invalid(`${name} is not ${length} bytes`);
  return value;
}

/** Bytes as they are, text as UTF-8. */
export function content(value: unknown, name: string): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  if (!isBytes(value)) throw invalid(`${name} is neither a Uint8Array nor a string`);
  return value;
}

export function text(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalid(`${name} is not a string`);
  return value;
}

export function integer(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${name} is not an integer from ${least} to ${most}`);
  }
  return value;
}

/** An object that is not null, for options. */
export function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw invalid(`${name} is not an object`);
  return value as Record<string, unknown>;
}

function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]";
}
