// The host's own log: what happened, without anything that a log must not hold.

import test from "node:test";
import { Portal, TesseraError, memoryStore } from "tessera-portal";
import { memoryRelay } from "tessera-portal/testing";
import { PASSPHRASE, enrol, meddler } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert } from "./support.mjs";

test("holds events, failed requests and codes, and neither content, names, ids, buckets nor addresses", async () => {
  const relay = await startRelay();
  const way = meddler(relay.url);
  const entries = [];
  const log = (entry) => entries.push(entry);
  const open = (name, client, more) =>
    Portal.open({ relay: client, store: memoryStore(), passphrase: PASSPHRASE, name, create: true, ...more });
  const [a, b] = [await open("Ana Ruiz", way, { log }), await open("Ben Okafor", relay.url)];
  try {
    const [toB, toA] = await enrol(a, b);
    await a.send(toB, { text: "Recheck HbA1c", session: "visit-7421" });
    await a.sync({ flush: true });
    way.onGet = () => {
      throw new TesseraError("RELAY_UNREACHABLE", "away");
    };
    await a.sync().catch(() => {});
    await a.vault.lock();
    await a.dispose();
    const { fingerprint } = await b.me();
    const written = JSON.stringify(entries);
    for (const secret of [
      "Ana",
      "Okafor",
      "HbA1c",
      "visit-7421",
      toB,
      toA,
      PASSPHRASE,
      new URL(relay.url).host,
      "/v1/",
      Buffer.from(fingerprint).toString("hex"),
    ])
      assert.ok(!written.includes(secret), `${secret} in ${written}`);
  } finally {
    await b.dispose();
    await relay.end();
  }
  const events = entries.map(({ event }) => event);
  assert.equal(events[0], "opened");
  assert.equal(events.at(-1), "disposed");
  const failed = entries.find(({ event }) => event === "request");
  assert.deepEqual(
    { ...failed, time: 0 },
    { time: 0, level: "warn", event: "request", code: "RELAY_UNREACHABLE", method: "get" },
  );
  assert.deepEqual(
    entries.filter(({ event }) => event === "relay").map(({ reachable, level }) => [reachable, level]),
    [
      [true, "info"],
      [false, "warn"],
    ],
  );
  assert.equal(entries.find(({ event }) => event === "locked").reason, "manual");
  assert.ok(!events.some((event) => ["message", "state", "contact", "progress"].includes(event)));
});

test("that throws stops nothing", async () => {
  const log = () => {
    throw new Error("the host's own fault");
  };
  const portal = await Portal.open({
    relay: memoryRelay(),
    store: memoryStore(),
    passphrase: PASSPHRASE,
    name: "A",
    create: true,
    log,
  });
  assert.equal((await portal.me()).name, "A");
  await portal.dispose();
});
