// A native client that enrols normally and then sends forgeries (`cargo run --example adversary -- <invitation>`).
// It writes one JSON object per line: {"name":…,"digits":…} once enrolled, {"sent":…} once the relay took its cells;
// it reads one command per line: `forged <text>` or `honest <text>`.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY =
  process.env.TESSERA_ADVERSARY ??
  fileURLToPath(new URL("../../../target/release/examples/adversary", import.meta.url));

export class Adversary {
  #child;
  #lines;
  #enrolled = null;

  static async start(invitation) {
    if (!existsSync(BINARY)) throw new Error(`not built: ${BINARY}`);
    const adversary = new Adversary();
    adversary.#child = spawn(BINARY, [invitation], { stdio: ["pipe", "pipe", "inherit"] });
    adversary.#lines = createInterface({ input: adversary.#child.stdout })[Symbol.asyncIterator]();
    return adversary;
  }

  async name() {
    return (await this.#enrolment()).name;
  }

  async digits() {
    return (await this.#enrolment()).digits;
  }

  async send(how, text) {
    this.#child.stdin.write(`${how} ${text}\n`);
    const { sent } = await this.#next();
    if (sent !== how) throw new Error(`expected word of a ${how} delivery, got ${sent}`);
  }

  stop() {
    this.#child.kill();
  }

  async #enrolment() {
    this.#enrolled ??= this.#next();
    return this.#enrolled;
  }

  async #next() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the adversary ended");
    return JSON.parse(value);
  }
}
