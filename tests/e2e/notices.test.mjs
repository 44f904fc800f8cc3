// The relay's notices in a browser: they only say when to look, return after the relay does, and are optional.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, newProfile } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

let browser, site, relay;
before(async () => {
  [browser, site, relay] = await Promise.all([
    launch(),
    servePackage(),
    startRelay({ epoch: "2s", "lobby-epoch": "2s" }),
  ]);
});
after(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), relay?.end()]);
});

/** A page with a running portal, and a record of its streams and requests. */
async function listener(prepare = () => {}) {
  const page = await (await newProfile(browser)).newPage();
  const seen = { streams: [], sent: [], received: [], indexes: [] };
  page.on("websocket", (stream) => {
    seen.streams.push(stream.url());
    stream.on("framesent", ({ payload }) => seen.sent.push(payload));
    stream.on("framereceived", ({ payload }) => seen.received.push(JSON.parse(payload)));
  });
  page.on("request", (request) => /\/buckets\/\d+\/index$/.test(request.url()) && seen.indexes.push(request.url()));
  await page.addInitScript(prepare);
  await page.goto(site.url);
  await page.evaluate(async (url) => {
    const { Portal, memoryStore } = await import("tessera-portal");
    window.portal = await Portal.open({
      relay: url,
      store: memoryStore(),
      passphrase: "correct horse battery staple",
      name: "Ana",
      create: true,
    });
    await window.portal.start();
  }, relay.url);
  return { page, seen, close: () => page.context().close() };
}

test("the stream subscribes to the own bucket in its first message and names nothing in its address", async () => {
  const { seen, close } = await listener();
  await until(
    "notices of both mailboxes",
    () =>
      seen.received.some(({ bucket }) => bucket === "lobby") &&
      seen.received.some(({ bucket }) => typeof bucket === "number"),
  );
  assert.deepEqual(seen.streams, [`${relay.url.replace("http", "ws")}/v1/ws`]);
  assert.equal(seen.sent.length, 1);
  const { bucket, ...rest } = JSON.parse(seen.sent[0]);
  assert.deepEqual(rest, {});
  await until("a pull", () => seen.indexes.length > 2);
  assert.ok(
    seen.indexes.every((url) => url.endsWith(`/buckets/${bucket}/index`)),
    "always the own bucket",
  );
  await close();
});

test("the stream comes back after the relay was away", async () => {
  const { seen, close } = await listener();
  await until("notices", () => seen.received.length > 0);
  await relay.kill();
  await relay.up();
  await until("another stream", () => seen.streams.length > 1);
  const before = seen.received.length;
  await until("notices again", () => seen.received.length > before);
  await close();
});

test("without WebSocket, portals pull by the clock", async () => {
  const { seen, close } = await listener(() => delete window.WebSocket);
  await until("three pulls", () => seen.indexes.length >= 3);
  assert.deepEqual(seen.streams, []);
  await close();
});
