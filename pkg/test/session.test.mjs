// What a page holds of an open portal: through locks, and through errors of the store.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../../tests/node/until.mjs";
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

test("what happens while a page reads an unlocked vault takes nothing off the page", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const [toB] = await enrol(a, b);
  await a.setDraftSession(toB, "visit-7421");
  const session = new Session(a);
  await until("an open page", () => session.isOpen);
  const isShown = () => session.summaries.has(toB) && session.drafts.label(toB) === "visit-7421";
  assert.ok(isShown());
  await session.lock();
  assert.ok(!isShown(), "nothing outlives a lock");
  session.conditions.set("CLOCK_SKEW", true);

  // As if a contact changed when the page has read nearly everything.
  const { invitations } = a;
  let shown = 0;
  a.invitations = async () => {
    a.invitations = invitations;
    const stop = session.watch(() => (shown += 1));
    a.dispatchEvent(new CustomEvent("contact", { detail: { id: toB } }));
    await until("the change is shown", () => shown > 0);
    stop();
    return a.invitations();
  };
  await session.unlock(PASSPHRASE);
  assert.ok(shown > 0 && session.isOpen && isShown());
  assert.deepEqual(
    session.conditions.all.map(({ code }) => code),
    ["CLOCK_SKEW"],
    "a warning is dispatched once",
  );

  await session.lock();
  await session.refresh();
  assert.equal(session.contacts.length + session.summaries.size, 0, "a page that is locked reads nothing");
  await Promise.all([a.dispose(), b.dispose()]);
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
