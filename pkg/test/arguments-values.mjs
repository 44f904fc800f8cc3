/** Values of each type that is not the one an argument declares. */

import { bytes, utf8 } from "./support.mjs";

/** A buffer that was transferred to a worker: it reads as empty. */
function detached() {
  const array = bytes(32);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const HALF = "half of a pair: \ud83d";
const TEXT = [7, {}, ["a"], utf8("a"), HALF];
/** Values that are not of a type; a function makes one afresh. */
export const WRONG = {
  text: [...TEXT, null],
  optionalText: TEXT,
  token: [7, null, {}, ["a"], HALF],
  bytes: [7, null, {}, "text", [1, 2, 3], { length: 32 }, detached, () => detached().buffer],
  content: [7, null, {}, [1, 2, 3], HALF, detached],
  secret: [7, null, {}, [1, 2, 3], "", HALF, detached, () => new Uint8Array()],
  key: [7, "x", {}, [1, 2, 3], () => bytes(31), detached],
  whole: [-1, 1.5, NaN, Infinity, 2 ** 53, "3", null, 7n],
  minutes: [0, -1, NaN, Infinity, "3", null, 1441],
  flag: [1, "yes", null, {}],
  callback: [1, "f", {}, null],
  signal: [1, "s", {}, null],
  options: [null, 7, "x", undefined],
  optional: [null, 7, "x"],
  list: [null, 7, "x", {}],
  optionalList: [7, "x", {}],
  object: [null, 7, "x", true],
};

/** The arguments within an object of options. */
export function within(name, types) {
  return Object.fromEntries(Object.entries(types).map(([path, type]) => [`${name}.${path}`, type]));
}
