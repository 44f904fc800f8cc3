import test, { after, before } from "node:test";
import { enrol, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { TesseraError } from "tessera-portal";
import { assert, utf8 } from "./support.mjs";

let relay;
before(async () => {
  relay = await startRelay();
});
after(() => relay?.end());

test("with the loop alone: enrolment, messages both ways, receipts", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const events = record(a, "relay", "message", "stopped");
  await Promise.all([a.start(), b.start()]);
  await a.start();
  const { uri } = await a.invite({ kind: "qr" });
  await b.accept(uri);
  await until("the digits", async () => (await a.contacts())[0]?.sas && (await b.contacts())[0]?.sas);
  const [[ofA], [ofB]] = [await a.contacts(), await b.contacts()];
  await a.confirmSas(ofA.id);
  await b.confirmSas(ofB.id);
  await b.send(ofB.id, { text: "hello" });
  await until("the message", () => events.message.length === 1);
  await a.send(ofA.id, { text: "hello yourself" });
  await until("both receipts", async () => {
    const [sent] = (await a.messages(ofA.id)).filter(({ direction }) => direction === "out");
    const [theirs] = (await b.messages(ofB.id)).filter(({ direction }) => direction === "out");
    return sent.state === "delivered" && theirs.state === "delivered";
  });
  await a.stop();
  await Promise.all([a.dispose(), b.dispose()]);
  assert.deepEqual(events.relay, [{ reachable: true, queued: 0 }]);
  assert.deepEqual(events.stopped, []);
});

test("a relay that goes down and comes back: told, and nothing lost", async () => {
  const own = await startRelay();
  const [a, b] = [await person("A", own.url), await person("B", own.url)];
  const [toB, toA] = await enrol(a, b);
  const events = record(a, "relay", "stopped");
  await Promise.all([a.start(), b.start()]);
  await until("reach", () => events.relay.at(-1)?.reachable === true || events.relay.length === 0);
  await own.down();
  await until("the outage", () => events.relay.at(-1)?.reachable === false);
  assert.equal(events.relay.at(-1).code, "RELAY_UNREACHABLE");
  await a.send(toB, { text: "written while it was down" });
  assert.equal((await a.messages(toB))[0].state, "queued");
  await own.up();
  await until("the message", async () => (await b.messages(toA))[0]?.text === "written while it was down");
  await until("the receipt", async () => (await a.messages(toB))[0].state === "delivered");
  assert.deepEqual(events.relay.map(({ reachable }) => reachable).slice(-2), [false, true]);
  assert.deepEqual(events.stopped, []);
  await Promise.all([a.dispose(), b.dispose()]);
  await own.end();
});

test("a relay that refuses posts and answers everything else is reported once", async () => {
  const between = meddler(relay.url);
  const a = await person("A", between);
  const events = record(a, "relay");
  let refuses = true;
  between.onPost = async (send) => {
    if (refuses) throw new TesseraError("RELAY_REFUSED", "not this");
    await send();
  };
  for (let round = 0; round < 3; round++) await assert.rejects(a.sync(), { code: "RELAY_REFUSED" });
  refuses = false;
  await a.sync();
  assert.deepEqual(
    events.relay.map(({ reachable, code }) => [reachable, code]),
    [
      [true, undefined],
      [false, "RELAY_REFUSED"],
      [true, undefined],
    ],
  );
  await a.dispose();
});

test("a slot without an answer is repeated as it was", async () => {
  const between = meddler(relay.url);
  const a = await person("A", between);
  const bodies = [];
  between.onPost = async (send, body) => {
    bodies.push(Buffer.from(body).toString("hex"));
    await send();
    if (bodies.length === 1) throw new Error("the answer was lost");
  };
  await a.sync().catch(() => {});
  await a.sync();
  await a.sync();
  assert.equal(bodies.length, 3);
  assert.equal(bodies[0], bodies[1], "the same cells under the same cover");
  assert.notEqual(bodies[1], bodies[2]);
  assert.equal(bodies[0].length / 2, 8 * (4 + 2048), "one cell for each bucket");
  await a.dispose();
});

test("every batch of the bucket is pulled, whole, and none twice", async () => {
  const between = meddler(relay.url);
  const a = await person("A", between);
  const progress = [];
  await a.sync();
  await relay.epochs(2);
  const { cellsScanned, bytesPulled, incomplete } = await a.sync({ onProgress: (step) => progress.push(step) });
  assert.ok(cellsScanned >= 2 * 4 && bytesPulled > cellsScanned * 2048, `${cellsScanned} ${bytesPulled}`);
  assert.equal(incomplete, false);
  assert.ok(progress.length >= 2 && progress.every(({ batches, totalBatches }) => batches <= totalBatches));
  const batches = between.requests.filter((path) => path.includes("/batches/"));
  assert.equal(new Set(batches).size, batches.length);
  await a.dispose();
});

test("everything is asked for, the lobby included, before anything is opened", async () => {
  const between = meddler(relay.url);
  const [a, b] = [await person("A", relay.url), await person("B", between)];
  const [toB] = await enrol(a, b);
  await b.sync();
  for (const text of ["one", "two", "three"]) {
    await a.send(toB, { text });
    await a.sync({ flush: true });
    await new Promise((resolve) => setTimeout(resolve, 1500)); // the next epoch
  }
  const steps = [];
  b.addEventListener("message", () => steps.push("message"));
  between.onGet = (path, answer) => {
    steps.push(path);
    return answer;
  };
  await until(
    "the messages",
    () => steps.includes("message"),
    () => b.sync(),
  );
  const first = steps.indexOf("message");
  const before = steps.slice(0, first);
  assert.ok(before.filter((path) => path.includes("/batches/")).length > 3, before.join(" "));
  assert.ok(before.some((path) => path.includes("lobby") && path.endsWith("/index")));
  // What follows the pull in the same round is the slot, and that is a post.
  assert.deepEqual(
    steps.slice(first).filter((step) => step !== "message"),
    [],
  );
  await Promise.all([a.dispose(), b.dispose()]);
});

test("a batch the relay drops is shown as a gap; an altered one is refused and asked for again", async () => {
  const between = meddler(relay.url);
  const [a, b] = [await person("A", relay.url), await person("B", between)];
  const [toB] = await enrol(a, b);
  const events = record(b, "gap", "rejected", "message");

  between.onGet = (path, answer) => {
    if (path.includes("/batches/") && !path.includes("lobby")) answer[answer.length - 1] ^= 1;
    return answer;
  };
  await a.send(toB, { text: "altered on the way" });
  await a.sync({ flush: true });
  await until(
    "the refusal",
    async () => events.rejected.length > 0,
    () => b.sync(),
  );
  assert.equal(events.rejected[0].code, "BATCH_INVALID");
  assert.equal(events.message.length, 0);
  between.onGet = (_path, answer) => answer;
  await until(
    "the message",
    () => events.message.length === 1,
    () => b.sync(),
  );

  const own = between.requests.filter((path) => path.includes("/batches/") && !path.includes("lobby"));
  const newest = Math.max(...own.map((path) => Number(path.split("/").at(-1))));
  let hidden;
  between.onGet = (path, answer) => {
    if (!path.endsWith("/index") || path.includes("lobby")) return answer;
    const index = JSON.parse(Buffer.from(answer).toString());
    hidden ??= index.batches.find(({ epoch }) => epoch > newest)?.epoch;
    index.batches = index.batches.filter(({ epoch }) => epoch !== hidden);
    return new TextEncoder().encode(JSON.stringify(index));
  };
  await until(
    "the gap",
    () => events.gap.some(({ kind }) => kind === "batches"),
    () => b.sync(),
  );
  assert.ok(events.gap.every(({ from, to, closed }) => from < hidden && hidden < to && !closed));
  between.onGet = (_path, answer) => answer;
  await until(
    "the end of the gap",
    () => events.gap.at(-1).closed,
    () => b.sync(),
  );
  await Promise.all([a.dispose(), b.dispose()]);
});

test("a batch that never arrives is passed over, and what follows it is read", async () => {
  const between = meddler(relay.url);
  const [a, b] = [await person("A", relay.url), await person("B", between)];
  const [toB] = await enrol(a, b);
  await b.sync();
  const { gap } = record(b, "gap");
  let bad;
  between.onGet = (path, answer) => {
    if (/buckets\/\d+\/batches/.test(path)) bad ??= path;
    if (path === bad) throw new Error("it stalls");
    return answer;
  };
  const failures = () => between.requests.filter((path) => path === bad).length;
  await until(
    "three attempts",
    () => failures() === 3,
    () => b.sync().catch((error) => assert.equal(error.code, "RELAY_UNREACHABLE")),
  );
  await a.send(toB, { text: "stop warfarin" });
  const read = async () => (await b.messages((await b.contacts())[0].id)).some(({ text }) => text === "stop warfarin");
  await syncedUntil([a, b], "what follows", read);
  assert.equal(failures(), 3);
  assert.equal(gap.filter(({ kind, closed }) => kind === "batches" && !closed).length, 1, "told once");
  assert.equal((await b.sync()).incomplete, true);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("an aborted sync keeps what it committed and can go on", async () => {
  const [a, b] = [await person("A", relay.url), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  await a.send(toB, { text: "one" });
  const controller = new AbortController();
  const cut = b.sync({ signal: controller.signal, onProgress: () => controller.abort() });
  await cut.then(
    () => {},
    (error) => assert.equal(error.code, "ABORTED"),
  );
  await syncedUntil([a, b], "the message", async () => (await b.messages(toA)).length === 1);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("a mailbox that cannot be read holds up neither the slots nor the other mailbox", async () => {
  const between = meddler(relay.url);
  const [a, b] = [await person("A", between), await person("B", relay.url)];
  const [toB, toA] = await enrol(a, b);
  const events = record(a, "stopped");
  const own = /\/buckets\/\d+\/index/;
  between.onGet = (path, answer) => {
    if (own.test(path)) throw new TesseraError("RELAY_BUSY", "not now", { retryAfter: 2 ** 31 });
    return answer;
  };
  await a.start();
  await a.send(toB, { text: "hello" });
  await until(
    "the message",
    async () => (await b.messages(toA)).length === 1,
    () => b.sync(),
  );
  const refusals = between.requests.filter((path) => own.test(path)).length;
  await until("the lobby to be read", () => between.requests.some((path) => path.includes("lobby")));
  assert.ok(refusals >= 1, between.requests.join("\n"));
  assert.deepEqual(events.stopped, []);
  await Promise.all([a.dispose(), b.dispose()]);
});

test("clocks that differ are reported once, and that they agree again", async () => {
  const between = meddler(relay.url);
  const a = await person("A", between);
  const events = record(a, "clockSkew");
  let ahead = 172_800;
  between.onGet = (path, answer) => {
    if (path !== "/v1/info") return answer;
    const info = JSON.parse(new TextDecoder().decode(answer));
    return utf8(JSON.stringify({ ...info, time: info.time + ahead }));
  };
  await a.sync();
  await a.sync();
  ahead = 0;
  await a.sync();
  await a.sync();
  assert.deepEqual(
    events.clockSkew.map(({ code }) => code),
    ["CLOCK_SKEW", undefined],
  );
  assert.ok(Math.abs(events.clockSkew[0].seconds - 172_800) < 60);
  assert.ok(Math.abs(events.clockSkew[1].seconds) < 60);
  await a.dispose();
});

test("a clock that is set right while the loop runs does not stop it", async () => {
  const between = meddler(relay.url);
  const real = Date.now;
  Date.now = () => real() + 2 * 86_400_000;
  const a = await person("A", between);
  try {
    await a.start();
    await until("a look while the clock is ahead", () => between.requests.some((path) => path.includes("index")));
  } finally {
    Date.now = real;
  }
  const before = between.requests.length;
  await until("more looks", () => between.requests.length > before + 3);
  await a.dispose();
});

test("a relay that answers and publishes nothing is reported as stalled, once, and as well again", async () => {
  const between = meddler(relay.url);
  const a = await person("A", between);
  const events = record(a, "stalled");
  await a.sync();
  const kept = new Map();
  let ahead = 0;
  between.onGet = (path, answer) => {
    if (path === "/v1/info") {
      const info = JSON.parse(new TextDecoder().decode(answer));
      return utf8(JSON.stringify({ ...info, time: info.time + ahead }));
    }
    if (ahead === 0 || !path.includes("index")) return answer;
    if (!kept.has(path)) kept.set(path, answer);
    return kept.get(path);
  };
  ahead = 3_600; // an hour passes at the relay
  for (let looks = 0; looks < 4; looks++) await a.sync();
  assert.deepEqual(
    events.stalled.filter(({ mailbox }) => mailbox === "own"),
    [{ mailbox: "own", stalled: true, code: "STALLED" }],
  );
  ahead = 0;
  const recovered = () => events.stalled.some(({ mailbox, stalled }) => mailbox === "own" && !stalled);
  await until("its end", recovered, () => a.sync());
  await a.dispose();
});
