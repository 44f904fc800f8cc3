import test, { after, before, describe } from "node:test";
import { TesseraError, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { pause, until } from "../../tests/node/until.mjs";
import { assert, bytes, refused, utf8 } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

/** Six seconds: on a busy machine one is soon over. */
const IDLE = 6 / 60;

/** Every call that needs the keys. */
const calls = (portal, contactId) => [
  () => portal.me(),
  () => portal.contacts(),
  () => portal.invite({ kind: "qr" }),
  () => portal.accept("tessera:/e30"),
  () => portal.cancelInvitation("0000000000000000"),
  () => portal.expectIdentity("0000000000000000", bytes(32)),
  () => portal.confirmSas(contactId),
  () => portal.rejectSas(contactId),
  () => portal.removeContact(contactId),
  () => portal.send(contactId, { text: "no" }),
  () => portal.messages(contactId),
  () => portal.draft(contactId),
  () => portal.setDraft(contactId, "no"),
  () => portal.draftFiles(contactId),
  () => portal.setDraftFiles(contactId, []),
  () => portal.draftSession(contactId),
  () => portal.setDraftSession(contactId, "no"),
  () => portal.invitations(),
  () => portal.vault.changePassphrase(PASSPHRASE, "new"),
  () => portal.start(),
  () => portal.sync(),
];

describe("a lock", () => {
  test("refuses every call with LOCKED until unlock, which gives everything back", async () => {
    const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
    const events = record(a, "locked", "unlocked", "stopped", "message");
    const [toB, toA] = await enrol(a, b);
    await a.send(toB, { text: "queued before the lock" });
    const [message] = await a.messages(toB);
    await a.setDraft(toB, "half a sentence");
    await a.vault.lock();
    assert.deepEqual(events.locked, [{ reason: "manual" }]);
    for (const call of calls(a, toB)) await refused("LOCKED", call);
    await refused("LOCKED", () => message.body());
    await a.vault.lock();
    await a.stop();
    assert.equal(events.locked.length, 1, "a second lock is none");

    await refused("WRONG_PASSPHRASE", () => a.vault.unlock("wrong"));
    await refused("INVALID_ARGUMENT", () => a.vault.unlock(""));
    await refused("LOCKED", () => a.me());
    assert.deepEqual(events.unlocked, []);
    await a.vault.unlock(utf8(PASSPHRASE));
    await a.vault.unlock("not looked at when it is open");
    assert.deepEqual(events.unlocked, [null]);
    assert.equal(await a.draft(toB), "half a sentence");
    assert.deepEqual(await message.body(), utf8("queued before the lock"));
    await b.send(toA, { text: "to the same listeners" });
    await syncedUntil(
      [a, b],
      "both messages",
      async () =>
        events.message.length === 1 && (await b.messages(toA)).some(({ text }) => text === "queued before the lock"),
    );
    assert.deepEqual(events.stopped, []);
    await Promise.all([a.dispose(), b.dispose()]);
  });

  test("stops a running loop, and unlock starts it again; stopped meanwhile it stays so", async () => {
    const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
    const [toB, toA] = await enrol(a, b);
    const events = record(a, "message", "stopped");
    await a.start();
    await a.vault.lock();
    await b.send(toA, { text: "while it was locked" });
    await b.sync({ flush: true });
    await pause(2500);
    assert.equal(events.message.length, 0);
    await a.vault.unlock(PASSPHRASE);
    await until("the loop to bring it", () => events.message.length === 1);
    await a.vault.lock();
    await a.stop();
    await a.vault.unlock(PASSPHRASE);
    await b.send(toA, { text: "the loop is stopped" });
    await b.sync({ flush: true });
    await pause(2500);
    assert.deepEqual([events.message.length, events.stopped], [1, []]);
    assert.equal((await a.messages(toB)).length, 1);
    await Promise.all([a.dispose(), b.dispose()]);
  });

  test("ends a round that is under way, whose answer then means nothing to the engine after", async () => {
    const meddling = meddler(relay.url);
    const [a, b] = [await person("A", meddling), await person("B", relay.url)];
    const [toB, toA] = await enrol(a, b);
    await a.send(toB, { text: "its answer was lost" });
    let posting, answer;
    const reached = new Promise((resolve) => (posting = resolve));
    meddling.onPost = async (send) => {
      await send();
      posting();
      await new Promise((resolve) => (answer = resolve));
    };
    const round = refused("LOCKED", () => a.sync({ flush: true }));
    await reached;
    await a.vault.lock();
    await round;
    meddling.onPost = (send) => send();
    await a.vault.unlock(PASSPHRASE);
    answer();
    await pause(50);
    assert.equal((await a.messages(toB))[0].state, "queued", "no answer was heard");
    await syncedUntil([a, b], "delivery", async () => (await a.messages(toB))[0].state === "delivered");
    assert.equal((await b.messages(toA)).length, 1);
    await Promise.all([a.dispose(), b.dispose()]);
  });

  test("a relay that is out of reach is reported once more after it", async () => {
    const meddling = meddler(relay.url);
    const a = await person("A", meddling);
    await a.sync();
    const { relay: reported } = record(a, "relay");
    meddling.onGet = () => Promise.reject(new TesseraError("RELAY_UNREACHABLE", "no network"));
    for (const times of [1, 2]) {
      await refused("RELAY_UNREACHABLE", () => a.sync());
      await refused("RELAY_UNREACHABLE", () => a.sync());
      assert.deepEqual(
        reported.map(({ reachable }) => reachable),
        Array(times).fill(false),
      );
      await a.vault.lock();
      await a.vault.unlock(PASSPHRASE);
    }
    meddling.onGet = (_path, answer) => answer;
    await a.sync();
    await a.sync();
    assert.deepEqual(
      reported.map(({ reachable }) => reachable),
      [false, false, true],
    );
    await a.dispose();
  });

  test("several at once, and together with unlock and dispose", async () => {
    const store = memoryStore();
    const a = await person("A", relay.url, { store });
    const events = record(a, "locked");
    await Promise.all([a.vault.lock(), a.vault.lock()]);
    await Promise.all([a.vault.unlock(PASSPHRASE), a.vault.unlock(PASSPHRASE)]);
    await a.me();
    await Promise.all([a.vault.lock(), a.vault.unlock(PASSPHRASE)]);
    await a.me();
    assert.equal(events.locked.length, 2);
    await a.vault.lock();
    const unlocking = a.vault.unlock(PASSPHRASE).catch(({ code }) => code);
    await a.dispose();
    assert.ok([undefined, "DISPOSED"].includes(await unlocking));
    for (const call of [() => a.me(), () => a.start(), () => a.vault.lock(), () => a.vault.unlock(PASSPHRASE)])
      await refused("DISPOSED", call);
    await (await person("A", relay.url, { store, create: false })).dispose();
  });

  test("is written to the audit log with its reason, and so is what opened the vault", async () => {
    const [a, b] = [await person("A", relay.url, { idleMinutes: IDLE }), await person("B", relay.url)];
    const log = async (portal) => (await portal.audit.entries()).map(({ event, idle, by }) => [event, idle ?? by]);
    const events = record(a, "locked");
    await until("the lock", () => events.locked.length === 1);
    await a.vault.unlock(PASSPHRASE);
    assert.deepEqual(await log(a), [
      ["began", undefined],
      ["locked", true],
      ["unlocked", "passphrase"],
    ]);
    await b.vault.lock();
    await b.vault.unlock(PASSPHRASE);
    await b.vault.changePassphrase(PASSPHRASE, "new");
    assert.deepEqual(await log(b), [
      ["began", undefined],
      ["locked", false],
      ["unlocked", "passphrase"],
      ["rekeyed", undefined],
    ]);
    await b.dispose();
    await a.dispose();
  });

  test("wipes the keys although the store does not answer", async () => {
    const store = { ...memoryStore() };
    const a = await person("A", relay.url, { store });
    const { commit } = store;
    store.commit = () => new Promise(() => {});
    const events = record(a, "locked");
    await a.vault.lock();
    assert.equal(events.locked.length, 1);
    await refused("LOCKED", () => a.me());
    store.commit = commit;
    await a.vault.unlock(PASSPHRASE);
    await a.me();
    await a.dispose();
  });

  test("a store that fails at unlock ends the portal, and leaves no keys", async () => {
    const store = { ...memoryStore() };
    const a = await person("A", relay.url, { store });
    await a.vault.lock();
    const { commit } = store;
    store.commit = () => Promise.reject(new Error("disk full"));
    await refused("STORE_FAILED", () => a.vault.unlock(PASSPHRASE));
    store.commit = commit;
    await refused("STORE_FAILED", () => a.me());
    await refused("STORE_FAILED", () => a.vault.unlock(PASSPHRASE));
    await a.dispose();
  });

  test("puts a backup off until the vault is open again", async () => {
    const [given, failed] = [[], []];
    const a = await person("A", relay.url, { backup: async (bundle) => void given.push(bundle) });
    a.addEventListener("storage", ({ detail }) => detail.backup === "failed" && failed.push(detail));
    await a.invite({ kind: "qr" });
    await a.vault.lock();
    await pause(6000);
    assert.deepEqual([given.length, failed.length], [0, 0]);
    await a.vault.unlock(PASSPHRASE);
    await until("the backup", () => given.length === 1);
    await a.dispose();
  });

  test("what became of the store meanwhile counts", async () => {
    const store = memoryStore();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    await a.vault.lock();
    await b.vault.lock();
    await b.dispose();
    const elsewhere = await person("ignored", relay.url, { store, create: false });
    await elsewhere.vault.changePassphrase(PASSPHRASE, "changed elsewhere");
    await elsewhere.dispose();
    await refused("WRONG_PASSPHRASE", () => a.vault.unlock(PASSPHRASE));
    await a.vault.unlock("changed elsewhere");
    await a.invite({ kind: "qr" });
    await a.dispose();
  });
});

describe("the idle time", () => {
  test("locks after it without use, and says why", async () => {
    const a = await person("A", relay.url, { idleMinutes: IDLE });
    const events = record(a, "locked", "stopped");
    await a.start();
    await pause(500);
    await a.me();
    assert.equal(events.locked.length, 0);
    await until("the lock", () => events.locked.length === 1);
    assert.deepEqual(events.locked, [{ reason: "idle" }]);
    await refused("LOCKED", () => a.me());
    await a.vault.unlock(PASSPHRASE);
    await until("the next one", () => events.locked.length === 2);
    assert.deepEqual(events.stopped, []);
    await a.dispose();
  });

  test("is put off by touch and by what a person does, not by reading and not by the loop", async () => {
    const a = await person("A", relay.url, { idleMinutes: IDLE });
    const { id } = await a.invite({ kind: "qr" });
    const events = record(a, "locked");
    await a.start();
    // Longer than the idle time, with pauses far shorter than that.
    for (let i = 0; i < 9; i++) {
      await pause(1000);
      if (i % 2) a.vault.touch();
      else await a.expectIdentity(id, bytes(32, i));
    }
    assert.equal(events.locked.length, 0);
    await until(
      "the lock although contacts are read",
      () => events.locked.length > 0,
      () => a.contacts().catch(() => {}),
    );
    a.vault.touch();
    await refused("LOCKED", () => a.me());
    await a.dispose();
  });

  test("is over for a tab that slept, before its timer comes", async (context) => {
    const a = await person("A", relay.url, { idleMinutes: 10 });
    const [events, now] = [record(a, "locked"), Date.now()];
    context.mock.method(Date, "now", () => now + 9 * 60_000);
    await a.me();
    context.mock.method(Date, "now", () => now + 11 * 60_000);
    a.vault.touch();
    await refused("LOCKED", () => a.me());
    await until("the event", () => events.locked.length === 1);
    await a.vault.unlock(PASSPHRASE);
    context.mock.method(Date, "now", () => now + 22 * 60_000);
    await refused("LOCKED", () => a.invite({ kind: "qr" }));
    await a.dispose();
  });

  test("does not stand still because the clock is set back", async (context) => {
    const a = await person("A", relay.url, { idleMinutes: IDLE });
    const now = Date.now();
    context.mock.method(Date, "now", () => now - 3_600_000);
    const events = record(a, "locked");
    await until("the lock", () => events.locked.length === 1);
    await a.dispose();
  });

  test("wants a sensible number", async () => {
    for (const idleMinutes of [0, -1, NaN, Infinity, 1441, "5"]) {
      await refused("INVALID_ARGUMENT", () => person("A", relay.url, { idleMinutes }));
    }
  });
});
