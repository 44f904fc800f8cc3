import test, { after, before, describe } from "node:test";
import { memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, bytes, refused, utf8 } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

describe("a draft", () => {
  test("is sealed, outlives locks and restarts, and goes when its text is sent", async () => {
    const store = memoryStore();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [toB] = await enrol(a, b);
    assert.equal(await a.draft(toB), "");
    for (const draft of ["T", "Ta", "Take two"]) await a.setDraft(toB, draft);
    const stored = (await store.list("d/")).entries;
    assert.deepEqual(
      stored.map(([key]) => key),
      [`d/${toB}`],
    );
    assert.ok(!Buffer.from(stored[0][1]).includes("Take"));
    await a.vault.lock();
    await a.vault.unlock(PASSPHRASE);
    assert.equal(await a.draft(toB), "Take two");
    await a.send(toB, { attachments: [{ contentType: "application/pdf", body: bytes(10) }] });
    await a.dispose();
    const again = await person("A", relay.url, { store, create: false });
    assert.equal(await again.draft(toB), "Take two", "a file sent is not its text");
    await again.send(toB, { text: "Take two" });
    assert.equal(await again.draft(toB), "");
    await again.setDraft(toB, "more");
    await again.setDraft(toB, "");
    assert.equal((await store.list("d/")).entries.length, 0);
    await again.setDraft(toB, "of someone who is removed");
    await again.removeContact(toB);
    assert.equal((await store.list("d/")).entries.length, 0);
    await refused("CONTACT_UNKNOWN", () => again.draft(toB));
    await refused("CONTACT_UNKNOWN", () => again.setDraft(toB, "x"));
    await refused("INVALID_ARGUMENT", () => again.setDraft(toB, 7));
    await Promise.all([again.dispose(), b.dispose()]);
  });

  test("keeps picked files the same way, until they are sent", async () => {
    const store = memoryStore();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [toB] = await enrol(a, b);
    assert.deepEqual(await a.draftFiles(toB), []);
    const body = utf8("a page of SECRET values");
    await a.setDraftFiles(toB, [new File([body], "page.txt", { type: "text/plain" }), new Blob([bytes(3)])]);
    const stored = (await store.list("d/")).entries;
    assert.deepEqual(
      stored.map(([key]) => key),
      [`d/${toB}/files`],
    );
    assert.ok(!Buffer.from(stored[0][1]).includes("SECRET"));
    await a.dispose();
    const again = await person("A", relay.url, { store, create: false });
    const files = await again.draftFiles(toB);
    assert.deepEqual(files, [
      { contentType: "text/plain", filename: "page.txt", body },
      { contentType: "application/octet-stream", filename: null, body: bytes(3) },
    ]);
    await again.send(toB, { text: "without them" });
    assert.equal((await again.draftFiles(toB)).length, 2, "text sent is not its files");
    await again.send(toB, { attachments: files });
    assert.equal((await store.list("d/")).entries.length, 0);
    await again.setDraftFiles(toB, files);
    await again.setDraftFiles(toB, []);
    assert.equal((await store.list("d/")).entries.length, 0);
    await again.setDraftFiles(toB, files);
    await again.removeContact(toB);
    assert.equal((await store.list("d/")).entries.length, 0);
    await refused("CONTACT_UNKNOWN", () => again.draftFiles(toB));
    await refused("CONTACT_UNKNOWN", () => again.setDraftFiles(toB, files));
    await refused("INVALID_ARGUMENT", () => again.setDraftFiles(toB, "x"));
    await refused("INVALID_ARGUMENT", () => again.setDraftFiles(toB, [7]));
    await Promise.all([again.dispose(), b.dispose()]);
  });

  test("keeps the label of a visit the same way, until a message carries one", async () => {
    const store = memoryStore();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [toB, toA] = await enrol(a, b);
    assert.equal(await a.draftSession(toB), "");
    const session = "visit-7421";
    for (const typed of ["v", session]) await a.setDraftSession(toB, typed);
    const stored = (await store.list("d/")).entries;
    assert.deepEqual(
      stored.map(([key]) => key),
      [`d/${toB}/session`],
    );
    assert.ok(!Buffer.from(stored[0][1]).includes("visit"));
    await a.dispose();
    const again = await person("A", relay.url, { store, create: false });
    assert.equal(await again.draftSession(toB), session);
    await again.send(toB, { text: "of no visit" });
    assert.equal(await again.draftSession(toB), session, "a message without a label is not its message");
    const sent = await again.send(toB, { text: "of that visit", session: await again.draftSession(toB) });
    assert.equal(sent.session, session);
    assert.equal(await again.draftSession(toB), "");
    await syncedUntil([again, b], "the label", async () =>
      (await b.messages(toA)).some((message) => message.session === session),
    );
    await again.setDraftSession(toB, session);
    await again.setDraftSession(toB, "");
    assert.equal((await store.list("d/")).entries.length, 0);
    await again.setDraftSession(toB, session);
    await again.removeContact(toB);
    assert.equal((await store.list("d/")).entries.length, 0);
    await refused("CONTACT_UNKNOWN", () => again.draftSession(toB));
    await refused("CONTACT_UNKNOWN", () => again.setDraftSession(toB, session));
    await refused("INVALID_ARGUMENT", () => again.setDraftSession(toB, 7));
    await Promise.all([again.dispose(), b.dispose()]);
  });

  test("that was altered in the store is damage", async () => {
    const store = memoryStore();
    const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
    const [toB] = await enrol(a, b);
    await a.setDraft(toB, "text");
    await a.setDraftFiles(toB, [new Blob(["file"])]);
    await a.setDraftSession(toB, "visit-7421");
    const { revision, entries } = await store.list("d/");
    for (const [, value] of entries) value[20] ^= 1;
    await store.commit(revision, entries);
    await refused("VAULT_DAMAGED", () => a.draft(toB));
    await refused("VAULT_DAMAGED", () => a.draftFiles(toB));
    await refused("VAULT_DAMAGED", () => a.draftSession(toB));
    await Promise.all([a.dispose(), b.dispose()]);
  });
});
