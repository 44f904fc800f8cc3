// A portal on IndexedDB: pages that crash, two pages on one vault, and what is readable on disk.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { holds, launch } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { packageProfile } from "./support/package-profile.mjs";
import { startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

let browser, site, relay;
before(async () => {
  [browser, site, relay] = await Promise.all([launch(), servePackage(), startRelay()]);
});
after(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), relay?.end()]);
});

const profile = () => packageProfile(browser, site.url);

const NAME = "Dr. Rivera";
const CONTACT = "Ana Gómez";
const FIRST = "Continue metformin 500mg BID; recheck HbA1c in 3 months.";
const QUEUED = ["Take the new tablets in the morning.", "And bring the old ones."];

/** Opens a portal in a page, on its profile's IndexedDB; the page keeps it as `portal`. */
function openPortal(page, name, store, options = {}) {
  return page.evaluate(
    async ([relay, name, store, options]) => {
      const { Portal, indexedDbStore } = await import("tessera-portal");
      try {
        const portal = await Portal.open({
          relay,
          store: indexedDbStore(store),
          passphrase: "correct horse battery staple",
          name,
          receiptDelayMinutes: 0,
          ...options,
        });
        window.portal = portal;
        window.events = { stopped: [], storage: [] };
        for (const type of Object.keys(window.events))
          portal.addEventListener(type, ({ detail }) => window.events[type].push(detail.code ?? detail));
        return { fingerprint: Array.from((await portal.me()).fingerprint).join() };
      } catch (error) {
        return { code: error.code };
      }
    },
    [relay.url, name, store, options],
  );
}

/** Syncs all pages until `condition`, evaluated in the first, returns something true. */
async function syncedUntil(what, pages, condition, argument) {
  return until(
    what,
    () => pages[0].evaluate(condition, argument),
    async () => {
      for (const page of pages) await page.evaluate(() => window.portal.sync({ flush: true }).then(() => {}));
    },
  );
}

/** Enrols the people of two pages; each then has a contact. */
async function enrol(inviter, acceptor) {
  const uri = await inviter.evaluate(async () => (await window.portal.invite({ kind: "qr" })).uri);
  await acceptor.evaluate((uri) => window.portal.accept(uri).then(() => {}), uri);
  const digits = async () => (await window.portal.contacts())[0]?.sas;
  const [mine, theirs] = [
    await syncedUntil("the digits", [inviter, acceptor], digits),
    await syncedUntil("the digits", [acceptor, inviter], digits),
  ];
  assert.equal(mine, theirs);
  for (const page of [inviter, acceptor])
    await page.evaluate(async () => window.portal.confirmSas((await window.portal.contacts())[0].id));
  for (const pages of [
    [inviter, acceptor],
    [acceptor, inviter],
  ]) {
    await syncedUntil("both to be active", pages, async () => (await window.portal.contacts())[0].state === "active");
  }
}

const texts = async () =>
  (await window.portal.messages((await window.portal.contacts())[0].id)).map(({ text, state }) => [text, state]);
const send = (page, text) =>
  page.evaluate(
    async (text) => (await window.portal.send((await window.portal.contacts())[0].id, { text })).state,
    text,
  );
const received = async (wanted) =>
  (await window.portal.messages((await window.portal.contacts())[0].id)).some(({ text }) => text === wanted);

describe("a portal on indexedDbStore", () => {
  test("a page that crashes with queued messages loses none and sends none twice; nothing on disk is readable", async () => {
    const [hers, theirs] = [await profile(), await profile()];
    const [page, ana] = [await hers.page(), await theirs.page()];
    assert.deepEqual(await openPortal(page, NAME, "portal"), { code: "VAULT_MISSING" });
    const before = await openPortal(page, NAME, "portal", { create: true });
    assert.equal((await openPortal(ana, CONTACT, "portal", { create: true })).code, undefined);
    await enrol(page, ana);
    await send(page, FIRST);
    await syncedUntil("the first message", [ana, page], received, FIRST);
    for (const text of QUEUED) assert.equal(await send(page, text), "queued");
    // During a third send: afterwards it is either absent, or there once and whole.
    await page.evaluate(() => {
      void window.portal.contacts().then(([{ id }]) => window.portal.send(id, { text: "The third one." }));
      void window.portal.sync({ flush: true });
    });
    await page.close();

    const again = await hers.page();
    assert.deepEqual(await openPortal(again, "ignored", "portal"), before, "the identity is the same");
    assert.deepEqual(await readable(again), []);
    const kept = await again.evaluate(texts);
    assert.deepEqual(
      kept.slice(0, 3).map(([text]) => text),
      [FIRST, ...QUEUED],
    );
    await syncedUntil("what was queued", [ana, again], received, QUEUED[1]);
    await syncedUntil("receipts", [again, ana], async () => {
      const [{ id }] = await window.portal.contacts();
      return (await window.portal.messages(id)).every(({ state }) => state === "delivered");
    });
    const arrived = await ana.evaluate(texts);
    assert.deepEqual(
      arrived,
      kept.map(([text]) => [text, "verified"]),
      "each once, in order",
    );

    assert.deepEqual(await readable(again), []);
    assert.deepEqual([...hers.complaints, ...theirs.complaints], []);
    await Promise.all([hers.close(), theirs.close()]);
  });

  test("a page that crashes before its message was sent still has it queued, and it arrives once", async () => {
    const [hers, theirs] = [await profile(), await profile()];
    const [page, ana] = [await hers.page(), await theirs.page()];
    await openPortal(page, NAME, "portal", { create: true });
    await openPortal(ana, CONTACT, "portal", { create: true });
    await enrol(page, ana);
    assert.equal(await send(page, QUEUED[0]), "queued");
    await page.close();
    const again = await hers.page();
    await openPortal(again, NAME, "portal");
    assert.deepEqual(await again.evaluate(texts), [[QUEUED[0], "queued"]]);
    await syncedUntil("the message", [ana, again], received, QUEUED[0]);
    // A second copy would arrive in these rounds.
    for (let round = 0; round < 3; round++) await syncedUntil("a round", [again, ana], async () => true);
    assert.deepEqual(await ana.evaluate(texts), [[QUEUED[0], "verified"]]);
    assert.deepEqual([...hers.complaints, ...theirs.complaints], []);
    await Promise.all([hers.close(), theirs.close()]);
  });

  test("of two pages the second is refused, or takes over and the first ends", async () => {
    const hers = await profile();
    const [one, other] = [await hers.page(), await hers.page()];
    const { fingerprint } = await openPortal(one, NAME, "portal", { create: true });
    await one.evaluate(() => window.portal.start());
    assert.deepEqual(await openPortal(other, NAME, "portal"), { code: "VAULT_IN_USE" });
    assert.equal(
      (await openPortal(other, NAME, "another", { create: true })).code,
      undefined,
      "another vault of the origin is free",
    );
    await other.evaluate(() => window.portal.dispose());

    assert.deepEqual(await openPortal(other, NAME, "portal", { takeOver: true }), { fingerprint });
    await holds(one, () => window.events.stopped.length > 0);
    const refusals = await one.evaluate(() =>
      Promise.all(
        ["me", "contacts", "sync", "start"].map((call) =>
          window.portal[call]().then(
            () => "no",
            ({ code }) => code,
          ),
        ),
      ),
    );
    assert.deepEqual(refusals, Array(4).fill("VAULT_IN_USE"));
    assert.deepEqual(await one.evaluate(() => window.events.stopped), ["VAULT_IN_USE"]);
    await other.evaluate(() => window.portal.invite({ kind: "qr" }).then(() => {}));
    await one.evaluate(() => window.portal.dispose());
    assert.deepEqual(
      await openPortal(one, NAME, "portal"),
      { code: "VAULT_IN_USE" },
      "the one that lost it released nothing",
    );
    await other.evaluate(() => window.portal.dispose());
    assert.deepEqual(await openPortal(one, NAME, "portal"), { fingerprint }, "disposing lets the next one in");
    await one.reload();
    assert.deepEqual(await openPortal(one, NAME, "portal"), { fingerprint }, "so does reloading");
    assert.deepEqual(hers.complaints, []);
    await hers.close();
  });

  test("creating a vault reports whether the browser will keep it", async () => {
    const hers = await profile();
    const page = await hers.page();
    await openPortal(page, NAME, "portal", { create: true });
    await holds(page, () => window.events.storage.length > 0);
    const [told, said] = await page.evaluate(async () => [window.events.storage, await navigator.storage.persisted()]);
    assert.deepEqual(told, [{ persisted: said }]);
    await hers.close();
  });
});

/** What a thief of the disk can read about these people: record and word. */
async function readable(page) {
  const words = [NAME, CONTACT, FIRST, ...QUEUED, "metformin", "Rivera", "correct horse", relay.url];
  // A record that is not sealed, to show that words would be found.
  await page.evaluate(async (text) => {
    const { indexedDbStore } = await import("tessera-portal");
    const store = indexedDbStore("in the clear");
    await store.commit((await store.list("")).revision, [["control", new TextEncoder().encode(text)]]);
    await store.close();
  }, words.join());
  const records = await page.evaluate(dump);
  const found = records.flatMap(([key, ...forms]) =>
    words.filter((word) => forms.some((form) => form.includes(word))).map((word) => [key, word]),
  );
  assert.equal(found.filter(([key]) => key === "control").length, words.length);
  for (const start of ["vault", "s/self", "s/c/", "m/", "b/"])
    assert.ok(
      records.some(([key]) => key.startsWith(start)),
      `${start} is among them`,
    );
  return found.filter(([key]) => key !== "control");
}

/** In a page: every record of every database, as texts a thief would search: UTF-8, Latin-1, UTF-16. */
async function dump() {
  const settled = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const records = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const table of database.objectStoreNames) {
      const store = database.transaction(table).objectStore(table);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      keys.forEach((key, at) => {
        const value = values[at];
        const forms =
          value instanceof Uint8Array
            ? ["utf-8", "latin1", "utf-16le"].map((encoding) => new TextDecoder(encoding).decode(value))
            : [JSON.stringify(value)];
        records.push([String(key), ...forms]);
      });
    }
    database.close();
  }
  return records;
}
