// A vault opened by a key that the host keeps, and how often opening one failed.

import test, { after, before, describe } from "node:test";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, person } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, bytes, refused } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const KEY = bytes(32, 9);
const lasting = () => ({ ...memoryStore(), async close() {} });
/** One that says whether it is open. */
const lockable = () => {
  let held = false;
  return {
    ...lasting(),
    async lock() {
      if (held) return null;
      held = true;
      return () => {
        held = false;
      };
    },
  };
};
const open = (store, opening, more = {}) => Portal.open({ relay: relay.url, store, name: "A", ...opening, ...more });
const raw = (algorithm, extractable, usages) => crypto.subtle.importKey("raw", KEY, algorithm, extractable, usages);

describe("a key of the host", () => {
  test("opens a new vault and the same again, in each form it may have", async () => {
    const store = lasting();
    const forms = [
      KEY,
      async () => KEY,
      await raw("HKDF", false, ["deriveBits"]),
      await raw("AES-GCM", true, ["encrypt"]),
    ];
    let asked = 0;
    const asking = async () => {
      asked++;
      return KEY;
    };
    const first = await open(store, { key: asking }, { create: true });
    const me = await first.me();
    assert.equal(asked, 1);
    await first.vault.lock();
    await first.vault.unlock({ key: KEY });
    await first.dispose();
    for (const key of forms) {
      const portal = await open(store, { key });
      assert.deepEqual((await portal.me()).fingerprint, me.fingerprint);
      await portal.dispose();
      const reader = await Portal.openReadOnly({ store, key });
      assert.equal((await reader.me()).name, "A");
      await reader.dispose();
    }
    assert.deepEqual([...KEY], [...bytes(32, 9)], "not wiped: it is the host's");
    await refused("WRONG_PASSPHRASE", () => open(store, { key: bytes(32, 8) }));
    await refused("WRONG_PASSPHRASE", () => open(store, { passphrase: PASSPHRASE }));
  });

  test("adds a first passphrase, which then opens the vault too; another key adds none", async () => {
    const store = lasting();
    const portal = await open(store, { key: KEY }, { create: true });
    await refused("WRONG_PASSPHRASE", () => portal.vault.changePassphrase({ key: bytes(32, 8) }, PASSPHRASE));
    await refused("WRONG_PASSPHRASE", () => portal.vault.changePassphrase("there is none", PASSPHRASE));
    await portal.vault.changePassphrase({ key: KEY }, PASSPHRASE);
    await portal.vault.lock();
    await portal.vault.unlock(PASSPHRASE);
    await portal.vault.changePassphrase(PASSPHRASE, "another");
    await portal.vault.setKey(null);
    await portal.dispose();
    await refused("WRONG_PASSPHRASE", () => open(store, { key: KEY }));
    await refused("WRONG_PASSPHRASE", () => open(store, { passphrase: PASSPHRASE }));
    await (await open(store, { passphrase: "another" })).dispose();
  });

  test("of HMAC need not be extractable, and is another key", async () => {
    const store = lasting();
    const hmac = await raw({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    await (await open(store, { key: hmac }, { create: true })).dispose();
    await (await open(store, { key: hmac })).dispose();
    await refused("WRONG_PASSPHRASE", () => open(store, { key: KEY }));
  });

  test("that gives no bytes, or too few, is refused by name", async () => {
    const wrong = [
      bytes(31),
      "text",
      7,
      {},
      async () => bytes(16),
      async () => "text",
      async () => {
        throw new Error("the service is away");
      },
      await raw("AES-GCM", false, ["encrypt"]),
    ];
    for (const key of wrong) {
      const { message } = await refused("INVALID_ARGUMENT", () => open(lasting(), { key }, { create: true }));
      assert.match(message, /\bkey\b/);
    }
    const both = { key: KEY, passphrase: PASSPHRASE };
    const { message } = await refused("INVALID_ARGUMENT", () => open(lasting(), both, { create: true }));
    assert.match(message, /passphrase and key/);
  });

  test("is added to a vault with a passphrase, opens its backups, and is taken away", async () => {
    const store = lasting();
    const portal = await person("A", relay.url, { store });
    await portal.vault.setKey(KEY);
    const bundle = await portal.vault.backup();
    const restored = await Portal.restore(bundle, { relay: relay.url, store: memoryStore(), key: KEY });
    assert.deepEqual(await restored.me(), await portal.me());
    await restored.dispose();
    await portal.vault.setKey(bytes(32, 7));
    await portal.vault.lock();
    await refused("WRONG_PASSPHRASE", () => portal.vault.unlock({ key: KEY }));
    await portal.vault.unlock({ key: bytes(32, 7) });
    await portal.vault.setKey(null);
    await refused("INVALID_ARGUMENT", () => portal.vault.setKey(null));
    await portal.vault.lock();
    await refused("WRONG_PASSPHRASE", () => portal.vault.unlock({ key: bytes(32, 7) }));
    await portal.vault.unlock(PASSPHRASE);
    await portal.dispose();
  });

  test("that is alone stays: something has to open the vault", async () => {
    const portal = await open(lasting(), { key: KEY }, { create: true });
    await refused("INVALID_ARGUMENT", () => portal.vault.setKey(null));
    await portal.dispose();
  });
});

describe("failed unlocks", () => {
  const logged = async (portal) =>
    (await portal.audit.entries())
      .filter(({ event }) => /^unlock/.test(event))
      .map(({ event, count, by }) => [event, count ?? by]);

  for (const [kind, make] of Object.entries({ "with a lock": lockable, "without one": lasting }))
    test(`are counted in the audit log once the vault opens: a store ${kind}`, async () => {
      const store = make();
      await (await person("A", relay.url, { store })).dispose();
      for (let attempt = 0; attempt < 3; attempt++)
        await refused("WRONG_PASSPHRASE", () => open(store, { passphrase: "wrong" }));
      const portal = await open(store, { passphrase: PASSPHRASE });
      assert.deepEqual(await logged(portal), [
        ["unlockFailed", 3],
        ["unlocked", "passphrase"],
      ]);
      await portal.vault.lock();
      await refused("WRONG_PASSPHRASE", () => portal.vault.unlock("wrong"));
      await portal.vault.unlock(PASSPHRASE);
      assert.deepEqual((await logged(portal)).slice(2), [
        ["unlockFailed", 1],
        ["unlocked", "passphrase"],
      ]);
      await portal.vault.lock();
      await portal.vault.unlock(PASSPHRASE);
      assert.deepEqual((await logged(portal)).slice(4), [["unlocked", "passphrase"]], "counted once");
      await portal.vault.backup();
      assert.equal((await portal.audit.verify()).intact, true);
      await portal.dispose();
    });

  test("do not touch a store that another portal may have, and a backup does not hold them", async () => {
    const shared = lasting();
    const holder = await person("A", relay.url, { store: shared });
    await refused("WRONG_PASSPHRASE", () => open(shared, { passphrase: "wrong" }));
    await holder.rename("B");
    await holder.dispose();

    const store = lockable();
    await (await person("A", relay.url, { store })).dispose();
    await refused("WRONG_PASSPHRASE", () => open(store, { passphrase: "wrong" }));
    assert.ok(
      (await store.list("vault")).entries.some(([key]) => key === "vault/failed"),
      "it outlives the page",
    );
    const before = await store.list("");
    await refused("WRONG_PASSPHRASE", () => Portal.openReadOnly({ store, passphrase: "wrong" }));
    assert.deepEqual(await store.list(""), before);
    const portal = await open(store, { passphrase: PASSPHRASE });
    assert.ok(!Buffer.from(await portal.vault.backup()).includes("vault/failed"));
    await portal.dispose();
  });
});
