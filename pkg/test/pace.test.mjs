// How messages leave: in slots, or at once in additional slots; and what is said of it before.

import test, { after, before } from "node:test";
import { Portal, TesseraError, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { assert, bytes, refused } from "./support.mjs";

let relay, way, a, b, toB, toA;
const posts = [];
before(async () => {
  relay = await startRelay();
  way = meddler(relay.url);
  [a, b] = [await person("Lab", way), await person("Rivera", relay.url)];
  [toB, toA] = await enrol(a, b);
  await a.sync({ flush: true });
  const { post } = way;
  way.post = (path, body, request) => {
    posts.push(body.length);
    return post(path, body, request);
  };
});
after(async () => {
  await Promise.all([a?.dispose(), b?.dispose()]);
  await relay?.end();
});

const state = async (id) => (await a.messages(toB)).find((message) => message.id === id).state;

test("steady: it waits for a slot, and says by when it has left", async () => {
  posts.length = 0;
  const { id, leavesBy } = await a.send(toB, { attachments: [new Blob([bytes(9_000)])] });
  assert.deepEqual(posts, []);
  const [queued] = (await a.messages(toB)).filter((message) => message.id === id);
  assert.ok(leavesBy > Date.now() / 1000 && leavesBy <= queued.leavesBy, `${leavesBy}`);
  const { epochSeconds } = await a.limits();
  const { cells, seconds } = await a.estimate(9_000, "steady");
  assert.ok(cells >= 5 && cells <= 6, `${cells}`);
  assert.equal(seconds, cells * epochSeconds);
  assert.ok(queued.leavesBy > Date.now() / 1000, `${queued.leavesBy}`);
  assert.deepEqual(await a.estimate(9_000, "prompt"), { cells, seconds: epochSeconds });
  await a.sync();
  assert.equal(await state(id), "queued");
  assert.equal(posts.length, 1);
  assert.equal((await a.cancel(id)).state, "cancelled");
  await a.sync({ flush: true });
});

test("prompt: it leaves at once, in slots that show neither to whom nor which of their cells are real", async () => {
  posts.length = 0;
  const { id, leavesBy } = await a.send(toB, { attachments: [new Blob([bytes(9_000)])], pace: "prompt" });
  assert.equal(leavesBy, undefined);
  await until("the message to have left", async () => (await state(id)) === "sent");
  const { cells } = await a.estimate(9_000, "prompt");
  assert.ok(Math.abs(posts.length - cells) <= 1, `${posts.length} posts`);
  assert.equal(new Set(posts).size, 1, "every post is a whole slot");
  await syncedUntil([b], "it to arrive", async () => (await b.messages(toA)).length === 1);
});

test("prompt without a relay: it waits, and leaves once the relay is back", async () => {
  const events = record(a, "relay");
  way.onPost = async () => {
    throw new TesseraError("RELAY_UNREACHABLE", "away");
  };
  const { id } = await a.send(toB, { text: "waits", pace: "prompt" });
  await until("the trouble", () => events.relay.some(({ reachable }) => !reachable));
  assert.equal(await state(id), "queued");
  way.onPost = (send) => send();
  await a.sync().catch(() => {});
  await until("the message to have left", async () => (await state(id)) === "sent");
});

test("prompt outlives a restart: what waited for the relay leaves in an additional slot, and nothing is marked then", async () => {
  const [store, way] = [memoryStore(), meddler(relay.url)];
  const open = (more) => Portal.open({ relay: way, store, passphrase: PASSPHRASE, receiptDelayMinutes: 0, ...more });
  const marked = async () => (await store.get("vault/prompt")) !== undefined;
  const [first, other] = [await open({ name: "Lab", create: true }), await person("Okafor", relay.url)];
  const [to] = await enrol(first, other);
  const { post } = way;
  way.post = async () => {
    throw new TesseraError("RELAY_UNREACHABLE", "away");
  };
  await first.send(to, { attachments: [new Blob([bytes(9_000)])], pace: "prompt" });
  await first.dispose();
  assert.ok(await marked());

  const again = await open();
  const { cells } = await again.estimate(9_000, "prompt");
  const slots = [];
  way.post = (path, body, request) => {
    slots.push(body.length);
    return post(path, body, request);
  };
  const stateOf = async () => (await again.messages(to)).at(-1).state;
  await again.sync();
  assert.equal(await stateOf(), "queued", "a slot has room for a part of it");
  await again.start();
  await until("it to have left", async () => (await stateOf()) === "sent");
  await until("the mark to be gone", async () => !(await marked()));
  assert.ok(slots.length <= cells + 2, `${slots.length} slots`);
  await Promise.all([again.dispose(), other.dispose()]);
});

test("a signal ends the call before anything is queued", async () => {
  const count = (await a.messages(toB)).length;
  await refused("ABORTED", () => a.send(toB, { text: "x", signal: AbortSignal.abort() }));
  assert.equal((await a.messages(toB)).length, count);
});

test("another name is for people who are met later", async () => {
  await refused("INVALID_ARGUMENT", () => a.rename("\u202e"));
  await a.rename("Northside Laboratory");
  assert.equal((await a.me()).name, "Northside Laboratory");
  assert.equal((await b.contacts())[0].name, "Lab");
  const c = await person("C", relay.url);
  await c.accept((await a.invite({ kind: "link" })).uri);
  await syncedUntil([a, c], "the name", async () => (await c.contacts())[0].name !== "");
  assert.equal((await c.contacts())[0].name, "Northside Laboratory");
  await c.dispose();
});
