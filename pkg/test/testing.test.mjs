/** What `tessera-portal/testing` gives hosts: a relay in memory between two portals, and a contract that bad stores fail. */

import test, { describe } from "node:test";
import { memoryStore } from "tessera-portal";
import { memoryRelay, storeContract } from "tessera-portal/testing";
import { enrol, person, record, syncedUntil } from "./people.mjs";
import { assert, bytes, refused } from "./support.mjs";

describe("memoryRelay", () => {
  test("two portals meet and write to each other, by QR code and by link", async () => {
    for (const kind of ["qr", "link"]) {
      const relay = memoryRelay({ buckets: 4 });
      const [a, b] = [await person("A", relay), await person("B", relay)];
      const [toB, toA] = await enrol(a, b, kind);
      const seen = record(b, "message", "rejected", "gap", "notice");
      await a.send(toB, { text: "Recheck HbA1c in 3 months." });
      await syncedUntil([a, b], "the message", () => seen.message.length > 0);
      assert.equal(seen.message[0].text, "Recheck HbA1c in 3 months.");
      await b.send(toA, { text: "Thank you." });
      await syncedUntil([a, b], "the answer", async () => (await a.messages(toB)).length === 2);
      assert.deepEqual([seen.rejected, seen.gap, seen.notice], [[], [], []]);
      await Promise.all([a.dispose(), b.dispose()]);
    }
  });

  test("can be taken off the network", async () => {
    const relay = memoryRelay();
    const a = await person("A", relay);
    await a.sync();
    relay.offline = true;
    await refused("RELAY_UNREACHABLE", () => a.sync());
    relay.offline = false;
    await a.sync();
    await a.dispose();
  });

  test("refuses what a relay refuses", async () => {
    const relay = memoryRelay({ buckets: 2 });
    await refused("NOT_FOUND", () => relay.get("/v1/buckets/2/index"));
    await refused("NOT_FOUND", () => relay.get(`/v1/buckets/0/batches/${"0".repeat(64)}/7`));
    await refused("RELAY_REFUSED", () => relay.post("/v1/cells", bytes(2051)));
    await refused("RELAY_REFUSED", () => relay.post("/v1/cells", bytes(2052, 9)));
    await refused("INVALID_ARGUMENT", () => memoryRelay({ buckets: 65 }));
    await refused("INVALID_ARGUMENT", () => memoryRelay({ bucket: 1 }));
  });
});

describe("storeContract finds", () => {
  const broken = {
    "a store that ignores the revision": (store) => ({
      ...store,
      commit: async (_, changes) => store.commit((await store.list("")).revision, changes),
    }),
    "a store that shares its arrays": (store) => {
      const kept = new Map();
      return {
        ...store,
        get: async (key) => kept.get(key) ?? kept.set(key, await store.get(key)).get(key),
      };
    },
    "a store that forgets what it deletes badly": (store) => ({
      ...store,
      commit: (revision, changes) =>
        store.commit(
          revision,
          changes.filter(([, value]) => value !== null),
        ),
    }),
    "a store whose prefixes are of another case": (store) => ({
      ...store,
      list: async (prefix) => {
        const { revision, entries } = await store.list("");
        return { revision, entries: entries.filter(([key]) => key.toLowerCase().startsWith(prefix.toLowerCase())) };
      },
    }),
    "a store that commits one change after the other": (store) => ({
      ...store,
      async commit(revision, changes) {
        let now = revision;
        for (const change of changes) {
          now = await store.commit(now, [change]);
          if (now === "CONFLICT") return now;
        }
        return changes.length === 0 ? store.commit(revision, []) : now;
      },
    }),
  };
  for (const [title, spoil] of Object.entries(broken)) {
    test(title, async () => {
      const failed = [];
      for (const { run, title } of storeContract) {
        const store = spoil(memoryStore());
        await run(() => store).catch(() => failed.push(title));
      }
      assert.notDeepEqual(failed, []);
    });
  }
});
