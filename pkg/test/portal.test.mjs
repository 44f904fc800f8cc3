import test, { after, before } from "node:test";
import { CONFLICT, Portal, checkInvitation, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, isCode, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { pause, until } from "../../tests/node/until.mjs";
import { assert, bytes, refused, utf8 } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay({ "cells-per-bucket": 8 });
});
after(() => relay?.end());

const METFORMIN = "Continue metformin 500mg BID; recheck HbA1c in 3 months.";

test("a QR invitation, the digits, a message and its receipt", async () => {
  const [clinician, patient] = [await person("Dr. Ana Ruiz", relay.url), await person("Luis", relay.url)];
  const events = record(patient, "message", "contact", "rejected", "gap");
  const states = record(clinician, "state");
  const [toPatient, toClinician] = await enrol(clinician, patient);
  assert.equal((await patient.contacts())[0].name, "Dr. Ana Ruiz");
  assert.equal((await clinician.contacts())[0].verified, "digits");

  const sent = await clinician.send(toPatient, { text: METFORMIN, session: "visit-7421" });
  assert.deepEqual(
    [sent.direction, sent.state, sent.text, sent.session, sent.receivedAt],
    ["out", "queued", METFORMIN, "visit-7421", null],
  );
  await syncedUntil(
    [clinician, patient],
    "delivery",
    async () => (await clinician.messages(toPatient))[0].state === "delivered",
  );

  const [message] = await patient.messages(toClinician);
  assert.deepEqual(
    [message.direction, message.state, message.text, message.session, message.attachments, message.problem],
    ["in", "verified", METFORMIN, "visit-7421", [], null],
  );
  assert.deepEqual(await message.body(), utf8(METFORMIN));
  assert.equal(message.sentAt, sent.sentAt);
  assert.ok(message.receivedAt >= message.sentAt);
  assert.deepEqual(
    events.message.map(({ text }) => text),
    [METFORMIN],
  );
  assert.deepEqual(
    states.state.map(({ state }) => state),
    ["sent", "delivered"],
  );
  assert.deepEqual([events.rejected, events.gap], [[], []]);
  await Promise.all([clinician.dispose(), patient.dispose()]);
});

test("a link invitation, the acceptor expected, a file of many cells", async () => {
  const [lab, clinician] = [await person("Lab", relay.url), await person("Dr. Ana Ruiz", relay.url)];
  const { id, uri, qrSvg, expiresAt } = await lab.invite({ kind: "link", expiresInSeconds: 3600 });
  assert.match(uri, /^tessera:\/[\w-]+$/);
  assert.match(qrSvg, /^<svg [\s\S]*<\/svg>$/);
  assert.ok(Math.abs(expiresAt - Date.now() / 1000 - 3600) < 5);
  await lab.expectIdentity(id, (await clinician.me()).fingerprint);
  await clinician.accept(`https://portal.example/enrol#${uri}`, { inPerson: true });
  await syncedUntil([lab, clinician], "both to be active", async () =>
    (await Promise.all([lab.contacts(), clinician.contacts()])).every(([contact]) => contact?.state === "active"),
  );
  const [[toClinician], [toLab]] = [await lab.contacts(), await clinician.contacts()];
  assert.equal(toClinician.verified, "expected");

  const body = crypto.getRandomValues(new Uint8Array(40_000));
  await lab.send(toClinician.id, {
    attachments: [{ contentType: "application/fhir+json", body, filename: "lipids.json" }],
  });
  await lab.send(toClinician.id, { text: "second" });
  await syncedUntil([lab, clinician], "both messages", async () => (await clinician.messages(toLab.id)).length === 2);
  const [message] = await clinician.messages(toLab.id, { before: (await clinician.messages(toLab.id))[1].id });
  const [file, ...others] = message.attachments;
  assert.deepEqual([message.text, others], [null, []]);
  assert.deepEqual([file.contentType, file.filename, file.size], ["application/fhir+json", "lipids.json", 40_000]);
  assert.deepEqual(await file.body(), body);
  assert.equal((await clinician.messages(toLab.id, { limit: 1 }))[0].text, "second");
  await Promise.all([lab.dispose(), clinician.dispose()]);
});

test("what a contact sends before it is checked is held, then shown", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const { uri } = await a.invite({ kind: "qr" });
  await b.accept(uri);
  await syncedUntil([a, b], "the digits", async () => (await a.contacts())[0]?.sas && (await b.contacts())[0]?.sas);
  const [[ofA], [ofB]] = [await a.contacts(), await b.contacts()];
  await refused("CONTACT_PENDING", () => a.send(ofA.id, { text: "too early" }));
  await b.confirmSas(ofB.id);
  await b.send(ofB.id, { text: "early" });
  await syncedUntil([a, b], "the held message", async () => (await a.messages(ofA.id)).length === 1);
  const [held] = await a.messages(ofA.id);
  assert.deepEqual([held.state, held.text], ["held", null]);
  await refused("CONTACT_PENDING", () => held.body());
  const events = record(a, "message");
  await a.confirmSas(ofA.id);
  assert.deepEqual(
    events.message.map(({ text, state }) => [text, state]),
    [["early", "verified"]],
  );
  await Promise.all([a.dispose(), b.dispose()]);
});

test("digits that differ make a suspect; a removed contact is gone", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  await b.rejectSas(toA);
  const [suspect] = await b.contacts();
  assert.equal(suspect.state, "suspect");
  await refused("CONTACT_SUSPECT", () => b.send(toA, { text: "no" }));
  await a.removeContact(toB);
  assert.deepEqual(await a.contacts(), []);
  await refused("CONTACT_UNKNOWN", () => a.send(toB, { text: "no" }));
  await Promise.all([a.dispose(), b.dispose()]);
});

test("an invitation is given again after a lock and a restart, until it is withdrawn", async () => {
  const store = memoryStore();
  const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
  const made = [await a.invite({ kind: "qr" }), await a.invite({ kind: "link" })];
  const byKind = (all) => [...all].sort((one, other) => other.kind.localeCompare(one.kind));
  assert.deepEqual(byKind(await a.invitations()), made);
  await a.expectIdentity(made[0].id, (await b.me()).fingerprint);
  await a.vault.lock();
  await a.vault.unlock(PASSPHRASE);
  assert.deepEqual(byKind(await a.invitations()), [{ ...made[0], expectsIdentity: true }, made[1]]);
  await a.dispose();
  const again = await person("A", relay.url, { store, create: false });
  await again.cancelInvitation(made[0].id);
  assert.deepEqual(await again.invitations(), [made[1]]);
  await Promise.all([again.dispose(), b.dispose()]);
});

test("invitations that must be refused", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const { id, uri } = await a.invite({ kind: "link" });
  await refused("INVITATION_OWN", () => a.accept(uri));
  await refused("INVITATION_MALFORMED", () => b.accept("tessera:/e30"));
  await refused("INVITATION_INCOMPLETE", () => b.accept(uri.slice(0, -3)));
  await refused("INVALID_ARGUMENT", () => b.accept(7));
  await refused("INVALID_ARGUMENT", () => a.invite({ kind: "slow" }));
  await refused("INVALID_ARGUMENT", () => a.invite({ kind: "qr", expiresInSeconds: 90_000 }));
  await refused("INVALID_ARGUMENT", () => a.expectIdentity(id, bytes(31)));
  await a.cancelInvitation(id);
  await refused("INVITATION_UNKNOWN", () => a.cancelInvitation(id));
  const { uri: short } = await a.invite({ kind: "qr", expiresInSeconds: 1 });
  await pause(2100);
  await refused("INVITATION_EXPIRED", () => b.accept(short));
  const elsewhere = await startRelay();
  const stranger = await person("C", elsewhere.url);
  await refused("RELAY_MISMATCH", async () => stranger.accept((await a.invite({ kind: "qr" })).uri));
  await Promise.all([a.dispose(), b.dispose(), stranger.dispose()]);
  await elsewhere.end();
});

test("an invitation is checked before there is a portal, and as accept checks it", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const link = async (options) => `https://portal.example/#${(await a.invite({ kind: "link", ...options })).uri}`;
  const [uri, short] = [await link(), await link({ expiresInSeconds: 1 })];
  const qr = await a.invite({ kind: "qr" });
  const json = JSON.parse(Buffer.from(uri.split("tessera:/")[1], "base64url").toString());
  const made = (changed) => `tessera:/${Buffer.from(JSON.stringify({ ...json, ...changed })).toString("base64url")}`;
  const qrJson = JSON.parse(Buffer.from(qr.uri.split("tessera:/")[1], "base64url").toString());
  const elsewhere = Buffer.from(JSON.stringify({ ...qrJson, r: "https://elsewhere.example" })).toString("base64url");
  await pause(2100);
  for (const [text, code] of [
    ["", "INVITATION_MALFORMED"],
    ["https://portal.example/#tess", "INVITATION_MALFORMED"],
    [uri.slice(0, -20), "INVITATION_INCOMPLETE"],
    [uri.replace("tessera:/e", "tessera:/x"), "INVITATION_MALFORMED"],
    [made({ v: 2 }), "INVITATION_MALFORMED"],
    [made({ r: "https://elsewhere.example" }), "INVITATION_MALFORMED"], // its check bytes are of the other address
    [`tessera:/${elsewhere}`, "RELAY_MISMATCH"],
    [short, "INVITATION_EXPIRED"],
  ]) {
    await refused(code, () => b.accept(text));
    await refused(code, async () => checkInvitation(text, relay.url));
  }
  for (const text of [uri, `Dear Ana,\nplease open ${uri} soon.`, qr.uri]) {
    checkInvitation(text, `${relay.url}/`);
    checkInvitation(text, { url: relay.url });
  }
  checkInvitation(`tessera:/${elsewhere}`);
  assert.deepEqual(await b.contacts(), []);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("a vault is created only when asked, opens with its passphrase only, and keeps everything", async () => {
  const store = memoryStore();
  const open = (options) => Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "A", ...options });
  await refused("VAULT_MISSING", () => open({}));
  assert.equal((await store.list("")).entries.length, 0);
  const [a, b] = [await open({ create: true }), await person("B", relay.url)];
  const before = await a.me();
  const [toB, toA] = await enrol(a, b);
  await a.send(toB, { text: "kept while queued" });
  await a.dispose();

  await refused("WRONG_PASSPHRASE", () => open({ passphrase: "wrong" }));
  const again = await open({ create: true, name: "ignored" });
  assert.deepEqual(await again.me(), before);
  const [kept] = await again.messages(toB);
  assert.deepEqual([kept.text, kept.state], ["kept while queued", "queued"]);
  await syncedUntil([again, b], "delivery", async () => (await b.messages(toA))[0]?.text === "kept while queued");
  await again.dispose();
  const words = [...(await store.list("")).entries].map(([, value]) => Buffer.from(value).toString("latin1")).join();
  assert.ok(!words.includes("kept while queued"), "bodies are sealed");

  const damaged = memoryStore();
  const { entries } = await store.list("");
  await damaged.commit(
    0,
    entries.filter(([key]) => key !== "vault"),
  );
  await refused("VAULT_DAMAGED", () => open({ store: damaged, create: true }));
  await b.dispose();
});

test("a store that fails or conflicts ends the portal, before anything is shown", async () => {
  const store = memoryStore();
  const a = await person("A", relay.url, { store });
  const { revision } = await store.list("");
  assert.notEqual(await store.commit(revision, [["elsewhere", bytes(1)]]), CONFLICT);
  await refused("STORE_CONFLICT", () => a.invite({ kind: "qr" }));
  await refused("STORE_CONFLICT", () => a.contacts());
  await refused("STORE_CONFLICT", () => a.sync());
  await a.dispose();

  const full = { ...memoryStore() };
  const commit = full.commit;
  const b = await person("B", relay.url, { store: full });
  full.commit = () => Promise.reject(new Error("disk full"));
  const error = await refused("STORE_FAILED", () => b.invite({ kind: "qr" }));
  assert.equal(error.cause.message, "disk full");
  full.commit = commit;
  await refused("STORE_FAILED", () => b.me());
  await b.dispose();
});

test("a disposed portal is of no use, and disposing twice is fine", async () => {
  const a = await person("A", relay.url);
  await a.start();
  await a.dispose();
  await a.dispose();
  for (const attempt of [
    () => a.me(),
    () => a.contacts(),
    () => a.sync(),
    () => a.start(),
    () => a.invite({ kind: "qr" }),
  ]) {
    await refused("DISPOSED", attempt);
  }
  await a.stop();
});

test("arguments are checked", async () => {
  const good = { relay: relay.url, store: memoryStore(), passphrase: PASSPHRASE, name: "A", create: true };
  for (const bad of [
    { relay: 7 },
    { relay: "ftp://x" },
    { relay: "nonsense" },
    { relay: "http://u:p@localhost/" },
    { store: {} },
    { passphrase: "" },
    { passphrase: 7 },
    { name: "" },
    { name: "a\nb" },
    { name: "x".repeat(65) },
  ]) {
    await refused("INVALID_ARGUMENT", () => Portal.open({ ...good, ...bad }));
  }
  const a = await person("A", relay.url);
  await a.sync();
  await refused("CONTACT_UNKNOWN", () => a.send("0000000000000000", { text: "m" }));
  await refused("INVALID_ARGUMENT", () => a.send("0000000000000000", { text: 7 }));
  await refused("INVALID_ARGUMENT", () =>
    a.send("0000000000000000", { attachments: [{ contentType: "text/plain", body: "text" }] }),
  );
  await refused("INVALID_ARGUMENT", () => a.messages("x", { limit: 0 }));
  await refused("ABORTED", () => a.sync({ signal: AbortSignal.abort() }));
  await assert.rejects(
    person("B", "http://127.0.0.1:9").then((b) => b.sync()),
    isCode("RELAY_UNREACHABLE"),
  );
  await a.dispose();
});

test("events are given one after another, from the call on, until the signal or the end of the portal", async () => {
  const a = await person("A", relay.url);
  const controller = new AbortController();
  const [all, some] = [a.events(), a.events({ signal: controller.signal })];
  await a.vault.lock();
  const first = await some.next();
  assert.deepEqual([first.value.type, first.value.detail], ["locked", { reason: "manual" }]);
  const waiting = some.next();
  controller.abort();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await a.vault.unlock(PASSPHRASE);
  await a.vault.lock();
  await a.dispose();
  const types = [];
  for await (const { type } of all) types.push(type);
  assert.deepEqual(
    types.filter((type) => type.endsWith("locked")),
    ["locked", "unlocked", "locked"],
  );
  const broken = a.events({ signal: AbortSignal.abort() });
  assert.equal((await broken.next()).done, true);
});

test("a message of one cell is taken back or deleted before it leaves; not when the relay may have it", async () => {
  const between = meddler(relay.url);
  const [a, b] = [await person("A", between), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  const first = await a.send(toB, { text: "not meant" });
  assert.equal((await a.cancel(first.id)).state, "cancelled");
  const second = await a.send(toB, { text: "nor this" });
  await a.deleteMessage(second.id);
  assert.deepEqual(
    (await a.messages(toB)).map(({ state }) => state),
    ["cancelled"],
  );
  await refused("MESSAGE_UNKNOWN", () => a.deleteMessage(second.id));

  const third = await a.send(toB, { text: "meant" });
  between.onPost = async (send) => {
    await send();
    throw new Error("the answer was lost");
  };
  await a.sync().catch(() => {});
  await refused("MESSAGE_SENT", () => a.cancel(third.id));
  await refused("MESSAGE_SENT", () => a.deleteMessage(third.id));
  between.onPost = (send) => send();
  const gaps = record(b, "gap");
  const received = await syncedUntil([a, b], "the message", async () => {
    const found = await b.messages(toA);
    return found.length > 0 && found;
  });
  assert.deepEqual(
    received.map(({ text }) => text),
    ["meant"],
  );
  assert.deepEqual(gaps.gap, []);
  await until(
    "the receipt",
    async () => (await a.messages(toB)).at(-1).state === "delivered",
    () => Promise.all([a.sync({ flush: true }), b.sync({ flush: true })]),
  );
  await a.deleteMessage(third.id);
  assert.equal((await a.messages(toB)).length, 1);
  assert.ok((await a.audit.entries()).some(({ event }) => event === "deleted"));
  assert.equal((await a.audit.verify()).intact, true);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("the limits are the relay's", async () => {
  const a = await person("A", relay.url);
  const { max_attachment_bytes, epoch_seconds } = await (await fetch(`${relay.url}/v1/info`)).json();
  const { maxMessageBytes, epochSeconds, cellsPerBucket } = await a.limits();
  assert.deepEqual([maxMessageBytes, epochSeconds], [max_attachment_bytes, epoch_seconds]);
  assert.ok(cellsPerBucket >= 1);
  await a.dispose();
});

test("what came is unread until it is marked, up to a message or all of it, and stays marked", async () => {
  const store = memoryStore();
  const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  for (const text of ["one", "two", "three"]) await b.send(toA, { text });
  const received = await syncedUntil([a, b], "the messages", async () => {
    const found = await a.messages(toB);
    return found.length === 3 && found;
  });
  const marks = async (portal) => (await portal.messages(toB)).map(({ read }) => read);
  assert.deepEqual(await marks(a), [false, false, false]);
  await a.markRead(toB, received[1].id);
  assert.deepEqual(await marks(a), [true, true, false]);
  assert.deepEqual(
    (await b.messages(toA)).map(({ read }) => read),
    [true, true, true],
  );
  await refused("CONTACT_UNKNOWN", () => a.markRead("0000000000000000"));
  await refused("MESSAGE_UNKNOWN", () => a.markRead(toB, `${toB}-ffffffff`));
  await a.dispose();
  const again = await person("A", relay.url, { store, create: false });
  assert.deepEqual(await marks(again), [true, true, false]);
  await again.markRead(toB);
  assert.deepEqual(await marks(again), [true, true, true]);
  await Promise.all([again.dispose(), b.dispose()]);
});
