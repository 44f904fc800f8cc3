// What the page of tasks works on: a vault with many messages in a database, and a batch of 13 000 cells on the server.

import { random } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { CELLS, DATABASE, STILL_RELAY, deriveKek, filled } from "./vaults.mjs";

const MESSAGES = 10_000;
const CELL = 2048;
const EPOCH = 1800;

globalThis.run = async () => {
  const bench = await import("/bench/bench.js");
  await bench.default({ module_or_path: "/bench/bench.wasm" });
  const now = Math.floor(Date.now() / 1000);
  const mailbox = new bench.BenchMailbox(now - 2 * EPOCH);
  const salt = random(16);
  await filled(DATABASE, mailbox.vault(await deriveKek(salt), salt, 2, MESSAGES));
  await publish(mailbox, now);
};

/** Puts on the server what a relay would answer. */
async function publish(mailbox, now) {
  const batch = new Uint8Array(192 + CELLS * CELL);
  const cells = random(CELLS * CELL);
  batch.set(mailbox.next(cells));
  batch.set(cells, 192);
  const { origin } = mailbox;
  const epoch = Number(new DataView(batch.buffer).getBigUint64(40));
  const listed = { origin, epoch, count: CELLS, digest: batch.subarray(88, 120).toHex() };
  const answers = {
    "/v1/info": info(origin, now),
    "/v1/buckets/0/index": { oldest: epoch, batches: [listed], segments: [] },
    "/v1/buckets/lobby/index": { oldest: null, batches: [], segments: [] },
    [`/v1/buckets/0/batches/${origin}/${epoch}`]: batch,
  };
  for (const [path, answer] of Object.entries(answers)) {
    const body = ArrayBuffer.isView(answer) ? answer : JSON.stringify(answer);
    const { ok } = await fetch(`${STILL_RELAY}${path}`, { method: "PUT", body });
    agree(ok, `the server keeps ${path}`);
  }
}

/** As the vault knows the relay. */
function info(origin, now) {
  return {
    protocol: 1,
    origin,
    buckets: 1,
    cell_size: CELL,
    epoch_seconds: EPOCH,
    lobby: { epoch_seconds: 15, cells: 16, retention_seconds: 86_400 },
    retention_seconds: 60 * 86_400,
    slot: { per_bucket: 1 },
    max_attachment_bytes: 262_144,
    cover: { mechanism: "fixed", cells: 0, epsilon: null, delta: null, sensitivity: 1, batches: 1, mean: 0, note: "" },
    time: now,
  };
}
