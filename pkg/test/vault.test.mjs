import test, { after, before, describe } from "node:test";
import { readFile } from "node:fs/promises";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, refused, utf8 } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

const open = (store, options) =>
  Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "ignored", ...options });
/** All but the count of failed unlocks. */
const contents = async (store) =>
  JSON.stringify(
    (await store.list("")).entries
      .filter(([key]) => key !== "vault/failed")
      .map(([key, value]) => [key, Buffer.from(value).toString("hex")]),
  );
const versionOf = async (store) => (await store.get("vault"))[1];

describe("vaults of other versions", () => {
  /** A vault that `write-vaults.mjs` wrote with the code of its version. */
  async function written(name) {
    const text = await readFile(new URL(`../../tests/data/vaults/${name}.txt`, import.meta.url), "utf8");
    const store = memoryStore();
    await store.commit(
      0,
      text
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" "))
        .map(([key, hex]) => [key, Uint8Array.from(Buffer.from(hex, "hex"))]),
    );
    return store;
  }

  for (const version of ["v1", "v2"])
    test(`${version} is brought to version 3 in one commit, after it opened, and works`, async () => {
      const [hers, his] = [await written(`${version}-rivera`), await written(`${version}-ana`)];
      const before = await contents(hers);
      await refused("WRONG_PASSPHRASE", () => open(hers, { passphrase: "wrong" }));
      assert.equal(await contents(hers), before, "not touched by a wrong passphrase");

      const commits = [];
      const watched = {
        ...hers,
        commit(revision, changes) {
          commits.push(changes.map(([key]) => key));
          return hers.commit(revision, changes);
        },
      };
      const [rivera, ana] = [await open(watched), await open(his)];
      assert.equal(commits[0].at(-1), "vault");
      assert.ok(commits[0].includes("s/manifest"));
      assert.deepEqual([await versionOf(hers), await versionOf(his)], [3, 3]);
      const [[toAna], [toRivera]] = [await rivera.contacts(), await ana.contacts()];
      assert.deepEqual(
        [toAna.name, toAna.state, toRivera.name, toRivera.state],
        ["Ana Gómez", "active", "Dr. Rivera", "active"],
      );
      const [note, scan, queued] = await rivera.messages(toAna.id);
      assert.deepEqual(
        [note.text, note.session, note.state],
        ["Continue metformin 500mg BID.", "visit-7421", "delivered"],
      );
      const [file] = scan.attachments;
      assert.deepEqual([scan.text, file.filename, file.contentType], [null, "scan.bin", "application/octet-stream"]);
      assert.deepEqual(await file.body(), new Uint8Array(5000).fill(7));
      assert.equal(queued.text, "Queued when the vault was written.");

      const reply = "Written after the migration.";
      await ana.send(toRivera.id, { text: reply });
      await syncedUntil(
        [rivera, ana],
        "both messages",
        async () =>
          (await rivera.messages(toAna.id)).some(({ text }) => text === reply) &&
          (await ana.messages(toRivera.id)).some(({ text }) => text === queued.text),
      );
      await rivera.dispose();
      const again = await open(hers);
      assert.equal((await again.contacts())[0].name, "Ana Gómez");
      await Promise.all([again.dispose(), ana.dispose()]);
    });

  test("a record that is put back to an earlier state is damage", async () => {
    const store = await written("v2-ana");
    await (await open(store)).dispose();
    const portal = await open(store);
    const [[key, earlier]] = (await store.list("s/c/")).entries;
    const [{ id }] = await portal.contacts();
    await portal.send(id, { text: "This changes the contact's record." });
    await portal.dispose();
    const { revision } = await store.list("");
    await store.commit(revision, [[key, earlier]]);
    await refused("VAULT_DAMAGED", () => open(store));
  });

  test("a migration that cannot be committed opens nothing and changes nothing", async () => {
    const store = await written("v1-ana");
    const before = await contents(store);
    await refused("STORE_FAILED", () => open({ ...store, commit: () => Promise.reject(new Error("disk full")) }));
    await refused("STORE_CONFLICT", () => open({ ...store, commit: async () => "CONFLICT" }));
    assert.equal(await contents(store), before);
    await (await open(store)).dispose();
  });

  test("a version to come is refused, and nothing of it is touched", async () => {
    const store = await written("v1-ana");
    const header = await store.get("vault");
    header[1] = 4;
    await store.commit(1, [["vault", header]]);
    const before = JSON.stringify([await contents(store), (await store.list("")).revision]);
    for (const options of [{}, { create: true }, { passphrase: "wrong" }])
      await refused("VAULT_VERSION", () => open(store, options));
    assert.equal(JSON.stringify([await contents(store), (await store.list("")).revision]), before);
  });
});

describe("the passphrase", () => {
  test("is changed in one commit; the old one opens nothing any more", async () => {
    const store = memoryStore();
    const a = await person("A", relay.url, { store });
    const { fingerprint } = await a.me();
    const records = (await store.list("s/")).entries.length;
    await refused("WRONG_PASSPHRASE", () => a.vault.changePassphrase("wrong", "new one"));
    await refused("INVALID_ARGUMENT", () => a.vault.changePassphrase(PASSPHRASE, ""));
    await refused("INVALID_ARGUMENT", () => a.vault.changePassphrase(7, "new one"));
    await a.vault.changePassphrase(PASSPHRASE, utf8("new one"));
    assert.equal((await store.list("s/")).entries.length, records);
    await a.invite({ kind: "qr" }).catch(() => {});
    await a.dispose();
    await refused("WRONG_PASSPHRASE", () => open(store));
    const again = await open(store, { passphrase: "new one" });
    assert.deepEqual((await again.me()).fingerprint, fingerprint);
    await again.dispose();
  });
});
