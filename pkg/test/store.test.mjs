import test, { after, before, describe } from "node:test";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Portal, indexedDbStore, memoryStore } from "tessera-portal";
import { fileStore } from "tessera-portal/node";
import { PASSPHRASE, person, record } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { storeContract } from "tessera-portal/testing";
import { lockable } from "./stores.mjs";
import { assert, refused } from "./support.mjs";

describe("memoryStore", () => {
  for (const { title, run } of storeContract) {
    const store = memoryStore();
    test(title, () => run(() => store));
  }
});

describe("fileStore", () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-store-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [at, { title, run }] of storeContract.entries())
    test(title, () => run(() => fileStore(join(folder, String(at)))));

  test("a process that dies in the middle of a commit leaves all of it", async () => {
    const path = join(folder, "died");
    const store = fileStore(path);
    const revision = await store.commit(0, [["a", Uint8Array.of(1)]]);
    const changes = [
      ["a", null],
      ["b", Buffer.from([2]).toString("base64")],
    ];
    await writeFile(join(path, "journal"), JSON.stringify({ revision: revision + 1, changes }));
    assert.deepEqual(await fileStore(path).list(""), { revision: revision + 1, entries: [["b", Uint8Array.of(2)]] });
    await writeFile(join(path, "records", "a61.new"), "half of it");
    assert.deepEqual((await fileStore(path).list("")).entries.length, 1);
  });

  test("the lock of a process that is gone is free, and names are of no case", async () => {
    const path = join(folder, "lock");
    await fileStore(path).commit(0, [
      ["K", Uint8Array.of(1)],
      ["k", Uint8Array.of(2)],
    ]);
    assert.equal(new Set((await readdir(join(path, "records"))).map((name) => name.toLowerCase())).size, 2);
    await writeFile(join(path, "lock"), JSON.stringify({ process: 2 ** 22 + 1, token: "x" }));
    const release = await fileStore(path).lock({ takeOver: false, onLost: () => {} });
    assert.equal(typeof release, "function");
    assert.equal(await fileStore(path).lock({ takeOver: false, onLost: () => {} }), null);
    release();
  });

  test("keeps a vault, which opens again", async () => {
    const relay = await startRelay();
    const store = () => fileStore(join(folder, "vault"));
    const a = await person("A", relay.url, { store: store() });
    const { fingerprint } = await a.me();
    await refused("VAULT_IN_USE", () => person("A", relay.url, { store: store() }));
    await a.dispose();
    const again = await person("A", relay.url, { store: store(), create: false });
    assert.deepEqual((await again.me()).fingerprint, fingerprint);
    await again.vault.destroy();
    await refused("VAULT_MISSING", () => person("A", relay.url, { store: store(), create: false }));
    await relay.end();
  });
});

describe("a store of the host's own", () => {
  for (const { title, run } of storeContract) {
    const store = lockable();
    test(title, () => run(() => store));
  }
});

test("indexedDbStore: made anywhere, and says so where there is no IndexedDB", async () => {
  await refused("INVALID_ARGUMENT", () => indexedDbStore(""));
  await refused("INVALID_ARGUMENT", () => indexedDbStore(7));
  const store = indexedDbStore("portal");
  const error = await refused("STORE_FAILED", () => store.get("vault"));
  assert.ok(error.cause instanceof Error);
  await refused("STORE_FAILED", () => store.list(""));
  await refused("STORE_FAILED", () => store.commit(0, []));
  assert.equal(await store.persist(), false);
  await store.close();
});

describe("one portal per store", () => {
  let relay;
  before(async () => {
    relay = await startRelay();
  });
  after(() => relay?.end());
  const open = (store, options) =>
    Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "A", create: true, ...options });

  test("a second one is refused until the first is disposed of", async () => {
    const store = lockable();
    const first = await open(store);
    const error = await refused("VAULT_IN_USE", () => open(store));
    assert.equal(error.retryable, true);
    await first.me();
    const me = await first.me();
    await first.dispose();
    const second = await open(store, { create: false });
    assert.deepEqual(await second.me(), me);
    await second.dispose();
  });

  test("one that fails to open leaves the store free", async () => {
    const store = lockable();
    await refused("VAULT_MISSING", () => open(store, { create: false }));
    await (await open(store)).dispose();
    await refused("WRONG_PASSPHRASE", () => open(store, { passphrase: "wrong" }));
    await (await open(store)).dispose();
  });

  for (const running of [true, false]) {
    test(`taking over ends the other one, whose loop ${running ? "runs" : "does not run"}`, async () => {
      const store = lockable();
      const first = await open(store);
      const events = record(first, "stopped");
      if (running) {
        await first.start();
        await first.sync();
      }
      const second = await open(store, { takeOver: true });
      await until("the first to stop", () => events.stopped.length > 0);
      for (const call of ["me", "contacts", "sync", "start"]) await refused("VAULT_IN_USE", () => first[call]());
      await refused("VAULT_IN_USE", () => first.invite({ kind: "qr" }));
      await refused("VAULT_IN_USE", () => first.send("0000000000000000", { text: "m" }));
      await first.stop();
      await first.dispose();
      await refused("VAULT_IN_USE", () => open(store));
      assert.equal(typeof (await second.invite({ kind: "qr" })).uri, "string");
      assert.deepEqual(
        events.stopped.map(({ code }) => code),
        ["VAULT_IN_USE"],
      );
      await second.dispose();
    });
  }

  test("one that is taken over while it opens is of no use", async () => {
    const store = lockable();
    await (await open(store)).dispose();
    const first = open(store).catch(({ code }) => code);
    const second = await open(store, { takeOver: true });
    const opened = await first;
    if (opened !== "VAULT_IN_USE") await refused("VAULT_IN_USE", () => opened.me());
    await second.invite({ kind: "qr" });
    await second.dispose();
  });

  test("one that has not heard that it lost the store cannot write any more", async () => {
    const { lock, ...store } = lockable();
    store.lock = ({ takeOver }) => lock({ takeOver, onLost: () => {} });
    const first = await open(store);
    const second = await open(store, { takeOver: true });
    await refused("STORE_CONFLICT", () => first.invite({ kind: "qr" }));
    await second.invite({ kind: "qr" });
    await Promise.all([first.dispose(), second.dispose()]);
  });

  test("without a lock, the first to commit goes on and the other ends", async () => {
    const store = memoryStore();
    const [first, second] = [await open(store), await open(store)];
    await second.invite({ kind: "qr" });
    await refused("STORE_CONFLICT", () => first.invite({ kind: "qr" }));
    const third = await open(store, { takeOver: true });
    await refused("STORE_CONFLICT", () => second.invite({ kind: "qr" }));
    await third.invite({ kind: "qr" });
    await Promise.all([first.dispose(), second.dispose(), third.dispose()]);
  });

  test("a lock that fails is a store that fails", async () => {
    const store = { ...memoryStore(), lock: () => Promise.reject(new Error("no lock service")) };
    assert.equal((await refused("STORE_FAILED", () => open(store))).cause.message, "no lock service");
    await refused("INVALID_ARGUMENT", () => open({ ...memoryStore(), lock: true }));
    await refused("INVALID_ARGUMENT", () => open({ ...memoryStore(), persist: true }));
  });

  test("the browser is asked to keep the store when a vault is created, and only then", async () => {
    for (const [answer, persisted] of [
      [async () => true, true],
      [async () => false, false],
      [() => Promise.reject(new Error("not asked")), false],
    ]) {
      let asked = 0;
      const persist = () => {
        asked += 1;
        return answer();
      };
      const store = { ...memoryStore(), persist };
      const created = await open(store);
      const events = record(created, "storage");
      await until("the answer", () => events.storage.length > 0);
      assert.deepEqual(events.storage, [{ persisted }]);
      await created.dispose();
      const again = await open(store);
      const later = record(again, "storage");
      await again.me();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual([asked, later.storage], [1, []]);
      await again.dispose();
    }
  });
});
