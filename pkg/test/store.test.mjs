import test from "node:test";
import { CONFLICT, memoryStore } from "tessera-portal";
import { assert, bytes } from "./support.mjs";

test("what is committed is read back, in order, as of a revision", async () => {
  const store = memoryStore();
  assert.deepEqual(await store.list(""), { revision: 0, entries: [] });
  const revision = await store.commit(0, [["s/b", bytes(1, 2)], ["s/a", bytes(1, 1)], ["m/a", bytes(1, 3)]]);
  assert.deepEqual(await store.list("s/"), { revision, entries: [["s/a", bytes(1, 1)], ["s/b", bytes(1, 2)]] });
  assert.deepEqual(await store.get("m/a"), bytes(1, 3));
  assert.equal(await store.get("m/b"), undefined);
  await store.commit(revision, [["s/a", null], ["s/b", bytes(1, 9)]]);
  assert.deepEqual((await store.list("s/")).entries, [["s/b", bytes(1, 9)]]);
});

test("a commit on an old revision changes nothing", async () => {
  const store = memoryStore();
  const revision = await store.commit(0, [["a", bytes(1)]]);
  assert.equal(await store.commit(0, [["a", null], ["b", bytes(1)]]), CONFLICT);
  assert.equal(await store.commit(revision + 1, [["a", null]]), CONFLICT);
  assert.deepEqual(await store.list(""), { revision, entries: [["a", bytes(1)]] });
});

test("the store shares no array with its callers", async () => {
  const store = memoryStore();
  const value = bytes(1, 1);
  await store.commit(0, [["a", value]]);
  value[0] = 9;
  (await store.get("a"))[0] = 9;
  (await store.list("")).entries[0][1][0] = 9;
  assert.deepEqual(await store.get("a"), bytes(1, 1));
});
