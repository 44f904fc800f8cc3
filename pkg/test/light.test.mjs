import test, { after, before } from "node:test";
import { enrol, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { Portal, httpRelay, memoryStore } from "tessera-portal";
import { assert, bytes } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

/** A client of the relay, and the paths that are asked of it. */
function watched(url) {
  const [real, paths] = [httpRelay({ url }), []];
  const client = {
    url: real.url,
    get: (path, request) => {
      paths.push(path);
      return real.get(path, request);
    },
    post: (path, body, request) => real.post(path, body, request),
    select: (path, body, request) => {
      paths.push(path);
      return real.select(path, body, request);
    },
  };
  return { client, paths };
}

/** Paths of whole batches and segments of numbered buckets. */
const whole = (paths) => paths.filter((path) => /buckets\/\d+\/(batches|segments)\/[^/]+\/\d+$/.test(path));

test("messages are read by their tags, and nothing of the bucket is downloaded whole", async () => {
  const [first, second] = [watched(relay.url), watched(relay.url)];
  const light = { reading: "light", confirmLargeDownload: () => false };
  const a = await person("A", relay.url);
  const b = await person("B", { ...first.client, mirror: second.client }, light);
  const events = record(b, "message", "rejected", "notice");
  const [toB] = await enrol(a, b);
  for (let number = 0; number < 12; number++) await a.send(toB, { text: `result ${number}` });
  await a.send(toB, { attachments: [{ contentType: "application/pdf", filename: "scan.pdf", body: bytes(9000) }] });
  await syncedUntil([a, b], "all messages", () => events.message.length === 13);
  assert.deepEqual(
    new Set(events.message.flatMap(({ text }) => text ?? [])),
    new Set(Array.from({ length: 12 }, (_, number) => `result ${number}`)),
  );
  assert.deepEqual([...events.rejected, ...events.notice], []);
  assert.deepEqual([...whole(first.paths), ...whole(second.paths)], []);
  assert.ok(first.paths.some((path) => path.endsWith("/select")));
  const ofMirror = second.paths.filter((path) => !/\/(select|tags|origins)$/.test(path));
  assert.deepEqual(ofMirror, [], "a mirror is asked for nothing else");
  await Promise.all([a.dispose(), b.dispose()]);
});

test("a mirror that is gone is told, and the bucket is read whole", async () => {
  const [first, second] = [watched(relay.url), watched(relay.url)];
  let gone = false;
  const mirror = {
    ...second.client,
    get: (path, request) => (gone ? Promise.reject(new Error("gone")) : second.client.get(path, request)),
  };
  const a = await person("A", relay.url);
  const b = await person("B", { ...first.client, mirror }, { reading: "light" });
  const events = record(b, "message", "notice");
  const [toB] = await enrol(a, b);
  gone = true;
  await a.send(toB, { text: "hello" });
  const synced = async () => {
    await a.sync({ flush: true });
    await b.sync().catch((error) => assert.equal(error.code, "RELAY_UNREACHABLE"));
  };
  await until("the message", () => events.message.length === 1, synced);
  assert.deepEqual(events.notice, [{ code: "MIRROR_UNREACHABLE", cleared: false }]);
  assert.ok(whole(first.paths).length > 0);
  gone = false;
  await until("that it is back", () => events.notice.length === 2, synced);
  assert.deepEqual(events.notice[1], { code: "MIRROR_UNREACHABLE", cleared: true });
  await Promise.all([a.dispose(), b.dispose()]);
});

test("light reading needs a mirror of somebody else", async () => {
  const open = (relay, reading = "light") =>
    Portal.open({ relay, reading, store: memoryStore(), passphrase: "x", name: "A", create: true });
  const { client } = watched(relay.url);
  const { select: _, ...without } = client;
  for (const [given, reading, word] of [
    [relay.url, "light", "relay.mirror"],
    [{ url: relay.url }, "light", "relay.mirror"],
    [client, "light", "relay.mirror"],
    [{ ...without, mirror: client }, "light", "select"],
    [{ ...client, mirror: without }, "light", "relay.mirror"],
    [{ ...client, mirror: "https://other.example" }, "light", "relay.mirror"],
    [{ url: relay.url, mirror: relay.url }, "light", "relay.mirror"],
    [{ url: relay.url, mirror: "nonsense://x" }, "whole", "relay"],
    [{ url: relay.url, mirror: { url: "https://other.example", mirror: "https://a.example" } }, "light", "mirror"],
    [relay.url, "heavy", "reading"],
  ]) {
    await assert.rejects(open(given, reading), (error) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.ok(error.message.includes(word), error.message);
      return true;
    });
  }
});

test("a host chooses the number of bitmaps, and a relay sees no other", async () => {
  const [first, second] = [watched(relay.url), watched(relay.url)];
  const sent = [];
  const noting = (client) => ({
    ...client,
    select: (path, body, request) => {
      sent.push(body[52]);
      return client.select(path, body, request);
    },
  });
  const relays = { ...noting(first.client), mirror: noting(second.client) };
  const a = await person("A", relay.url);
  const b = await person("B", relays, { reading: "light", lightQueries: 3 });
  const events = record(b, "message");
  const [toB] = await enrol(a, b);
  for (let number = 0; number < 5; number++) await a.send(toB, { text: `result ${number}` });
  await syncedUntil([a, b], "all messages", () => events.message.length === 5);
  assert.deepEqual([...new Set(sent)], [3]);
  await Promise.all([a.dispose(), b.dispose()]);
  for (const lightQueries of [0, 17, 1.5, "8", null, Number.NaN]) {
    const open = Portal.open({
      relay: relay.url,
      store: memoryStore(),
      passphrase: "x",
      name: "A",
      create: true,
      lightQueries,
    });
    await assert.rejects(open, (error) => error.code === "INVALID_ARGUMENT" && /lightQueries/.test(error.message));
  }
});
