// What a page holds of an open portal: through locks, and through errors of the store.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pause, until } from "../../tests/node/until.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { Drafts } from "../dist/elements/session/drafts.js";
import { Session } from "../dist/elements/session/session.js";
import { Thread } from "../dist/elements/session/thread.js";
import { PASSPHRASE, enrol, person } from "./people.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

/** A page on a portal with one contact, and what ends both. */
async function page() {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const [toB] = await enrol(a, b);
  const session = new Session(a);
  await until("an open page", () => session.isOpen);
  return { a, toB, session, end: () => Promise.all([a.dispose(), b.dispose()]) };
}

/** Makes the next call of a method wait, before or after its work, until it is let go. */
function held(owner, method, when) {
  const { [method]: original } = owner;
  let go, reach;
  const [reached, gone] = [new Promise((resolve) => (reach = resolve)), new Promise((resolve) => (go = resolve))];
  owner[method] = async (...given) => {
    owner[method] = original;
    const found = when === "after" ? await owner[method](...given) : undefined;
    reach();
    await gone;
    return when === "after" ? found : owner[method](...given);
  };
  return { reached, go };
}

const changed = (portal, id) => portal.dispatchEvent(new CustomEvent("contact", { detail: { id } }));

test("what happens while a page reads an unlocked vault takes nothing off the page", async () => {
  const { a, toB, session, end } = await page();
  await a.setDraftSession(toB, "visit-7421");
  await session.lock();
  const reading = held(a, "invitations", "before");
  const unlocked = session.unlock(PASSPHRASE);
  await reading.reached;
  session.conditions.set("CLOCK_SKEW", true);
  changed(a, toB);
  reading.go();
  await unlocked;
  await session.refresh();
  assert.ok(session.isOpen && session.summaries.has(toB));
  assert.equal(session.drafts.label(toB), "visit-7421");
  assert.deepEqual(session.conditions.all, ["CLOCK_SKEW"], "a warning comes once");
  await end();
});

test("what was read before a lock is not on the page after it", async () => {
  const { a, session, end } = await page();
  const reading = held(a.audit, "entries", "after"); // the last of it
  const refreshed = session.refresh();
  await reading.reached;
  await session.lock();
  reading.go();
  await refreshed;
  await session.refresh();
  assert.equal(session.access, "locked");
  assert.equal(session.contacts.length + session.summaries.size + session.invitations.length, 0);
  await end();
});

test("a page follows its portal where the host locks and unlocks it, from the first moment on", async () => {
  const { a, session, end } = await page();
  for (const code of ["CLOCK_SKEW", "NOT_KEPT"]) session.conditions.set(code, true);
  await a.vault.lock();
  assert.equal(session.access, "locked");
  assert.deepEqual(session.conditions.all, ["NOT_KEPT"], "what is reported once waits for a person");
  const late = new Session(a);
  await until("the locked page", () => late.access === "locked");
  await a.vault.unlock(PASSPHRASE);
  for (const shown of [session, late])
    await until(
      "the page with its conversation",
      () => shown.isOpen && shown.name === "A" && shown.summaries.size === 1,
    );
  await end();
});

test("a page whose portal cannot be read says so", async () => {
  const { a, session, end } = await page();
  await a.vault.lock();
  a.me = () => Promise.reject(new Error("the store fails"));
  await session.unlock(PASSPHRASE);
  assert.deepEqual([session.access, session.failure.message], ["ended", "the store fails"]);
  await end();
  const late = new Session(a);
  await until("the end", () => late.access === "ended");
});

test("what was read first is not shown over what was read later", async () => {
  const { a, toB, session, end } = await page();
  const slow = held(a, "contacts", "after");
  const first = session.refresh();
  await slow.reached;
  await a.removeContact(toB);
  const second = session.refresh();
  await Promise.race([second, pause(300)]);
  slow.go();
  await Promise.all([first, second]);
  assert.deepEqual(session.contacts, []);
  await end();
});

test("a conversation that could not be read is read whole when it is tried again", async () => {
  const message = { id: "m", direction: "in", read: true, receivedAt: 1, sentAt: 1 };
  const source = { draft: async () => "Half a sentence", messages: () => Promise.reject(new Error("the store fails")) };
  const thread = new Thread("c");
  assert.ok(!thread.isSettled, "nothing can be written that would replace a draft");
  await thread.load(source);
  assert.ok(thread.isSettled && !thread.isLoaded);
  assert.equal(thread.failure.message, "the store fails");
  source.messages = async () => [message];
  await thread.reread(source);
  assert.deepEqual([thread.isLoaded, thread.failure, thread.draft], [true, null, "Half a sentence"]);
  assert.deepEqual(thread.messages, [message]);
});

test("picked files are shown as they are kept, and not after a lock", async () => {
  const file = (filename) => ({ blob: new Blob(["x"]), contentType: "text/plain", filename, kind: "file" });
  const drafts = new Drafts();
  const names = () => drafts.files("c").map(({ filename }) => filename);
  const load = () => drafts.load("c", { draftFiles: async () => [], draftSession: async () => "" });
  await load();
  let finish;
  const slow = { setDraftFiles: () => new Promise((resolve, reject) => (finish = { resolve, reject })) };
  const kept = drafts.keep("c", [file("one")], slow);
  assert.deepEqual(names(), []);
  finish.resolve();
  await kept;
  assert.deepEqual(names(), ["one"]);
  const refused = drafts.keep("c", [file("one"), file("two")], slow);
  finish.reject(new Error("no room"));
  await assert.rejects(refused, /no room/);
  assert.deepEqual(names(), ["one", "two"], "they stay until the page is closed");
  const late = drafts.keep("c", [], slow);
  drafts.forget();
  finish.resolve();
  await late;
  await load();
  assert.deepEqual(names(), [], "a lock takes them off the page");
});
