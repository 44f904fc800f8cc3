import test, { after, before } from "node:test";
import { enrol, meddler, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { assert } from "./support.mjs";

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
  assert.equal(bodies[0].length / 2, 4 * (4 + 2048));
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
