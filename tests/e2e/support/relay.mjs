// Starts the real relay binary on a free port with a store of its own, and can end it as hard as a power cut.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BINARY = process.env.TESSERA_RELAY ?? join(ROOT, "target/release/tessera-relay");
const PORTAL = join(ROOT, "www/dist");

export class Relay {
  #child = null;
  #errors = "";

  constructor(directory, port, epoch) {
    this.directory = directory;
    this.port = port;
    this.epoch = epoch;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** A relay with a fresh store; `epoch` as the command line takes it, for buckets and lobby alike. */
  static async start({ epoch = "1s" } = {}) {
    const relay = new Relay(await mkdtemp(join(tmpdir(), "tessera-e2e-")), await freePort(), epoch);
    await relay.up();
    return relay;
  }

  /** Starts the binary on the store as it is, and waits until it answers. */
  async up() {
    const options = {
      port: this.port,
      storage: `sqlite://${join(this.directory, "relay.db")}`,
      buckets: 4,
      epoch: this.epoch,
      "lobby-epoch": this.epoch,
      "static-dir": PORTAL,
    };
    const child = spawn(
      BINARY,
      ["serve", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.#child = child;
    this.#errors = "";
    child.stderr.on("data", (data) => (this.#errors = (this.#errors + data).slice(-4000)));
    const gone = once(child, "exit").then(([code]) => {
      throw new Error(`the relay ended with ${code}: ${this.#errors}`);
    });
    gone.catch(() => {});
    await Promise.race([answering(this.url), gone]);
  }

  /** Ends it without a chance to tidy up. */
  async kill() {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async stop() {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function answering(url) {
  for (const deadline = Date.now() + 15_000; ; ) {
    try {
      if ((await fetch(`${url}/v1/info`)).ok) return;
    } catch {
      // Not listening yet.
    }
    if (Date.now() > deadline) throw new Error(`no answer from ${url}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
