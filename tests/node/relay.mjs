// Starts the real relay for tests in Node.js: the binary that `cargo xtask build` makes, on a free port of this
// machine, with its own store in a temporary folder.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "./until.mjs";

const BINARY =
  process.env.TESSERA_RELAY ?? fileURLToPath(new URL("../../target/release/tessera-relay", import.meta.url));

/**
 * Epochs short enough to wait for, and little cover; pages of the tests come from ports of their own. A later flag
 * replaces an earlier one.
 */
const DEFAULTS = {
  log: "error",
  epoch: "1s",
  "lobby-epoch": "1s",
  cover: "fixed",
  "cover-cells": 4,
  "allow-origin": "*",
};

/**
 * Starts a relay with a fresh store. `flags` are those of `tessera-relay serve`, without the dashes; `undefined`
 * removes a default.
 */
export async function startRelay(flags = {}) {
  if (!existsSync(BINARY)) throw new Error(`no relay at ${BINARY}: run cargo xtask build, or set TESSERA_RELAY`);
  const relay = new Relay(await mkdtemp(join(tmpdir(), "tessera-relay-")), { ...DEFAULTS, ...flags });
  try {
    await relay.up();
  } catch (error) {
    await relay.end();
    throw error;
  }
  return relay;
}

class Relay {
  #folder;
  #flags;
  #child = null;
  /** The first start chooses a free port; later ones use the same. */
  #port = 0;

  constructor(folder, flags) {
    this.#folder = folder;
    this.#flags = flags;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts the relay on its store, and waits until it listens. `changes` are flags that an operator has changed meanwhile. */
  async up(changes = {}) {
    this.#flags = { ...this.#flags, ...changes };
    const flags = { ...this.#flags, port: this.#port, storage: `sqlite://${join(this.#folder, "relay.db")}` };
    const given = Object.entries(flags).filter(([, value]) => value !== undefined);
    const child = spawn(BINARY, ["serve", ...given.flatMap(([name, value]) => [`--${name}`, String(value)])], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, port] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (port === undefined) continue;
      this.#port = Number(port);
      return;
    }
    throw new Error("the relay exited before it listened");
  }

  /** Waits until the numbered buckets have published `count` more epochs. */
  async epochs(count) {
    const newest = async () => {
      const { batches } = await (await fetch(`${this.url}/v1/buckets/0/index`, { cache: "no-store" })).json();
      return Math.max(0, ...batches.map(({ epoch }) => epoch));
    };
    const start = await newest();
    await until(`${count} epochs`, async () => (await newest()) >= start + count);
  }

  /** Stops the relay as an operator does: it drains first. */
  down() {
    return this.#end("SIGTERM");
  }

  /** Stops the relay as a power cut does. */
  kill() {
    return this.#end("SIGKILL");
  }

  /** Stops the relay and removes its store. */
  async end() {
    await this.down();
    await rm(this.#folder, { recursive: true });
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
