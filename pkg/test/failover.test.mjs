import test, { after, before } from "node:test";
import { enrol, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { Portal, TesseraError, httpRelay, memoryStore } from "tessera-portal";
import { assert } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

/** The real relay under another name: a member that has the same batches. `asked` are the requests; `fails` may throw. */
function member(url, fails = () => {}) {
  const real = httpRelay({ url: relay.url });
  const asked = [];
  const ask =
    (method) =>
    async (path, ...more) => {
      asked.push(`${method} ${path}`);
      fails(method, path);
      return real[method](path, ...more);
    };
  return { asked, client: { url, get: ask("get"), post: ask("post"), select: ask("select") } };
}

const silent = () => {
  throw new TesseraError("RELAY_UNREACHABLE", "dead");
};

/** A reader whose relay can be killed, with one other member, and the one who writes to them. */
async function reader(failure = silent, others = (client) => ({ members: [client] })) {
  const state = { isDead: false };
  const home = member(relay.url, () => state.isDead && failure());
  const other = member("https://member.example");
  const a = await person("A", relay.url);
  const b = await person("B", { ...home.client, ...others(other.client) });
  const events = record(b, "message", "relay", "notice", "rejected", "gap");
  const [toB, toA] = await enrol(a, b);
  events.relay.length = 0;
  return { state, home, other, a, b, events, toB, toA };
}

const reads = (asked) => asked.filter((request) => /^get .*(index|batches|segments)/.test(request));

test("another member is read while the relay is dead, posted to after two epochs, and left when it is back", async () => {
  const { state, home, other, a, b, events, toB, toA } = await reader();
  assert.deepEqual(reads(other.asked), []);
  const atA = record(a, "message");
  b.start();
  state.isDead = true;
  await a.send(toB, { text: "while it is dead" });
  await syncedUntil([a], "the message", () => events.message.length === 1);
  assert.ok(reads(other.asked).length > 0);
  await b.send(toA, { text: "from the reader" });
  await syncedUntil([a], "what the reader writes", () => atA.message.length === 1);
  assert.ok(other.asked.some((request) => request.startsWith("post")));
  assert.deepEqual([...events.notice, ...events.rejected, ...events.gap], []);
  assert.ok(
    events.relay.every(({ reachable }) => reachable),
    "nobody is told that the service is out of reach",
  );
  state.isDead = false;
  const isBack = () => reads(home.asked).length > 0 && home.asked.some((request) => request.startsWith("post"));
  home.asked.length = 0;
  await until("the relay's return", isBack);
  const before = reads(other.asked).length;
  await a.send(toB, { text: "when it is back" });
  await syncedUntil([a], "the second message", () => events.message.length === 2);
  assert.equal(reads(other.asked).length, before);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("an answer that concerns the request moves nothing, and one without an answer does", async () => {
  for (const [code, retryAfter, moves] of [
    ["UNAUTHORIZED", undefined, false],
    ["RELAY_FULL", undefined, false],
    ["RELAY_BUSY", 5, false],
    ["RELAY_REFUSED", undefined, false],
    ["RELAY_BUSY", undefined, true],
    ["RELAY_UNREACHABLE", undefined, true],
  ]) {
    const failure = () => {
      throw new TesseraError(code, "for a test", retryAfter === undefined ? {} : { retryAfter });
    };
    const { state, other, a, b } = await reader(failure);
    state.isDead = true;
    await b.sync().catch(() => {});
    assert.equal(reads(other.asked).length > 0, moves, code);
    await Promise.all([a.dispose(), b.dispose()]);
  }
});

test("a person is told that nobody answers, and a host may have no members at all", async () => {
  for (const others of [
    () => ({}),
    () => ({ members: [] }),
    ({ url }) => ({ members: [{ ...member(url, silent).client }] }),
  ]) {
    const { state, other, a, b, events } = await reader(silent, others);
    state.isDead = true;
    b.start();
    await until("that it is out of reach", () => events.relay.some(({ reachable }) => !reachable));
    assert.equal(events.relay[0].code, "RELAY_UNREACHABLE");
    assert.deepEqual(other.asked, []);
    await Promise.all([a.dispose(), b.dispose()]);
  }
});

test("members that cannot be used are refused", async () => {
  const open = (relay) => Portal.open({ relay, store: memoryStore(), passphrase: "x", name: "A", create: true });
  const { client } = member("https://member.example");
  const five = [1, 2, 3, 4, 5].map((number) => `https://${number}.example`);
  for (const [given, word] of [
    [{ url: relay.url, members: "https://a.example" }, "list"],
    [{ url: relay.url, members: five }, "more than 4"],
    [{ url: relay.url, members: [relay.url] }, "the relay itself"],
    [{ url: relay.url, members: ["https://a.example", "https://a.example/x"] }, "twice"],
    [{ url: relay.url, mirror: "https://a.example", members: ["https://a.example"] }, "twice"],
    [{ url: relay.url, members: ["ftp://a.example"] }, "relay"],
    [{ url: relay.url, members: ["https://me:key@a.example"] }, "credentials"],
    [{ url: relay.url, members: ["https://a.example?x"] }, "query"],
    [{ url: relay.url, members: [{ url: "https://a.example", mirror: "https://b.example" }] }, "mirror"],
    [{ ...client, members: client }, "list"],
    [{ ...client, members: ["https://a.example"] }, "relay.members"],
    [{ ...client, members: [{ url: "https://a.example" }] }, "relay.members"],
    [{ ...client, member: "https://a.example" }, "relay.member"],
  ]) {
    await assert.rejects(open(given), (error) => {
      assert.equal(error.code, "INVALID_ARGUMENT");
      assert.ok(error.message.includes(word), error.message);
      return true;
    });
  }
});
