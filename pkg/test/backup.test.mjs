/** Backups, recovery codes, and two devices of one person. */

import test, { after, before, mock } from "node:test";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { assert, flipped, refused } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const restore = (bundle, options = {}) =>
  Portal.restore(bundle, {
    relay: relay.url,
    store: memoryStore(),
    passphrase: PASSPHRASE,
    receiptDelayMinutes: 0,
    ...options,
  });
const texts = async (portal, contact) =>
  (await portal.messages(contact)).map(({ text, direction }) => `${direction}: ${text}`);

test("a conversation goes on from a backup on another device", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  await a.send(toB, { text: "before" });
  const file = crypto.getRandomValues(new Uint8Array(20_000));
  await a.send(toB, { attachments: [{ contentType: "application/octet-stream", body: file, filename: "scan.bin" }] });
  await syncedUntil([a, b], "delivery", async () =>
    (await a.messages(toB)).every(({ state }) => state === "delivered"),
  );
  await a.send(toB, { text: "waits in the backup" });
  const bundle = await a.vault.backup();
  const me = await a.me();
  await a.dispose();
  await b.send(toA, { text: "after the backup" });
  await b.sync({ flush: true });

  const events = record(b, "device", "rejected", "gap");
  const store = memoryStore();
  const again = await restore(bundle, { store });
  assert.deepEqual(await again.me(), me);
  assert.deepEqual(await again.device(), { index: 1, restored: true, ready: false, supersededBy: null });
  const kept = await again.messages(toB);
  assert.deepEqual(await kept[1].attachments[0].body(), file);
  await again.send(toB, { text: "from the new device" });
  assert.equal((await again.device()).ready, true, "it read its mailbox first");
  await syncedUntil(
    [again, b],
    "the conversation to go on",
    async () =>
      (await texts(b, toA)).includes("in: from the new device") &&
      (await texts(again, toB)).includes("in: after the backup"),
  );
  await b.send(toA, { text: "and back" });
  await syncedUntil([again, b], "the way back", async () => (await texts(again, toB)).includes("in: and back"));
  await syncedUntil([again, b], "receipts", async () =>
    (await again.messages(toB)).every(({ state }) => state === "delivered" || state === "verified"),
  );
  assert.deepEqual((await texts(b, toA)).filter((text) => text === "in: waits in the backup").length, 1);
  assert.deepEqual([events.device, events.rejected, events.gap], [[], [], []]);
  await again.dispose();
  const opened = await Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "A" });
  assert.equal((await opened.device()).index, 1);
  await Promise.all([opened.dispose(), b.dispose()]);
});

test("a backup that must be refused leaves the store empty", async () => {
  const a = await person("A", relay.url);
  const bundle = await a.vault.backup();
  const store = memoryStore();
  const attempt = (bytes, options) => restore(bytes, { store, ...options });
  await refused("WRONG_PASSPHRASE", () => attempt(bundle, { passphrase: "wrong" }));
  await refused("BACKUP_MALFORMED", () => attempt(new Uint8Array()));
  await refused("BACKUP_MALFORMED", () => attempt(bundle.subarray(0, bundle.length - 1)));
  await refused("BACKUP_MALFORMED", () => attempt(Uint8Array.from([...bundle, 0])));
  const newer = bundle.slice();
  newer[7] += 1;
  await refused("BACKUP_VERSION", () => attempt(newer));
  await refused("INVALID_ARGUMENT", () => attempt("text"));
  await refused("INVALID_ARGUMENT", () => attempt(bundle, { passphrase: "" }));
  await refused("INVALID_ARGUMENT", () => attempt(bundle, { passphrase: undefined }));
  await refused("INVALID_ARGUMENT", () => attempt(bundle, { backup: 7 }));
  const codes = new Set();
  for (let at = 0; at < bundle.length; at += Math.ceil(bundle.length / 40)) {
    await assert.rejects(attempt(flipped(bundle, at)), (error) => codes.add(error.code).size > 0);
  }
  codes.delete("BACKUP_MALFORMED");
  for (const code of codes)
    assert.match(code, /^(WRONG_PASSPHRASE|VAULT_DAMAGED|BACKUP_VERSION)$/, "the first bytes, and the header");
  assert.deepEqual((await store.list("")).entries, []);

  await store.commit(0, [["anything", new Uint8Array(1)]]);
  await refused("STORE_NOT_EMPTY", () => attempt(bundle));
  await a.dispose();
});

test("a recovery code opens a backup as it is written down, and sets a new passphrase", async () => {
  const a = await person("A", relay.url);
  assert.equal(await a.vault.hasRecoveryCode(), false);
  const code = await a.vault.createRecoveryCode();
  assert.match(code, /^([A-Z2-7]{5}-){11}[A-Z2-7]{5}$/);
  assert.equal(await a.vault.hasRecoveryCode(), true);
  const bundle = await a.vault.backup();
  const newPassphrase = "another passphrase";
  const byCode = (from, options) => restore(from, { passphrase: undefined, newPassphrase, ...options });
  const written = code.toLowerCase().replaceAll("-", " ");
  await refused("INVALID_ARGUMENT", () => byCode(bundle, { recoveryCode: code, newPassphrase: undefined }));
  await refused("RECOVERY_CODE_MALFORMED", () =>
    byCode(bundle, { recoveryCode: code.replace(/^./, (c) => (c === "A" ? "C" : "A")) }),
  );
  await refused("RECOVERY_CODE_MALFORMED", () => byCode(bundle, { recoveryCode: "" }));
  const store = memoryStore();
  const again = await byCode(bundle, { store, recoveryCode: written });
  await again.dispose();
  const open = (passphrase) => Portal.open({ relay: relay.url, store, passphrase, name: "A" });
  await refused("WRONG_PASSPHRASE", () => open(PASSPHRASE));
  await (await open(newPassphrase)).dispose();

  const other = await person("B", relay.url);
  const otherCode = await other.vault.createRecoveryCode();
  await refused("WRONG_PASSPHRASE", () => byCode(bundle, { recoveryCode: otherCode }));
  const replaced = await a.vault.createRecoveryCode();
  assert.notEqual(replaced, code);
  await refused("WRONG_PASSPHRASE", async () => byCode(await a.vault.backup(), { recoveryCode: code }));
  await a.vault.removeRecoveryCode();
  assert.equal(await a.vault.hasRecoveryCode(), false);
  await refused("WRONG_PASSPHRASE", async () => byCode(await a.vault.backup(), { recoveryCode: replaced }));
  await (await byCode(bundle, { recoveryCode: code })).dispose();
  await Promise.all([a.dispose(), other.dispose()]);
});

test("two devices of one person notice each other, and so does a contact", async () => {
  const between = meddler(relay.url);
  const [old, b] = [await person("A", between), await person("B", relay.url)];
  const [toB, toA] = await enrol(old, b);
  const fresh = await restore(await old.vault.backup());
  const events = { old: record(old, "device"), fresh: record(fresh, "device"), b: record(b, "device") };
  await syncedUntil([fresh], "an index of its own", async () => (await fresh.device()).ready);
  // The old device writes a second later, before it hears of the new one.
  await new Promise((resolve) => setTimeout(resolve, 2100));
  const nothingNew = new TextEncoder().encode('{"oldest":null,"batches":[],"segments":[]}');
  between.onGet = (path, answer) => (path.endsWith("/index") ? nothingNew : answer);
  await old.send(toB, { text: "from the old device" });
  await old.sync({ flush: true });
  between.onGet = (_path, answer) => answer;
  await syncedUntil([fresh, b], "the contact's notice", async () => events.b.device.length > 0);
  assert.deepEqual(events.b.device, [{ kind: "contact", contactId: toA }]);
  await syncedUntil(
    [old, fresh],
    "both notices",
    async () => events.old.device.length > 0 && events.fresh.device.length > 0,
  );
  assert.deepEqual(events.old.device, [{ kind: "superseded", code: "DEVICE_SUPERSEDED", device: 1 }]);
  assert.deepEqual(events.fresh.device, [{ kind: "former", device: 0 }]);
  assert.equal((await old.device()).supersededBy, 1);
  await refused("DEVICE_SUPERSEDED", () => old.send(toB, { text: "no" }));
  await refused("DEVICE_SUPERSEDED", () => old.invite({ kind: "qr" }));
  await b.send(toA, { text: "to both" });
  await syncedUntil(
    [b, old, fresh],
    "both to read",
    async () => (await texts(old, toB)).includes("in: to both") && (await texts(fresh, toB)).includes("in: to both"),
  );
  await Promise.all([old.dispose(), fresh.dispose(), b.dispose()]);
});

test("the backup function gets a backup after changes, and again after it failed", async () => {
  const { BackupKeeper } = await import(new URL("../dist/vault/backup.js", import.meta.url));
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const given = [];
  const told = [];
  let running = 0;
  let fail = false;
  const keeper = new BackupKeeper(
    async () => "bundle",
    async (bundle) => {
      assert.equal(++running, 1, "one at a time");
      await Promise.resolve();
      running -= 1;
      if (fail) throw new Error("no room");
      given.push(bundle);
    },
    ({ backup }) => told.push(backup),
  );
  const pass = async (ms) => {
    mock.timers.tick(ms);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  keeper.changed(["s/relay"]);
  keeper.changed(["s/relay", "a/0000000000000001", "s/audit", "d/0000000000000001"]);
  await pass(600_000);
  assert.equal(given.length, 0, "nothing that matters changed");
  keeper.changed(["s/relay", "m/1/1"]);
  await pass(4_000);
  keeper.changed(["m/1/2"]);
  await pass(4_000);
  assert.equal(given.length, 0, "changes go on");
  await pass(1_000);
  assert.equal(given.length, 1);
  for (let second = 0; second < 60; second++) {
    keeper.changed(["m/1/3"]);
    await pass(1_000);
  }
  assert.equal(given.length, 2, "a minute at most");
  await pass(5_000);
  assert.equal(given.length, 2, "and not again without a change");
  fail = true;
  keeper.changed(["m/1/4"]);
  await pass(5_000);
  assert.deepEqual(told, ["failed"]);
  await pass(30_000);
  assert.deepEqual(told, ["failed", "failed"]);
  fail = false;
  await pass(60_000);
  assert.deepEqual([told, given.length], [["failed", "failed", "saved"], 3]);
  keeper.changed(["m/1/5"]);
  keeper.stop();
  await pass(600_000);
  assert.equal(given.length, 3);
  mock.timers.reset();
});

test("what the backup function got can be restored", async () => {
  const bundles = [];
  const a = await person("A", relay.url, { backup: async (bundle) => bundles.push(bundle) });
  await a.sync();
  await until("a backup", async () => bundles.length > 0);
  const again = await restore(bundles[0]);
  assert.deepEqual(await again.me(), await a.me());
  await Promise.all([a.dispose(), again.dispose()]);
});
