// When the loop tries again, by a clock that the test moves: the network is back, the page comes into view, the clock is set.

import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { servePackage } from "./support/package-page.mjs";
import { packageProfile } from "./support/package-profile.mjs";
import { until } from "../node/until.mjs";

/** Failures after which an attempt waits for half a minute at least: 3.75 s, doubled each time up to a minute, less up to half. */
const FAILURES = 6;
const SHORTEST_WAIT_MS = 30_000;
const LONGEST_WAIT_MS = 60_000;

let browser, site, own, page;
before(async () => {
  [browser, site] = await Promise.all([launch(), servePackage()]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** A portal whose relay does not answer, in a page whose time stands still; it has failed so often that it waits long. */
beforeEach(async () => {
  own = await packageProfile(browser, site.url);
  page = await own.page();
  await page.clock.install();
  await page.evaluate(async () => {
    const { Portal, memoryStore } = await import("tessera-portal");
    window.requests = 0;
    const fail = async () => {
      window.requests += 1;
      throw new TypeError("no network");
    };
    const relay = { url: "https://relay.example", get: fail, post: fail };
    window.portal = await Portal.open({ relay, store: memoryStore(), passphrase: "a", name: "Ana", create: true });
    await window.portal.start();
  });
  await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000));
  await until(
    "failures",
    async () => (await requests()) >= FAILURES,
    () => page.clock.runFor(1000),
  );
});
afterEach(async () => {
  await page.evaluate(() => window.portal.dispose());
  await own.close();
});

/** Requests so far, once what is under way is done. */
async function requests() {
  return page.evaluate(async () => {
    for (let step = 0; step < 3; step++) await window.portal.me();
    return window.requests;
  });
}

/** Time passes; gives how many requests were made meanwhile. */
async function passing(ms) {
  const before = await requests();
  await page.clock.runFor(ms);
  return (await requests()) - before;
}

const dispatch = (target, type) =>
  page.evaluate(([target, type]) => globalThis[target].dispatchEvent(new Event(type)), [target, type]);
const becomes = (state) =>
  page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);

test("a network that is back is tried within a second, and otherwise nothing is", async () => {
  assert.equal(await passing(1_500), 0, "it waits");
  await dispatch("window", "online");
  await page.clock.runFor(1_100);
  await until("a request", async () => (await requests()) > FAILURES);
});

test("a page that comes into view tries within a second, and one that is hidden does not", async () => {
  await becomes("hidden");
  await dispatch("window", "online");
  assert.equal(await passing(1_500), 0, "nobody looks at it");
  await becomes("visible");
  await page.clock.runFor(1_100);
  await until("a request", async () => (await requests()) > FAILURES);
});

test("a clock that is set back by a day delays nothing", async () => {
  const before = await page.evaluate(() => [Date.now(), performance.now()]);
  await page.clock.setSystemTime(before[0] - 86_400_000);
  const set = await page.evaluate(() => [Date.now(), performance.now()]);
  assert.ok(set[0] < before[0] && set[1] >= before[1], "the clock was set back, the monotonic one was not");
  assert.equal(await passing(SHORTEST_WAIT_MS / 2), 0, "it waits as before");
  await page.clock.runFor(LONGEST_WAIT_MS);
  await until("a request", async () => (await requests()) > FAILURES);
});
