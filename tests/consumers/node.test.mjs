// The package as npm publishes it, packed and installed into an empty Node.js project.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../pkg/", import.meta.url));
const CONSUMER = fileURLToPath(new URL("./node/", import.meta.url));
const TSC = join(PACKAGE, "node_modules/typescript/bin/tsc");

describe("the packed package", () => {
  let folder, files;

  const run = (program, ...words) => {
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, `${program} ${words.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tessera-consumer-"));
    const [archive] = JSON.parse(run("npm", "pack", "--json", PACKAGE));
    files = archive.files.map((file) => file.path);
    cpSync(CONSUMER, folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", `./${archive.filename}`);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  test("contains what was built and nothing else", () => {
    const strangers = files.filter(
      (file) =>
        !/^(package\.json|README\.md|LICENSE[\w.-]*|dist\/THIRD-PARTY-NOTICES\.txt|dist\/[\w./-]+\.(js|d\.ts|wasm|json))$/.test(
          file,
        ),
    );
    assert.deepEqual(strangers, []);
    for (const license of ["LICENSE-APACHE", "LICENSE-MIT"])
      assert.deepEqual(readFileSync(join(PACKAGE, license)), readFileSync(join(PACKAGE, "..", license)), license);
    for (const file of [
      "LICENSE-APACHE",
      "LICENSE-MIT",
      "dist/THIRD-PARTY-NOTICES.txt",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/core/core.js",
      "dist/core/core.wasm",
    ])
      assert.ok(files.includes(file), file);
  });

  test("does nothing when imported, and leaves nothing running", () => {
    const script = `
      await import("tessera-portal");
      setTimeout(() => { console.log("still running"); process.exit(); }, 1000).unref();
      process.on("exit", () => console.log("exits"));`;
    assert.equal(run("node", "--input-type=module", "-e", script).trim(), "exits");
  });

  test("proves, verifies, seals and opens", () => {
    const found = JSON.parse(run("node", "main.mjs"));
    assert.deepEqual(found, {
      verified: true,
      forged: false,
      opened: "HbA1c 6.1 %",
      wrongKey: "NOT_AUTHENTIC",
      early: "NOT_INITIALIZED",
    });
  });

  test("has a command that verifies an exported audit log", () => {
    const owner = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";
    writeFileSync(join(folder, "empty.ndjson"), `{"tessera_audit":1,"owner":"${owner}"}\n`);
    const found = JSON.parse(run(join(folder, "node_modules/.bin/tessera-audit-verify"), "empty.ndjson", "--json"));
    assert.deepEqual(found, { valid: true, owner, entries: 0, signed: null, anchoredAt: null });
  });

  test("states the hash of the module it ships", () => {
    const { resolve } = createRequire(join(folder, "package.json"));
    const stated = JSON.parse(readFileSync(resolve("tessera-portal/integrity.json"), "utf8"));
    const module = readFileSync(resolve("tessera-portal/core.wasm"));
    assert.equal(stated["core.wasm"], `sha384-${createHash("sha384").update(module).digest("base64")}`);
  });

  for (const [module, resolution] of [
    ["NodeNext", "NodeNext"],
    ["ESNext", "Bundler"],
  ]) {
    test(`has types for moduleResolution ${resolution}, strict and without skipLibCheck`, () => {
      const options = [
        "--noEmit",
        "--strict",
        "--exactOptionalPropertyTypes",
        "--target",
        "ES2022",
        "--lib",
        "ES2022,ESNext.Disposable,DOM,DOM.Iterable",
      ];
      run("node", TSC, ...options, "--module", module, "--moduleResolution", resolution, "main.ts");
    });
  }
});
