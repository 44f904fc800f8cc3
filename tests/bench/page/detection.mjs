// Finding own cells in what was pulled: 100 000 cells of 2 KiB, as batches lie in memory once they
// are fetched. Each way reads the pulled bytes and returns the positions of the own cells.

import { Hasher } from "tessera-portal/hashes";
import { random } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { compare } from "./measure.mjs";

const CELL = 2048;
const HEADER = 192;
const TAG = 16;
const BATCHES = 10;
const PER_BATCH = 10_000;
const OWN = 100;
const CONTACTS = 3;
const DAYS = 5;
const WINDOW = 32; // of device 0; 8 more for the next device index
const NEXT_DEVICE = 8;
const TODAY = 20_778;
const TRIALS = 4;

/** The tags of a batch, four words each, copied into an array that is reused. */
const gathered = new Uint32Array((PER_BATCH * TAG) / 4);

const CELLS = BATCHES * PER_BATCH;

export async function finding(bench, budget) {
  const contacts = Array.from({ length: CONTACTS }, () => random(32));
  const tags = watched(bench, contacts);
  const own = new Set();
  while (own.size < OWN) own.add(Math.floor(Math.random() * CELLS));
  const batches = haystack(own, tags);

  const index = indexed(bench, contacts);
  agree(index.length === tags.length, `${index.length} tags are watched, not ${tags.length}`);
  const hexes = new Map(tags.map((tag, i) => [tag.toHex(), i]));
  const latin1 = new Map(tags.map((tag, i) => [String.fromCharCode(...tag), i]));
  const ways = {
    tessera: (batch) => index.find(tagsOf(batch)),
    hexMap: (batch) => inHexMap(hexes, batch),
    latin1Map: (batch) => inLatin1Map(latin1, batch),
  };
  const expected = [...own].sort((a, b) => a - b).join();
  for (const [name, way] of Object.entries(ways)) {
    const found = batches.flatMap((batch, b) => Array.from(way(batch), (i) => b * PER_BATCH + i));
    agree(found.join() === expected, `${name} finds other cells`);
  }

  // Batch by batch, each variant through all of them, so that no variant finds its batch in the processor's cache.
  const find = Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, inTurn(batches, way)]));
  const trial = trialDecryption(bench, batches);
  return {
    find: await compare({ ...find, trial }, budget),
    index: await compare({ tessera: () => indexed(bench, contacts).length }, budget),
  };
}

/** What the driver and the engine do with batches before they look for tags: digest and signature. The peer hashes the same bytes. */
export async function checking(bench, budget) {
  const hasher = new Hasher();
  const batches = Array.from({ length: BATCHES }, () => {
    const batch = random(HEADER + PER_BATCH * CELL);
    batch.set(bench.signBatch(batch.subarray(HEADER)));
    return batch;
  });
  const ways = {
    tessera: async (batch) => bench.readBatch(batch, (await hasher.hashesOf(batch)).rests[0]),
    webcrypto: (batch) => crypto.subtle.digest("SHA-256", batch),
  };
  const read = Object.fromEntries(Object.entries(ways).map(([name, way]) => [name, inTurn(batches, way)]));
  return { read: await compare(read, { ...budget, rounds: 201 }) };
}

/**
 * A clinician's first pull, day by day: 2000 contacts, 14 days, one index at a time. Milliseconds. It is too long to
 * run uninterrupted on a busy machine: the fastest of a few runs counts.
 */
export function firstPull(bench) {
  const contacts = Array.from({ length: 2000 }, () => random(32));
  const runs = Array.from({ length: 5 }, () => watchDays(bench, contacts));
  return runs.reduce((best, run) => (run.time < best.time ? run : best));
}

function watchDays(bench, contacts) {
  let tags = 0;
  const start = performance.now();
  for (let day = TODAY - 14; day < TODAY; day += 1) {
    const index = new bench.Tags();
    for (const [contact, key] of contacts.entries()) index.watch(contact, key, day);
    tags += index.length;
    index.free();
  }
  return { tags, time: performance.now() - start };
}

/** In protocol order: 40 tags for each contact and day. */
function watched(bench, contacts) {
  const tags = [];
  for (const key of contacts) {
    for (let day = TODAY - 3; day < TODAY - 3 + DAYS; day += 1) {
      for (let counter = 0; counter < WINDOW; counter += 1) tags.push(bench.tagOf(key, day, 0, counter));
      for (let counter = 0; counter < NEXT_DEVICE; counter += 1) tags.push(bench.tagOf(key, day, 1, counter));
    }
  }
  return tags;
}

function indexed(bench, contacts) {
  const index = new bench.Tags();
  for (const [contact, key] of contacts.entries()) {
    for (let day = TODAY - 3; day < TODAY - 3 + DAYS; day += 1) index.watch(contact, key, day);
  }
  return index;
}

/** Batches of random cells, some under our tags. Written in full, so that every page of them is in memory. */
function haystack(own, tags) {
  const batches = Array.from({ length: BATCHES }, () => random(HEADER + PER_BATCH * CELL));
  for (const position of own) {
    const batch = batches[Math.floor(position / PER_BATCH)];
    batch.set(tags[Math.floor(Math.random() * tags.length)], HEADER + (position % PER_BATCH) * CELL);
  }
  return batches;
}

/** Only tags are copied into the module. A batch has its own buffer and a header of 192 bytes, so words are aligned. */
function tagsOf(batch) {
  const words = new Uint32Array(batch.buffer, HEADER, (PER_BATCH * CELL) / 4);
  for (let to = 0, from = 0; from < words.length; to += 4, from += CELL / 4) {
    gathered[to] = words[from];
    gathered[to + 1] = words[from + 1];
    gathered[to + 2] = words[from + 2];
    gathered[to + 3] = words[from + 3];
  }
  return new Uint8Array(gathered.buffer);
}

function inHexMap(map, batch) {
  const found = [];
  for (let i = 0, at = HEADER; at < batch.length; i += 1, at += CELL) {
    if (map.has(batch.subarray(at, at + TAG).toHex())) found.push(i);
  }
  return found;
}

function inLatin1Map(map, batch) {
  const found = [];
  for (let i = 0, at = HEADER; at < batch.length; i += 1, at += CELL) {
    if (map.has(String.fromCharCode.apply(null, batch.subarray(at, at + TAG)))) found.push(i);
  }
  return found;
}

/** Makes the microseconds those of a cell. */
function inTurn(batches, way) {
  let next = 0;
  return () => {
    const done = way(batches[next]);
    next = (next + 1) % batches.length;
    return done instanceof Promise ? done.then(() => PER_BATCH) : PER_BATCH;
  };
}

/**
 * What a recipient without tags does: tries to open each cell, here with the psk of a single contact, although it would have
 * to try each. Measured with a few real cells to somebody else, in a single call into the module.
 */
function trialDecryption(bench) {
  const other = new bench.CellKeys(random(32), random(32));
  const recipient = new bench.CellKeys(random(32), random(32));
  const cells = new Uint8Array(TRIALS * CELL);
  for (let i = 0; i < TRIALS; i += 1) cells.set(other.seal(random(16), random(1500)), i * CELL);
  agree(other.opening(cells) === TRIALS, "trial decryption does not open");
  agree(recipient.opening(cells) === 0, "trial decryption opens another's cells");
  return () => recipient.opening(cells) + TRIALS;
}
