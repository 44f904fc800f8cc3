/** A real relay for tests: the binary that `cargo xtask build` makes, with short epochs. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env.TESSERA_RELAY ?? fileURLToPath(new URL("../../target/release/tessera-relay", import.meta.url));

/** Starts a relay; `down()` and `up()` stop and restart it on the same port and store. */
export async function startRelay(flags = []) {
  if (!existsSync(BINARY)) throw new Error(`no relay at ${BINARY}: cargo xtask build, or set TESSERA_RELAY`);
  const folder = await mkdtemp(join(tmpdir(), "tessera-relay-"));
  let port = 0;
  let child;

  async function up() {
    const storage = `sqlite://${join(folder, "relay.db")}`;
    child = spawn(
      BINARY,
      [
        "--log",
        "error",
        "serve",
        "--port",
        String(port),
        "--storage",
        storage,
        "--epoch",
        "1s",
        "--lobby-epoch",
        "1s",
        "--cover",
        "fixed",
        "--cover-cells",
        "4",
        ...flags,
      ],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /http:\/\/[\d.]+:(\d+)/.exec(line);
      if (url === null) continue;
      port = Number(url[1]);
      return url[0];
    }
    throw new Error("the relay ended before it listened");
  }

  async function down() {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }

  const url = await up();
  return {
    url: new URL(url),
    up,
    down,
    async end() {
      await down();
      await rm(folder, { recursive: true });
    },
  };
}
