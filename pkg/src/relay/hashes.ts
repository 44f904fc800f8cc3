/** Hashes of downloads, which WebCrypto computes several times faster than the module. */

import { subtle } from "../module/webcrypto.js";

/** Protocol §12: a batch is a header, with the number and the size of its cells, and these cells. */
const HEADER = 192;
const COUNT_AT = 120;
const CELL_SIZE_AT = 124;
const TAG = 16;

/** SHA-256 of the whole download, if it is of several batches, and of what follows the tags of the cells of each batch. */
export interface Hashes {
  readonly whole?: Uint8Array;
  readonly rests: readonly Uint8Array[];
}

/** What is no batch is left out: the engine refuses it. */
export async function hashesOf(download: Uint8Array): Promise<Hashes> {
  const view = new DataView(download.buffer, download.byteOffset, download.byteLength);
  const rests: Promise<Uint8Array>[] = [];
  for (let at = 0; at + HEADER <= download.length; ) {
    const [count, size] = [view.getUint32(at + COUNT_AT), view.getUint32(at + CELL_SIZE_AT)];
    const cells = download.subarray(at + HEADER, at + HEADER + count * size);
    if (size <= TAG || cells.length !== count * size) break;
    rests.push(sha256(withoutTags(cells, size)));
    at += HEADER + cells.length;
  }
  if (rests.length < 2) return { rests: await Promise.all(rests) };
  const [whole, ...each] = await Promise.all([sha256(download), ...rests]);
  return { whole, rests: each };
}

function withoutTags(cells: Uint8Array, size: number): Uint8Array {
  const rests = new Uint8Array((cells.length / size) * (size - TAG));
  for (let from = 0, to = 0; from < cells.length; from += size, to += size - TAG)
    rests.set(cells.subarray(from + TAG, from + size), to);
  return rests;
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle().digest("SHA-256", bytes as BufferSource));
}
