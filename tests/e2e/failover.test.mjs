// Two real relays in a federation. The one that everybody uses is killed: messages go on through the other, posts after two
// epochs, and no page says anything alarming.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { until } from "../node/until.mjs";
import { launch } from "./support/browser.mjs";
import { connected, incoming, outgoing, write } from "./support/hospital.mjs";

const BINARY =
  process.env.TESSERA_RELAY ?? fileURLToPath(new URL("../../target/release/tessera-relay", import.meta.url));
const PORTAL = fileURLToPath(new URL("../../www/dist", import.meta.url));

let browser, cluster;
before(async () => {
  browser = await launch();
  cluster = await startCluster();
});
after(async () => {
  await browser?.close();
  await cluster?.end();
});

/** A port that is free, as are those beside it that the cluster uses. */
async function freePort() {
  for (let port = 20_000 + (process.pid % 20_000); ; port += 200) {
    const isFree = async (each) => {
      const server = createServer();
      const listening = await new Promise((resolve) => {
        server.once("error", () => resolve(false)).listen(each, "127.0.0.1", () => resolve(true));
      });
      await new Promise((resolve) => server.close(resolve));
      return listening;
    };
    const used = [port, port + 1, port + 50, port + 100, port + 101];
    if ((await Promise.all(used.map(isFree))).every(Boolean)) return port;
  }
}

async function startCluster() {
  const dir = await mkdtemp(join(tmpdir(), "tessera-cluster-"));
  const port = await freePort();
  const flags = ["--nodes=2", "--publishers=2", "--epoch=3s", `--port=${port}`, `--dir=${dir}`, `--portal=${PORTAL}`];
  const serve = ["--buckets=2", "--cover=fixed", "--cover-cells=4", "--log=error"];
  const child = spawn(BINARY, ["cluster", ...flags, "--", ...serve], { stdio: ["pipe", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const answers = async (node) =>
    (await fetch(`http://127.0.0.1:${port + node}/readyz`).catch(() => undefined))?.ok === true;
  const order = async (what, node) => {
    const ordered = spawn(BINARY, ["cluster", what, String(node), `--dir=${dir}`], { stdio: "inherit" });
    assert.equal(await new Promise((resolve) => ordered.once("exit", resolve)), 0);
    await until(`node ${node} after ${what}`, async () => (await answers(node)) === (what === "start"));
  };
  await until("both relays", async () => (await answers(0)) && (await answers(1)));
  return {
    url: `http://127.0.0.1:${port}`,
    kill: (node) => order("kill", node),
    start: (node) => order("start", node),
    async end() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

test("messages go on while the relay is dead, and when it is back", { timeout: 300_000 }, async () => {
  const { desk, phone } = await connected(browser, cluster);
  const pages = [desk.page, phone.page];
  for (const page of pages) await page.evaluate(watchBanners);
  await write(desk.page, "Before.");
  await incoming(phone.page).filter({ hasText: "Before." }).waitFor();
  await write(phone.page, "Also before.");
  await incoming(desk.page).filter({ hasText: "Also before." }).waitFor();

  await cluster.kill(0);
  for (const [from, to] of [[desk.page, phone.page], pages.toReversed()]) {
    const text = from === desk.page ? "Take it with meals." : "I will.";
    await write(from, text);
    await incoming(to).filter({ hasText: text }).waitFor({ timeout: 90_000 });
  }
  assert.deepEqual(await Promise.all(pages.map((page) => page.evaluate(() => window.banners))), [[], []]);

  await cluster.start(0);
  await write(desk.page, "And after.");
  await incoming(phone.page).filter({ hasText: "And after." }).waitFor({ timeout: 90_000 });
  await outgoing(desk.page, "delivered").filter({ hasText: "And after." }).waitFor({ timeout: 90_000 });
  assert.deepEqual(await Promise.all(pages.map((page) => page.evaluate(() => window.banners))), [[], []]);
  for (const [page, texts] of [
    [phone.page, ["Before.", "Take it with meals.", "And after."]],
    [desk.page, ["Also before.", "I will."]],
  ]) {
    const shown = await incoming(page).allTextContents();
    for (const text of texts) assert.equal(shown.filter((each) => each.includes(text)).length, 1, text);
  }
  await Promise.all([desk.close(), phone.close()]);
});

/** In the page: notes every warning that is ever shown. That a browser may clear its storage is not about relays. */
function watchBanners() {
  window.banners = [];
  const root = document.querySelector("tessera-portal").shadowRoot;
  const note = () => {
    for (const { dataset } of root.querySelectorAll('[data-testid="notice"]')) {
      if (dataset.code !== "NOT_KEPT" && !window.banners.includes(dataset.code)) window.banners.push(dataset.code);
    }
  };
  new MutationObserver(note).observe(root, { childList: true, subtree: true });
  note();
}
