// The two parts of the portal's module: what works before the rest is there, what waits for it, and what happens if it cannot be had.

import fs from "node:fs/promises";
import test, { mock } from "node:test";
import assert from "node:assert/strict";
import { EmergencySession, Portal, TesseraError, httpRelay, memoryStore, verifyAuditExport } from "tessera-portal";

const PASSPHRASE = "correct horse battery staple";
const part = (name) => fs.readFile(new URL(`../dist/core/${name}.wasm`, import.meta.url));
const settled = (promise) => Promise.race([promise.then(() => true), new Promise((give) => setImmediate(give, false))]);

/** Vaults that an older version wrote: records, one per line. */
async function written(name) {
  const text = await fs.readFile(new URL(`../../tests/data/vaults/${name}.txt`, import.meta.url), "utf8");
  const store = memoryStore();
  const records = text.trimEnd().split("\n");
  await store.commit(
    0,
    records.map((line) => line.split(" ")).map(([key, hex]) => [key, Uint8Array.from(Buffer.from(hex, "hex"))]),
  );
  return store;
}

test("both parts together have the exports of the whole module, and the rest needs only what the first part gives", async () => {
  const [whole, first, rest] = await Promise.all(
    ["core", "core-first", "core-rest"].map(async (name) => new WebAssembly.Module(await part(name))),
  );
  const names = (module) => WebAssembly.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`);
  const given = new Set(names(first));
  for (const name of names(whole)) assert.ok(given.has(name), name);
  for (const { module, name, kind } of WebAssembly.Module.imports(rest)) {
    assert.equal(module, "first");
    assert.ok(given.has(`${kind} ${name}`), name);
  }
  assert.deepEqual(WebAssembly.Module.imports(first), WebAssembly.Module.imports(whole));
  const [all, early] = await Promise.all([part("core"), part("core-first")]);
  assert.ok(early.length < 0.7 * all.length, `the first part has ${early.length} of ${all.length} bytes`);
});

test("before the rest is there, a vault opens, shows, locks and ends; everything else waits for it", async () => {
  // The server has lost the file, then it does not answer, then it does.
  const read = fs.readFile;
  let answer = () => Promise.reject(Object.assign(new Error("gone"), { code: "ENOENT" }));
  let asked = 0;
  mock.method(fs, "readFile", (file, ...options) => {
    if (!String(file).endsWith("core-rest.wasm")) return read(file, ...options);
    asked += 1;
    return answer(() => read(file, ...options));
  });

  const options = { relay: "http://127.0.0.1:9", passphrase: PASSPHRASE };
  const store = await written("v2-rivera");
  const portal = await Portal.open({ ...options, store });
  const [contact] = await portal.contacts();
  const texts = (await portal.messages(contact.id)).map(({ text }) => text);
  assert.ok(texts.includes("Continue metformin 500mg BID."), texts.join());
  const message = (await portal.messages(contact.id)).find(({ attachments }) => attachments.length > 0);
  assert.equal((await message.attachments[0].body()).length, 5000);
  for (const read of ["me", "device", "invitations", "settings"]) await portal[read]();
  assert.equal(await portal.draft(contact.id), "");
  assert.equal(await portal.vault.hasRecoveryCode(), false);
  assert.deepEqual(await portal.vault.passkeys(), []);
  assert.deepEqual(await portal.emergency.accesses(), []);
  assert.ok((await portal.filing.unfiled()).count >= 0);
  assert.equal(httpRelay({ url: options.relay }).url, options.relay);
  assert.equal((await verifyAuditExport("no log")).valid, false);

  // A failure is told to who asked, names the file, and changes nothing.
  const kept = JSON.stringify((await store.list("")).entries);
  const unavailable = (error) => error?.code === "WASM_UNAVAILABLE" && /core-rest\.wasm/.test(error.message);
  const calls = {
    send: () => portal.send(contact.id, { text: "x" }),
    invite: () => portal.invite({ kind: "link" }),
    markRead: () => portal.markRead(contact.id),
    rename: () => portal.rename("Dr. R."),
    setDraft: () => portal.setDraft(contact.id, "draft"),
    backup: () => portal.vault.backup(),
    recovery: () => portal.vault.createRecoveryCode(),
    audit: () => portal.audit.entries(),
    evidence: () => portal.evidence(message.id),
    sync: () => portal.sync(),
    shares: () => portal.emergency.createShares({ threshold: 2, shares: 3 }),
    remove: () => portal.removeContact(contact.id),
    access: () => EmergencySession.open({ bundle: new Uint8Array(5000), shares: ["x"], reason: "r", minutes: 5 }),
  };
  for (const [name, call] of Object.entries(calls)) {
    const before = asked;
    const error = await call().then(
      () => undefined,
      (thrown) => thrown,
    );
    assert.ok(unavailable(error), `${name}: ${error}`);
    assert.ok(asked > before, `${name} tries again`);
  }
  assert.equal(JSON.stringify((await store.list("")).entries), kept);

  // While it is under way, calls wait; a lock or an end does not, and those calls hear of it.
  const arrivals = [];
  answer = (load) => new Promise((give, fail) => arrivals.push(() => load().then(give, fail)));
  const [sent, marked] = [portal.send(contact.id, { text: "waits" }), portal.markRead(contact.id)];
  assert.equal(await settled(Promise.allSettled([sent, marked])), false);
  assert.equal((await portal.messages(contact.id)).length, texts.length, "reading does not wait behind them");
  const refused = Promise.all([sent, marked].map((call) => assert.rejects(call, { code: "LOCKED" })));
  await portal.start();
  await portal.vault.lock();
  await refused;
  await portal.vault.unlock(PASSPHRASE);
  const later = portal.send(contact.id, { text: "leaves" });
  const second = await Portal.open({ ...options, store: await written("v2-ana") });
  const ended = assert.rejects(second.rename("A"), { code: "DISPOSED" });
  await second.start();
  await second.dispose();
  await ended;

  for (const arrive of arrivals) await arrive();
  const { id } = await later;
  assert.equal((await portal.messages(contact.id)).at(-1).id, id);
  await portal.rename("Dr. R.");
  assert.equal((await portal.me()).name, "Dr. R.");
  assert.ok((await portal.audit.entries()).length > 0);
  await portal.dispose();
});

test("rounds ask for the rest until it is there; after four minutes they say that it cannot be had", async (t) => {
  const { arrival } = await import("../dist/portal/waiting.js");
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const gone = new TesseraError("WASM_UNAVAILABLE", "gone");
  const waiting = (until, signal = new AbortController().signal) => {
    const seen = { tries: 0, seconds: 0 };
    const arrived = () => (++seen.tries < until ? Promise.reject(gone) : Promise.resolve());
    arrival(arrived, signal).then(
      () => (seen.end = "arrived"),
      (error) => (seen.end = error),
    );
    return seen;
  };
  const pass = async (seen, most) => {
    for (; seen.end === undefined && seen.seconds < most; seen.seconds++) {
      await new Promise(setImmediate);
      t.mock.timers.tick(1000);
    }
    await new Promise(setImmediate);
  };
  const [never, third, stopping] = [waiting(Infinity), waiting(3), new AbortController()];
  const stopped = waiting(Infinity, stopping.signal);
  await pass(third, 10);
  assert.deepEqual([third.end, third.tries], ["arrived", 3]);
  stopping.abort();
  await pass(stopped, 1);
  assert.equal(stopped.end, "arrived", "nobody waits any more");
  await pass(never, 300);
  assert.equal(never.end, gone);
  assert.ok(never.tries >= 8 && never.seconds > 200, `${never.tries} tries in ${never.seconds} s`);
});
