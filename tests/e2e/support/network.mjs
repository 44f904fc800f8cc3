// What anyone with access to the network can do to a relay: read every batch, and post cells.

import { setTimeout } from "node:timers/promises";
import { LOBBY, parseBatch } from "./batch.mjs";

/** Most cells per request. */
const ENTRIES = 64;

export async function info(url) {
  return (await fetch(`${url}/v1/info`)).json();
}

/** `fresh()` returns the batches published since the call, of all buckets but the lobby. */
export async function watchBatches(url) {
  const { buckets } = await info(url);
  const list = async () => {
    const found = [];
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const index = await (await fetch(`${url}/v1/buckets/${bucket}/index`, { cache: "no-store" })).json();
      for (const { origin, epoch } of index.batches)
        found.push(`${url}/v1/buckets/${bucket}/batches/${origin}/${epoch}`);
    }
    return found;
  };
  const known = new Set(await list());
  return {
    async fresh() {
      const addresses = (await list()).filter((address) => !known.has(address));
      return Promise.all(
        addresses.map(async (address) => parseBatch(Buffer.from(await (await fetch(address)).arrayBuffer()))),
      );
    },
  };
}

/** Posts cells, each to a bucket. */
export async function post(url, entries) {
  for (let at = 0; at < entries.length; at += ENTRIES) {
    const body = Buffer.concat(
      entries.slice(at, at + ENTRIES).map(({ bucket, cell }) => Buffer.concat([u32(bucket), cell])),
    );
    const send = () =>
      fetch(`${url}/v1/cells`, { method: "POST", headers: { "content-type": "application/octet-stream" }, body });
    let response = await send();
    // On a slow machine there are more batches, and so more cells, than a minute's allowance.
    while (response.status === 429) {
      await setTimeout(1000 * Number(response.headers.get("retry-after") ?? 1));
      response = await send();
    }
    if (response.status !== 202) throw new Error(`the relay answered ${response.status}: ${await response.text()}`);
  }
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export const bucketName = (bucket) => (bucket === LOBBY ? "lobby" : String(bucket));
