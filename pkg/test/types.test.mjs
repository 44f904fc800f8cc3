import test from "node:test";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { assert } from "./support.mjs";

test("a customer's code meets the types it should", async () => {
  const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const project = fileURLToPath(new URL(".", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", project]).catch((failure) => failure);
  assert.equal(stdout, "");
});
