import test, { after, before, describe } from "node:test";
import { Portal, destroyVault, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, person, record } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, bytes, refused } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const open = (store, options) =>
  Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "A", ...options });

/** A memory store that remembers whether a vault is here, and keeps every commit for the test. */
function markable() {
  const inner = memoryStore();
  let present = false;
  const store = {
    ...inner,
    commits: [],
    destroyed: 0,
    async commit(revision, changes) {
      const result = await inner.commit(revision, changes);
      if (result !== "CONFLICT") store.commits.push(changes);
      return result;
    },
    async mark(now) {
      present = now;
    },
    marked: async () => present,
    async destroy() {
      store.destroyed += 1;
    },
  };
  return store;
}

/** What a thief takes home. */
async function copyOf(store) {
  const copy = memoryStore();
  await copy.commit(0, (await store.list("")).entries);
  return copy;
}

/** Someone with messages, a draft and a queue. */
async function busy(store) {
  const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
  const [toB] = await enrol(a, b);
  await a.send(toB, { text: "to be shredded" });
  await a.setDraft(toB, "half a sentence");
  await b.dispose();
  return a;
}

describe("destroy", () => {
  for (const locked of [false, true]) {
    test(`removes everything, the header first, and disposes of the portal that was ${locked ? "locked" : "open"}`, async () => {
      const store = markable();
      const a = await busy(store);
      await a.start();
      if (locked) await a.vault.lock();
      const header = await store.get("vault");
      store.commits.length = 0;
      await a.vault.destroy();
      const [first] = store.commits;
      const written = first.filter(([key]) => key === "vault").map(([, value]) => value);
      assert.equal(written.length, 2);
      assert.deepEqual([written[0].length, written[1]], [header.length, null]);
      assert.notDeepEqual(written[0], header, "overwritten");
      assert.ok(first.some(([key, value]) => key === "s/self" && value === null));
      assert.deepEqual((await store.list("")).entries, []);
      assert.deepEqual([store.destroyed, await store.marked()], [1, false]);

      for (const call of [() => a.me(), () => a.start(), () => a.vault.lock(), () => a.vault.destroy()])
        await refused("DISPOSED", call);
      await refused("DISPOSED", () => a.vault.unlock(PASSPHRASE));
      await a.dispose();
      const error = await refused("VAULT_MISSING", () => open(store));
      assert.equal(error.cause, undefined, "nobody is told that it was cleared");
      const fresh = await open(store, { create: true });
      assert.deepEqual(await fresh.contacts(), []);
      await fresh.dispose();
    });
  }

  test("a thief who comes after it opens nothing, with the passphrase, also if it was cut short", async () => {
    const store = markable();
    const a = await busy(store);
    const before = await copyOf(store);
    const { commit } = store;
    let commits = 0;
    store.commit = async (...words) => {
      commits += 1;
      if (commits > 1) throw new Error("the page died");
      return commit(...words);
    };
    await refused("STORE_FAILED", () => a.vault.destroy());
    const taken = await copyOf(store);
    assert.ok((await taken.list("b/")).entries.length > 0, "bodies were still there");
    await refused("VAULT_MISSING", () => open(taken));
    const [[, oldHeader]] = (await before.list("vault")).entries;
    assert.ok(!(await taken.list("")).entries.some(([, value]) => Buffer.from(value).equals(Buffer.from(oldHeader))));

    store.commit = commit;
    await a.vault.destroy();
    assert.deepEqual((await store.list("")).entries, []);
    const fresh = await open(taken, { create: true });
    assert.deepEqual((await taken.list("b/")).entries, [], "what was left goes with the next vault");
    await fresh.dispose();
    // The scan can fail: a copy from before it opens.
    await (await open(before)).dispose();
  });

  test("without a portal, and not while one has it open", async () => {
    const store = markable();
    await (await busy(store)).dispose();
    const held = { ...store, lock: async () => null };
    await refused("VAULT_IN_USE", () => destroyVault(held));
    await destroyVault(store);
    assert.deepEqual((await store.list("")).entries, []);
    await refused("VAULT_MISSING", () => open(store));
    await destroyVault(store);
  });

  test("is not for a portal that lost its store", async () => {
    const store = markable();
    let lose;
    store.lock = async ({ onLost }) => {
      lose = onLost;
      return () => {};
    };
    const a = await open(store, { create: true });
    const events = record(a, "stopped");
    lose();
    await refused("VAULT_IN_USE", () => a.vault.destroy());
    assert.ok(await store.get("vault"));
    await a.dispose();
    assert.equal(events.stopped.length, 1);
  });
});

describe("a vault that was cleared", () => {
  test("is said to be, and not replaced in silence", async () => {
    const store = markable();
    await (await open(store, { create: true })).dispose();
    const { revision, entries } = await store.list("");
    await store.commit(
      revision,
      entries.map(([key]) => [key, null]),
    );
    const missing = await refused("VAULT_MISSING", () => open(store));
    assert.equal(missing.cause.code, "VAULT_EVICTED");
    await refused("VAULT_EVICTED", () => open(store, { create: true }));
    assert.deepEqual((await store.list("")).entries, []);
    const fresh = await open(store, { create: true, afterEviction: true });
    await fresh.dispose();
    await (await open(store)).dispose();
  });

  test("is known by the host's word, where the store remembers nothing", async () => {
    const store = memoryStore();
    assert.equal((await refused("VAULT_MISSING", () => open(store))).cause, undefined);
    assert.equal(
      (await refused("VAULT_MISSING", () => open(store, { expectVault: true }))).cause.code,
      "VAULT_EVICTED",
    );
    await refused("VAULT_EVICTED", () => open(store, { expectVault: true, create: true }));
    await (await open(store, { create: true })).dispose();
    await (await open(store, { expectVault: true, create: true })).dispose();
  });

  test("an open portal finds out at unlock", async () => {
    const store = markable();
    const a = await open(store, { create: true });
    await a.vault.lock();
    const { revision, entries } = await store.list("");
    await store.commit(
      revision,
      entries.map(([key]) => [key, null]),
    );
    assert.equal((await refused("VAULT_MISSING", () => a.vault.unlock(PASSPHRASE))).cause.code, "VAULT_EVICTED");
    await a.dispose();
  });

  test("a mark that cannot be made opens the vault all the same", async () => {
    const store = {
      ...memoryStore(),
      mark: () => Promise.reject(new Error("private mode")),
      marked: async () => false,
    };
    await (await open(store, { create: true })).dispose();
    await (await open(store)).dispose();
    await refused("INVALID_ARGUMENT", () => open({ ...store, mark: true }));
  });
});

test("passkeys are refused where there are none", async () => {
  const store = memoryStore();
  await refused("INVALID_ARGUMENT", () => open(store, { passphrase: undefined, passkey: true, create: true }));
  const a = await open(store, { create: true });
  await refused("UNSUPPORTED", () => a.vault.addPasskey());
  await refused("INVALID_ARGUMENT", () => a.vault.removePasskey("x"));
  await a.vault.removePasskey(bytes(20));
  assert.deepEqual(await a.vault.passkeys(), []);
  await a.vault.lock();
  await refused("WRONG_PASSPHRASE", () => a.vault.unlock({ passkey: true }));
  await refused("INVALID_ARGUMENT", () => a.vault.unlock({ passkey: false }));
  await refused("INVALID_ARGUMENT", () => a.vault.unlock());
  await refused("LOCKED", () => a.vault.addPasskey());
  await refused("LOCKED", () => a.vault.passkeys());
  await a.dispose();
});
