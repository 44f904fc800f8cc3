/** How a vault is opened when something stands in the way: another portal, a full store, a component that is gone. */

import test, { after, before, describe } from "node:test";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, person, record } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { limited, lockable } from "./stores.mjs";
import { assert, bytes, refused } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());
const open = (store, options) =>
  Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "A", create: true, ...options });

describe("taking a vault over", () => {
  test("needs what opens it: a wrong passphrase ends nothing", async () => {
    const store = lockable();
    const first = await open(store);
    const events = record(first, "stopped");
    await refused("WRONG_PASSPHRASE", () => open(store, { takeOver: true, passphrase: "wrong" }));
    await refused("INVALID_ARGUMENT", () => open(store, { takeOver: true, passphrase: "" }));
    await refused("WRONG_PASSPHRASE", () => open(store, { takeOver: true, passphrase: undefined, passkey: true }));
    const controller = new AbortController();
    const aborted = open(store, { takeOver: true, passphrase: "wrong", signal: controller.signal });
    controller.abort();
    await aborted.catch(() => {});
    await first.invite({ kind: "qr" });
    assert.deepEqual(events.stopped, []);
    await first.dispose();
  });

  test("opens the vault as the other one left it", async () => {
    const store = lockable();
    const first = await open(store);
    const { id } = await first.invite({ kind: "qr" });
    const second = await open(store, { takeOver: true });
    await second.cancelInvitation(id);
    assert.equal((await refused("VAULT_IN_USE", () => first.me())).retryable, false);
    await Promise.all([first.dispose(), second.dispose()]);
  });
});

describe("two portals of one page", () => {
  for (const [title, make] of Object.entries({ "with a lock": lockable, "without one": memoryStore })) {
    test(`a component that is mounted, unmounted and mounted again opens once more, in a store ${title}`, async () => {
      const store = make();
      await (await open(store)).dispose();
      for (const how of ["disposed of when it has opened", "aborted"]) {
        const controller = new AbortController();
        const first = open(store, { create: false, signal: controller.signal });
        const gone = how === "aborted" ? refused("ABORTED", () => first) : first.then((portal) => portal.dispose());
        if (how === "aborted") controller.abort();
        const second = await open(store, { create: false });
        await gone;
        assert.equal((await second.me()).name, "A", how);
        await second.invite({ kind: "qr" });
        await second.dispose();
      }
    });
  }

  test("one that stays open is named as what has the vault; one elsewhere, too", async () => {
    const store = lockable();
    const first = await open(store);
    const error = await refused("VAULT_IN_USE", () => open(store));
    assert.deepEqual([error.heldBy, error.retryable], ["page", true]);
    assert.match(error.message, /of this page/);
    await first.dispose();
    const release = await store.lock({ takeOver: false, onLost: () => {} });
    const other = await refused("VAULT_IN_USE", () => open(store));
    assert.equal(other.heldBy, "elsewhere");
    release();
    await (await open(store)).dispose();
  });

  test("several at once: one opens, and the store is free after it", async () => {
    const store = lockable();
    await (await open(store)).dispose();
    const results = await Promise.allSettled([open(store), open(store), open(store)]);
    const opened = results.filter(({ status }) => status === "fulfilled");
    assert.equal(opened.length, 1);
    for (const { status, reason } of results) if (status === "rejected") assert.equal(reason.code, "VAULT_IN_USE");
    await opened[0].value.dispose();
    await (await open(store)).dispose();
  });

  test("a signal that was aborted before opens nothing", async () => {
    const store = lockable();
    await refused("ABORTED", () => open(store, { signal: AbortSignal.abort() }));
    assert.equal(await store.get("vault"), undefined);
  });
});

describe("a full store", () => {
  test("is opened and read, refuses what does not fit, and has room again after a deletion", async () => {
    const store = limited();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [toB] = await enrol(a, b);
    const large = await a.send(toB, { attachments: [{ contentType: "a/b", body: bytes(30_000) }] });
    await a.send(toB, { text: "hello" });
    const events = record(a, "storage", "stopped");
    store.room = store.used;

    const error = await refused("STORE_FULL", () =>
      a.send(toB, { attachments: [{ contentType: "a/b", body: bytes(20_000) }] }),
    );
    assert.equal(error.cause.name, "QuotaExceededError");
    assert.equal(error.retryable, true);
    await refused("STORE_FULL", () => a.setDraft(toB, "x".repeat(1000)));
    assert.equal((await a.messages(toB)).length, 2, "what did not fit is not there");
    await until("the event", () => events.storage.some(({ full }) => full === true));
    await a.dispose();

    const again = await person("A", relay.url, { store, create: false });
    const later = record(again, "storage");
    assert.deepEqual(
      (await again.messages(toB)).map(({ text }) => text),
      [null, "hello"],
    );
    await until("the event", () => later.storage.some(({ full }) => full === true));
    await again.vault.lock();
    await again.vault.unlock(PASSPHRASE);
    const isFull = () => later.storage.filter(({ full }) => full === true);
    await until("the event once more", () => isFull().length === 2);
    await again.deleteMessage(large.id);
    await again.send(toB, { attachments: [{ contentType: "a/b", body: bytes(20_000) }] });
    await until("the event", () => later.storage.some(({ full }) => full === false));
    const unlocks = async () => (await again.audit.entries()).filter(({ event }) => event === "unlocked");
    await until("the unlock to be noted", async () => (await unlocks()).length > 0);
    assert.deepEqual(events.stopped, []);
    assert.equal((await again.audit.verify()).intact, true);
    await again.dispose();
    await b.dispose();
  });

  test("a message that could not be kept when it came is read when there is room", async () => {
    const store = limited();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [, toA] = await enrol(a, b);
    await b.send(toA, { attachments: [{ contentType: "a/b", body: bytes(20_000) }] });
    await b.sync({ flush: true });
    store.room = store.used + 5_000;
    const events = record(a, "stopped", "message");
    await a.start();
    await until("the store to be full", async () => (await a.sync().catch(({ code }) => code)) === "STORE_FULL");
    assert.equal(events.message.length, 0);
    store.room = Infinity;
    await until("the message", () => events.message.length > 0);
    assert.deepEqual(events.stopped, []);
    await Promise.all([a.dispose(), b.dispose()]);
  });
});

test("a vault that is only read changes nothing, also while another portal has it open", async () => {
  const store = lockable();
  const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
  const [toB] = await enrol(a, b);
  await a.send(toB, { text: "hello" });
  await a.setDraft(toB, "half written");
  const before = await store.list("");
  const reader = await Portal.openReadOnly({ store, passphrase: PASSPHRASE });
  assert.equal((await reader.me()).name, "A");
  assert.deepEqual(
    (await reader.contacts()).map(({ id }) => id),
    [toB],
  );
  const [message] = await reader.messages(toB);
  assert.equal(message.text, "hello");
  assert.equal(new TextDecoder().decode(await message.body()), "hello");
  assert.equal(await reader.draft(toB), "half written");
  assert.equal((await reader.audit.verify()).intact, true);
  assert.ok((await reader.audit.entries()).length > 0);
  for (const call of ["send", "sync", "start", "invite", "deleteMessage", "vault"])
    assert.equal(reader[call], undefined);
  assert.deepEqual(await store.list(""), before);
  await reader.dispose();
  await refused("DISPOSED", () => reader.contacts());
  await refused("WRONG_PASSPHRASE", () => Portal.openReadOnly({ store, passphrase: "wrong" }));
  await refused("VAULT_MISSING", () => Portal.openReadOnly({ store: memoryStore(), passphrase: PASSPHRASE }));
  await a.invite({ kind: "qr" });
  await Promise.all([a.dispose(), b.dispose()]);
});

test("nothing that has ended says that a call may succeed later", async () => {
  const store = { ...memoryStore() };
  const a = await person("A", relay.url, { store });
  const events = record(a, "stopped");
  await a.start();
  store.commit = () => Promise.reject(new Error("broken disk"));
  const failure = await refused("STORE_FAILED", () => a.invite({ kind: "qr" }));
  assert.equal(failure.retryable, false);
  for (const call of [() => a.me(), () => a.sync(), () => a.vault.unlock(PASSPHRASE), () => a.start()])
    assert.equal((await refused("STORE_FAILED", call)).retryable, false);
  await until("the loop to stop", () => events.stopped.length > 0);
  assert.equal(events.stopped[0].retryable, false);
  await a.dispose();
});
