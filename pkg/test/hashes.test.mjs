/** Hashes of downloads: what the engine takes from WebCrypto in the place of hashing. */

import test from "node:test";
import { createHash, randomBytes } from "node:crypto";
import { Hasher } from "../dist/relay/hashes.js";
import { assert } from "./support.mjs";

const CELL = 2048;
const hasher = new Hasher();
const hashesOf = (bytes) => hasher.hashesOf(bytes);
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");
const hex = (hashes) => hashes.map((hash) => Buffer.from(hash).toString("hex"));

function batch(count, size = CELL) {
  const header = randomBytes(192);
  header.writeUInt32BE(count, 120);
  header.writeUInt32BE(size, 124);
  const cells = Array.from({ length: count }, () => randomBytes(size));
  return { bytes: Buffer.concat([header, ...cells]), rests: sha256(...cells.map((cell) => cell.subarray(16))) };
}

test("one batch is hashed without its tags", async () => {
  for (const one of [batch(0), batch(3), batch(2, 4096)]) {
    const { whole, rests } = await hashesOf(one.bytes);
    assert.equal(whole, undefined);
    assert.deepEqual(hex(rests), [one.rests]);
  }
});

test("downloads of any number and size of cells, in memory that is used again", async () => {
  // More than is moved at a time, a rest of it, cells larger than it, and smaller downloads after larger.
  for (const [count, size] of [
    [200, CELL],
    [3, 200_000],
    [65, CELL],
    [1, 17],
    [7, 4096],
  ]) {
    const { bytes, rests } = batch(count, size);
    const before = Buffer.from(bytes);
    assert.deepEqual(hex((await hashesOf(bytes)).rests), [rests]);
    assert.deepEqual(bytes, before, "the download is left as it is");
  }
});

test("downloads that are hashed at the same time do not share memory", async () => {
  const batches = [batch(70), batch(200), batch(1)];
  const hashes = await Promise.all(batches.map(({ bytes }) => hashesOf(bytes)));
  assert.deepEqual(
    hashes.map(({ rests }) => hex(rests)),
    batches.map(({ rests }) => [rests]),
  );
  hasher.release();
  assert.deepEqual(hex((await hashesOf(batches[0].bytes)).rests), [batches[0].rests]);
});

test("of several batches the whole is hashed as well", async () => {
  const batches = [batch(3), batch(0), batch(1)];
  const all = Buffer.concat(batches.map(({ bytes }) => bytes));
  const { whole, rests } = await hashesOf(all);
  assert.deepEqual(hex([whole]), [sha256(all)]);
  assert.deepEqual(
    hex(rests),
    batches.map(({ rests }) => rests),
  );
});

test("what is no batch is left to the engine", async () => {
  const { bytes } = batch(2);
  for (const bad of [bytes.subarray(0, -1), bytes.subarray(0, 191), Buffer.alloc(0), Buffer.alloc(192)])
    assert.deepEqual(await hashesOf(bad), { rests: [] });
  const claims = Buffer.from(bytes);
  claims.writeUInt32BE(2 ** 32 - 1, 120);
  assert.deepEqual(await hashesOf(claims), { rests: [] });
});
