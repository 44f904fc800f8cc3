// A cluster of relays as `cargo xtask demo --cluster` starts it: people write to each other while some are killed on the control page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { cluster } from "./support/cluster.mjs";

const PORTAL = fileURLToPath(new URL("../../www/dist", import.meta.url));
const BINARY =
  process.env.TESSERA_RELAY ?? fileURLToPath(new URL("../../target/release/tessera-relay", import.meta.url));

const isFree = async (port) => {
  const server = createServer().listen(port, "127.0.0.1");
  const free = await Promise.race([
    once(server, "listening").then(() => true),
    once(server, "error").then(() => false),
  ]);
  if (free) await new Promise((closed) => server.close(closed));
  return free;
};

/** A first port so that those of five relays, of the page, and for the relays' own connections are free. */
async function firstPort() {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = [0, 1, 2, 3, 4, 50, 100, 101, 102, 103, 104].map((more) => first + more);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
}

describe("a cluster of relays", () => {
  let folder, browser, relays, first;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-cluster-"));
    first = await firstPort();
    const own = [
      "cluster",
      "--nodes=5",
      "--publishers=2",
      `--port=${first}`,
      "--epoch=2s",
      `--dir=${join(folder, "c")}`,
    ];
    const each = ["--buckets=1", "--cover=fixed", "--cover-cells=4"];
    relays = spawn(BINARY, [...own, `--portal=${PORTAL}`, "--", ...each], { stdio: ["ignore", "ignore", "inherit"] });
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    if (relays?.exitCode === null) {
      relays.kill("SIGTERM");
      await once(relays, "exit");
    }
    await rm(folder, { recursive: true });
  });

  test("people go on writing while relays are killed and started", async (context) => {
    const local = (at) => `http://127.0.0.1:${at}`;
    const addresses = { relay: (node) => local(first + node), control: `${local(first + 50)}/` };
    await cluster(browser, addresses, (line) => context.diagnostic(line));
    assert.equal(relays.exitCode, null, "the cluster runs");
  });
});
