// The package's stores in a browser: their contract, and what IndexedDB does in the end.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { packageProfile } from "./support/package-profile.mjs";
import { storeContract } from "../../pkg/dist/testing/index.js";

let browser, site;
before(async () => {
  [browser, site] = await Promise.all([launch(), servePackage()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

describe("the contract of stores, in Chromium", () => {
  let own, page;
  before(async () => {
    own = await packageProfile(browser, site.url);
    page = await own.page();
  });
  after(async () => {
    await own.close();
    assert.deepEqual(own.complaints, []);
  });

  for (const kind of ["memoryStore", "indexedDbStore"]) {
    storeContract.forEach(({ title }, at) => {
      test(`${kind}: ${title}`, () =>
        page.evaluate(
          async ([kind, at]) => {
            const { indexedDbStore, memoryStore } = await import("tessera-portal");
            const { storeContract } = await import("/dist/testing/store-contract.js");
            const memory = memoryStore();
            const opened = [];
            const open = () => {
              const store = kind === "memoryStore" ? memory : indexedDbStore(`contract ${at}`);
              opened.push(store);
              return store;
            };
            await storeContract[at].run(open);
            for (const store of opened) await store.close();
          },
          [kind, at],
        ));
    });
  }

  test("in a worker", async () => {
    const result = await page.evaluate(async () => {
      // Workers have no import maps: the two bare imports are named in full.
      const source = async (path) => (await fetch(path)).text();
      const blob = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const url = new URL("/dist/store/indexeddb.js", location.href).href;
      const absolute = (text) =>
        text
          .replaceAll(/from "idb"/g, `from "${location.origin}/modules/idb/build/index.js"`)
          .replaceAll(/from "(\.[^"]*)"/g, (_, relative) => `from "${new URL(relative, url)}"`);
      const module = blob(absolute(await source(url)));
      const worker = new Worker(
        blob(`
          import { indexedDbStore } from "${module}";
          import { storeContract } from "${location.origin}/dist/testing/store-contract.js";
          let failed = [];
          for (const [at, { title, run }] of storeContract.entries()) {
            const name = "worker " + at;
            await run(() => indexedDbStore(name)).catch((error) => failed.push(title + ": " + error.message));
          }
          postMessage({ cases: storeContract.length, failed, locks: indexedDbStore("x").lock !== undefined, persisted: await indexedDbStore("x").persist() });
        `),
        { type: "module" },
      );
      return new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
      });
    });
    assert.deepEqual(result, { cases: storeContract.length, failed: [], locks: true, persisted: false });
  });

  test("every commit asks for strict durability, and nothing is opened before the first use", async () => {
    const seen = await page.evaluate(async () => {
      const { indexedDbStore } = await import("tessera-portal");
      const modes = [];
      const begin = IDBDatabase.prototype.transaction;
      IDBDatabase.prototype.transaction = function (...words) {
        const transaction = begin.apply(this, words);
        modes.push([transaction.mode, transaction.durability]);
        return transaction;
      };
      const store = indexedDbStore("durable");
      const before = (await indexedDB.databases()).some(({ name }) => name === "durable");
      await store.commit(0, [["a", new Uint8Array(1)]]);
      await store.list("");
      await store.get("a");
      IDBDatabase.prototype.transaction = begin;
      await store.close();
      return { before, modes };
    });
    assert.equal(seen.before, false);
    assert.deepEqual(seen.modes[0], ["readwrite", "strict"]);
    assert.deepEqual(new Set(seen.modes.map(([mode]) => mode)), new Set(["readwrite", "readonly"]));
    assert.equal(seen.modes.filter(([mode]) => mode === "readwrite").length, 1);
  });

  test("a failed write undoes the whole commit, and is STORE_FAILED with its cause", async () => {
    const seen = await page.evaluate(async () => {
      const { indexedDbStore } = await import("tessera-portal");
      const store = indexedDbStore("undone");
      await store.commit(0, [["a", Uint8Array.of(1)]]);
      const put = IDBObjectStore.prototype.put;
      // Adding what is there is refused by the database itself, after the change before it was accepted.
      IDBObjectStore.prototype.put = function (value, key) {
        return key === "a" ? this.add(value, key) : put.call(this, value, key);
      };
      const error = await store
        .commit(1, [
          ["b", Uint8Array.of(2)],
          ["a", Uint8Array.of(2)],
          ["c", Uint8Array.of(2)],
        ])
        .catch((error) => error);
      IDBObjectStore.prototype.put = put;
      const { revision, entries } = await store.list("");
      await store.close();
      return {
        code: error.code,
        cause: error.cause?.name,
        revision,
        keys: entries.map(([key, value]) => `${key}=${value}`),
      };
    });
    assert.deepEqual(seen, { code: "STORE_FAILED", cause: "ConstraintError", revision: 1, keys: ["a=1"] });
  });

  test("it blocks neither a deletion nor a newer version, and damages neither", async () => {
    const seen = await page.evaluate(async () => {
      const { indexedDbStore } = await import("tessera-portal");
      const settled = (request) =>
        new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
          request.onblocked = () => reject(new Error("blocked"));
        });
      const store = indexedDbStore("moved");
      await store.commit(0, [["a", Uint8Array.of(1)]]);
      await settled(indexedDB.deleteDatabase("moved"));
      const conflict = await store.commit(1, [["a", Uint8Array.of(2)]]);
      const entries = (await store.list("")).entries.length;
      const newer = await settled(indexedDB.open("moved", 2));
      const error = await store.list("").catch((error) => error);
      newer.close();
      await settled(indexedDB.deleteDatabase("moved"));
      const retried = (await store.list("")).revision;
      await store.close();
      return { conflict, entries, code: error.code, cause: error.cause?.name, retried };
    });
    assert.deepEqual(seen, {
      conflict: "CONFLICT",
      entries: 0,
      code: "STORE_FAILED",
      cause: "VersionError",
      retried: 0,
    });
  });
});
