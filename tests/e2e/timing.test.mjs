// What the network sees of a portal that reads mail: the time from the last byte of a batch to the next request must not tell a
// batch with mail from one without, in Chromium, on IndexedDB, with the real package and relay.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, newProfile } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { DEPLOYED, startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

/** Batches of each kind that are compared, and messages in one with mail. */
const BATCHES = 30;
const MAIL = 6;
/** An observer that tells the two apart no better than this learns nothing worth having. */
const MOST = 0.55;

let browser, site, relay;
before(async () => {
  [browser, site, relay] = await Promise.all([
    launch(),
    servePackage(),
    startRelay({ ...DEPLOYED, buckets: 1, "cells-per-bucket": 8, epoch: "2s", "lobby-epoch": "2s" }),
  ]);
});
after(async () => {
  await browser?.close();
  await Promise.all([site?.stop(), relay?.end()]);
});

async function person(name) {
  const page = await (await newProfile(browser)).newPage();
  await page.goto(site.url);
  await page.evaluate(
    async ([relay, name]) => {
      const { Portal, indexedDbStore } = await import("tessera-portal");
      window.portal = await Portal.open({
        relay,
        store: indexedDbStore("portal"),
        passphrase: "correct horse battery staple",
        name,
        create: true,
      });
    },
    [relay.url, name],
  );
  return page;
}

async function enrol(inviter, acceptor) {
  const uri = await inviter.evaluate(async () => (await window.portal.invite({ kind: "link" })).uri);
  await acceptor.evaluate((uri) => window.portal.accept(uri).then(() => {}), uri);
  const sync = async () => {
    for (const page of [inviter, acceptor])
      await page.evaluate(() => window.portal.sync({ flush: true }).then(() => {}));
  };
  for (const page of [inviter, acceptor]) {
    await until("digits", () => page.evaluate(async () => (await window.portal.contacts())[0]?.sas), sync);
    await page.evaluate(async () => window.portal.confirmSas((await window.portal.contacts())[0].id));
  }
  await until(
    "the conversation to be open",
    () => inviter.evaluate(async () => (await window.portal.contacts())[0].state === "active"),
    sync,
  );
}

/** Chance that a value of `yes` is above one of `no`, and the half-width of its 95 % interval (Hanley and McNeil). */
function auc(yes, no) {
  let above = 0;
  for (const y of yes) for (const n of no) above += y > n ? 1 : y === n ? 0.5 : 0;
  const a = above / (yes.length * no.length);
  const [q1, q2] = [a / (2 - a), (2 * a * a) / (1 + a)];
  const variance = a * (1 - a) + (yes.length - 1) * (q1 - a * a) + (no.length - 1) * (q2 - a * a);
  return { auc: a, half: 1.96 * Math.sqrt(variance / (yes.length * no.length)) };
}

/** The lower end of the interval, whichever way the two differ. */
function lower(yes, no) {
  const { auc: a, half } = auc(yes, no);
  return Math.max(a, 1 - a) - half;
}

test("the comparison finds a difference of the size that opening mail makes", () => {
  const spread = (from) => Array.from({ length: BATCHES }, (_, n) => from + ((n * 37) % BATCHES));
  assert.ok(lower(spread(20), spread(0)) > MOST);
  assert.ok(lower(spread(0), spread(20)) > MOST);
  assert.ok(lower(spread(0), spread(1)) < MOST);
});

test("the time between requests does not tell a batch with mail from one without", async () => {
  const [reader, writer] = [await person("Ana Gómez"), await person("Dr. Rivera")];
  await enrol(reader, writer);
  await reader.evaluate(async () => {
    performance.setResourceTimingBufferSize(100_000);
    window.read = [];
    window.portal.addEventListener("message", () => window.read.push(performance.now()));
    await window.portal.start();
  });
  /** Each batch of the own bucket: how long after its last byte the next request began, and whether mail was read from it. */
  const batches = () =>
    reader.evaluate(() => {
      const requests = performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.includes("/v1/"))
        .map(({ name, startTime, responseEnd }) => ({ name, startTime, responseEnd }))
        .sort((a, b) => a.startTime - b.startTime);
      const own = requests.filter(({ name }) => /\/buckets\/0\/batches\//.test(name));
      return own.slice(0, -1).flatMap(({ responseEnd }, n) => {
        const next = requests.find(({ startTime }) => startTime >= responseEnd);
        const mail = window.read.some((time) => time >= responseEnd && time < own[n + 1].responseEnd);
        return next === undefined ? [] : [{ gap: next.startTime - responseEnd, mail }];
      });
    });
  const kinds = { yes: [], no: [] };
  let [seen, wanted] = [0, true];
  for (let round = 0; kinds.yes.length < BATCHES || kinds.no.length < BATCHES; round++) {
    assert.ok(round < 6 * BATCHES, `too few batches of a kind: ${kinds.yes.length} and ${kinds.no.length}`);
    // Every other batch has mail, and the writer rests while the reader looks at what it wrote.
    if (wanted) {
      await writer.evaluate(async (count) => {
        const [{ id }] = await window.portal.contacts();
        for (let n = 0; n < count; n++) await window.portal.send(id, { text: `number ${n}` });
        await window.portal.sync({ flush: true });
      }, MAIL);
    }
    wanted = !wanted;
    const all = await until("the next batch", async () => {
      const all = await batches();
      return all.length > seen && all;
    });
    seen = all.length;
    kinds.yes = all.filter(({ mail }) => mail).map(({ gap }) => gap);
    kinds.no = all.filter(({ mail }) => !mail).map(({ gap }) => gap);
  }
  const found = auc(kinds.yes, kinds.no);
  console.log(
    `AUC ${found.auc.toFixed(3)} ± ${found.half.toFixed(3)}, ${kinds.yes.length} and ${kinds.no.length} batches`,
  );
  assert.ok(lower(kinds.yes, kinds.no) < MOST, JSON.stringify({ found, kinds }));
});
