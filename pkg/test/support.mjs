/** What the tests share. They run against the built package, as a customer gets it. */

import assert from "node:assert/strict";
import { init, isTesseraError } from "tessera-portal";
import { init as initSdk } from "tessera-portal/sdk";

export { assert };

await Promise.all([init(), initSdk()]);

/** Asserts that a call throws, or rejects with, a `TesseraError` of this code. */
export async function refused(code, attempt) {
  try {
    await attempt();
  } catch (error) {
    assert.ok(isTesseraError(error), `not a TesseraError: ${error}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`${code} was expected, and nothing was thrown`);
}

export const bytes = (length, fill = 7) => new Uint8Array(length).fill(fill);
export const utf8 = (text) => new TextEncoder().encode(text);
export const fromHex = (text) => Uint8Array.from(Buffer.from(text, "hex"));

/** The same bytes with one bit flipped. */
export function flipped(array, at = 0) {
  const copy = Uint8Array.from(array);
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
}

/** A file of the protocol's vectors. */
export async function vectors(name) {
  const { readFile } = await import("node:fs/promises");
  const folder = process.env.TESSERA_VECTORS ?? new URL("../../tests/vectors", import.meta.url).pathname;
  const { cases } = JSON.parse(await readFile(`${folder}/${name}.json`, "utf8"));
  assert.ok(cases.length > 0, `${name} has no cases`);
  return cases;
}
