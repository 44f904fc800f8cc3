/** Large content: whole through restarts on both sides, followed as it goes, taken back, and small in memory. */

import { after, before, test } from "node:test";
import initCore from "../dist/core/core.js";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, isCode, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert } from "./support.mjs";

const MEBIBYTE = 2 ** 20;

let relay;
before(async () => {
  relay = await startRelay({
    "max-message-size": "16MiB",
    buckets: 1,
    "cells-per-bucket": 8,
    "cell-size": 16384,
    "cells-per-connection": 1_000_000,
    "cells-per-peer": 1_000_000,
  });
});
after(() => relay.end());

function picture(length) {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 2654435761) >>> 24;
  return bytes;
}

const same = (a, b) => Buffer.compare(a, b) === 0;
const reopened = async (portal, store) => {
  await portal.dispose();
  return Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, receiptDelayMinutes: 0 });
};

/** A store that survives the portal, as a database does. */
function lastingStore() {
  return { ...memoryStore(), async close() {} };
}

test("three mebibytes arrive byte for byte, both sides reopened on the way, and the way is told", async () => {
  const [storeA, storeB] = [lastingStore(), lastingStore()];
  let [a, b] = [
    await person("Lab", relay.url, { store: storeA }),
    await person("Rivera", relay.url, { store: storeB }),
  ];
  const [toB, toA] = await enrol(a, b);
  const body = picture(3 * MEBIBYTE + 77);
  const { id } = await a.send(toB, {
    attachments: [{ contentType: "application/dicom", body, filename: "thorax.dcm" }],
  });
  let messages = [];
  const seen = { out: [], in: [] };
  const follow = (portal) =>
    portal.addEventListener(
      "progress",
      ({ detail }) => detail.kind === "message" && seen[detail.direction].push(detail),
    );
  for (const portal of [a, b]) follow(portal);
  for (let round = 0; messages.length === 0; round++) {
    assert.ok(round < 60, "it never arrives");
    await a.sync();
    ({ messages } = await b.sync());
    // What arrived is read from the portal that received it.
    if (messages.length > 0 || round % 20 !== 10) continue;
    [a, b] = [await reopened(a, storeA), await reopened(b, storeB)];
    for (const portal of [a, b]) follow(portal);
  }
  const [message] = messages;
  const [file] = message.attachments;
  assert.deepEqual([file.size, file.filename, file.contentType], [body.length, "thorax.dcm", "application/dicom"]);
  assert.ok(same(await file.body(), body));
  assert.ok(seen.out.length > 20 && seen.in.length > 0, `${seen.out.length} ${seen.in.length}`);
  assert.ok(
    seen.out.every(
      (step, at, all) =>
        step.id === id &&
        step.totalBytes > body.length &&
        step.totalBytes < body.length + 200 &&
        step.bytes > (all[at - 1]?.bytes ?? -1),
    ),
  );
  assert.ok(seen.in.every(({ contactId, bytes, totalBytes }) => contactId === toA && bytes < totalBytes));
  await syncedUntil([a, b], "the receipt", async () => (await a.messages(toB)).at(-1).state === "delivered");
  assert.deepEqual(await Promise.all([a.transfers(), b.transfers()]), [[], []]);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("what was cancelled in the middle never shows, and what follows does", async () => {
  const [a, b] = [await person("Lab", relay.url), await person("Rivera", relay.url)];
  const [toB, toA] = await enrol(a, b);
  const events = record(b, "gap", "rejected");
  const { id } = await a.send(toB, { attachments: [{ contentType: "application/pdf", body: picture(MEBIBYTE) }] });
  await a.sync();
  await a.sync();
  assert.equal((await a.transfers()).length, 1);
  assert.equal((await a.cancel(id)).state, "cancelled");
  await assert.rejects(a.cancel(id), isCode("MESSAGE_SENT"));
  await assert.rejects(a.cancel("nothing"), isCode("MESSAGE_UNKNOWN"));
  await a.send(toB, { text: "instead" });
  await syncedUntil([a, b], "what follows", async () => (await b.messages(toA)).length > 0);
  const texts = (await b.messages(toA)).map((message) => message.text);
  assert.deepEqual([texts, events.gap, events.rejected], [["instead"], [], []]);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("above the relay's limit: refused, and nothing is stored", async () => {
  const a = await person("Lab", relay.url);
  const b = await person("Rivera", relay.url);
  const [toB] = await enrol(a, b);
  await assert.rejects(
    a.send(toB, { attachments: [{ contentType: "application/dicom", body: new Uint8Array(16 * MEBIBYTE + 1) }] }),
    isCode("MESSAGE_TOO_LARGE"),
  );
  assert.equal((await a.messages(toB)).length, 0);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("sixteen mebibytes take less than three times their size in memory, on either side", {
  timeout: 300_000,
}, async () => {
  const { memory } = await initCore();
  const [a, b] = [await person("Lab", relay.url), await person("Rivera", relay.url)];
  const [toB] = await enrol(a, b);
  const body = picture(16 * MEBIBYTE);
  const before = memory.buffer.byteLength;
  await a.send(toB, { attachments: [{ contentType: "application/dicom", body }] });
  const sending = memory.buffer.byteLength - before;
  let arrived;
  for (let round = 0; arrived === undefined; round++) {
    assert.ok(round < 40, "it never arrives");
    await a.sync({ flush: true });
    [arrived] = (await b.sync()).messages;
  }
  // One module holds both sides here: what it grew to is the most that either of them ever needed.
  const growth = memory.buffer.byteLength - before;
  console.log(
    `module memory: ${(sending / body.length).toFixed(2)} × to send, ${(growth / body.length).toFixed(2)} × in all`,
  );
  assert.ok(growth < 3 * body.length, `${growth} bytes more`);
  assert.ok(same(await arrived.attachments[0].body(), body));
  await Promise.all([a.dispose(), b.dispose()]);
});
