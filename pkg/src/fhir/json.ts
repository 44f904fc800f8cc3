/** The value of a field if it has the expected type; a document may contain anything anywhere. */

import { Decimal, type Json, type JsonObject } from "./scanner.js";

export function text(value: Json | undefined): string | null {
  return typeof value === "string" && value.trim() !== "" ? value : null;
}

export function decimal(value: Json | undefined): Decimal | null {
  return value instanceof Decimal ? value : null;
}

export function object(value: Json | undefined): JsonObject | null {
  return isObject(value) ? value : null;
}

/** The objects of an array; the sole object where a document left the array out. */
export function list(value: Json | undefined): readonly JsonObject[] {
  if (Array.isArray(value)) return value.filter(isObject);
  return isObject(value) ? [value] : [];
}

/** The texts of an array; the sole text where a document left the array out. */
export function texts(value: Json | undefined): readonly string[] {
  const all: readonly (Json | undefined)[] = Array.isArray(value) ? value : [value];
  return all.flatMap((one) => text(one) ?? []);
}

export function has(source: JsonObject, field: string): boolean {
  const value = source[field];
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Decimal);
}
