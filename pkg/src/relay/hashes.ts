/** Hashes of downloads, which WebCrypto computes several times faster than the module. */

import { sha256 } from "../module/webcrypto.js";

/** Protocol §12: a batch is a header, with the number and the size of its cells, and these cells. */
const HEADER = 192;
const COUNT_AT = 120;
const CELL_SIZE_AT = 124;
const TAG = 16;

/** Bytes that are moved at a time, so that they stay in the processor's cache. */
const CHUNK = 128 * 1024;

/** SHA-256 of the whole download, if it is of several batches, and of what follows the tags of the cells of each batch. */
export interface Hashes {
  readonly whole?: Uint8Array;
  readonly rests: readonly Uint8Array[];
}

/** Hashes downloads in memory that it uses again: the first write to fresh memory takes half as long as hashing what is written. */
export class Hasher {
  #memory = new Uint8Array();

  /** What is no batch is left out: the engine refuses it. */
  async hashesOf(download: Uint8Array): Promise<Hashes> {
    let memory = this.#memory;
    this.#memory = new Uint8Array(); // a call meanwhile gets other memory
    const view = new DataView(download.buffer, download.byteOffset, download.byteLength);
    const rests: Uint8Array[] = [];
    for (let at = 0; at + HEADER <= download.length; ) {
      const [count, size] = [view.getUint32(at + COUNT_AT), view.getUint32(at + CELL_SIZE_AT)];
      const cells = download.subarray(at + HEADER, at + HEADER + count * size);
      if (size <= TAG || cells.length !== count * size) break;
      if (memory.length < cells.length) memory = new Uint8Array(cells.length);
      rests.push(await sha256(withoutTags(cells, size, memory)));
      at += HEADER + cells.length;
    }
    this.#memory = memory;
    return rests.length < 2 ? { rests } : { whole: await sha256(download), rests };
  }

  /** Frees the memory. */
  release(): void {
    this.#memory = new Uint8Array();
  }
}

/** Gathers what follows the tags, in memory that has room for the cells. */
function withoutTags(cells: Uint8Array, size: number, memory: Uint8Array): Uint8Array {
  const chunk = Math.max(1, Math.floor(CHUNK / size)) * size;
  let end = 0;
  for (let from = 0; from < cells.length; from += chunk) {
    const moved = cells.subarray(from, from + chunk);
    const start = end;
    memory.set(moved, start);
    for (let at = start; at < start + moved.length; at += size, end += size - TAG)
      memory.copyWithin(end, at + TAG, at + size);
  }
  return memory.subarray(0, end);
}
