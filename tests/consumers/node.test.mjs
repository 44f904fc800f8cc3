// The package as npm publishes it, packed and installed into an empty Node.js project.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { startRelay } from "../node/relay.mjs";
import { EXPECTED } from "./fixtures/converse.js";
import { PACKAGE, archive, project } from "./lib/project.mjs";

const CONSUMER = new URL("./node/", import.meta.url);
const TSC = join(PACKAGE, "node_modules/typescript/bin/tsc");

describe("the packed package, in Node.js", () => {
  let consumer, folder, files, relay;

  const run = (...words) => consumer.run(...words);

  before(async () => {
    relay = await startRelay();
    files = (await archive()).files;
    const sources = readdirSync(CONSUMER).map((name) => [name, readFileSync(new URL(name, CONSUMER), "utf8")]);
    consumer = await project({ files: { "converse.js": null, ...Object.fromEntries(sources) } });
    folder = consumer.folder;
  });

  after(async () => {
    await relay?.end();
    consumer?.remove();
  });

  test("contains what was built and nothing else", () => {
    const strangers = files.filter(
      (file) =>
        !/^(package\.json|CHANGELOG\.md|README\.md|LICENSE[\w.-]*|dist\/THIRD-PARTY-NOTICES\.txt|dist\/[\w./-]+\.(js|js\.map|d\.ts|wasm|json))$/.test(
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
      "CHANGELOG.md",
      "README.md",
      "dist/index.js.map",
      "dist/integrity.json",
      "dist/core/core.js",
      "dist/core/core.wasm",
      "dist/core/core-first.wasm",
      "dist/core/core-rest.wasm",
      "dist/core/sdk.wasm",
    ])
      assert.ok(files.includes(file), file);
  });

  test("does nothing when imported, and leaves nothing running", async () => {
    const script = `
      for (const entry of ["", "/sdk", "/node", "/testing", "/worker", "/fhir", "/smart", "/scanner"]) await import("tessera-portal" + entry);
      setTimeout(() => { console.log("still running"); process.exit(); }, 1000).unref();
      process.on("exit", () => console.log("exits"));`;
    assert.equal((await run("node", "--input-type=module", "-e", script)).trim(), "exits");
  });

  test("proves, verifies, seals and opens", async () => {
    const found = JSON.parse(await run("node", "main.mjs"));
    assert.deepEqual(found, {
      verified: true,
      forged: false,
      opened: "HbA1c 6.1 %",
      wrongKey: "NOT_AUTHENTIC",
      early: "NOT_INITIALIZED",
    });
  });

  test("has a command that verifies an exported audit log", async () => {
    const owner = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";
    writeFileSync(join(folder, "empty.ndjson"), `{"tessera_audit":1,"owner":"${owner}"}\n`);
    const found = JSON.parse(await run("tessera-audit-verify", "empty.ndjson", "--json"));
    assert.deepEqual(found, { valid: true, owner, entries: 0, signed: null, anchoredAt: null });
  });

  test("states the hashes of the modules it ships", () => {
    const { resolve } = createRequire(join(folder, "package.json"));
    const stated = JSON.parse(readFileSync(resolve("tessera-portal/integrity.json"), "utf8"));
    for (const name of ["core.wasm", "core-first.wasm", "core-rest.wasm", "sdk.wasm"]) {
      const module = readFileSync(resolve(`tessera-portal/${name}`));
      assert.equal(stated[name], `sha384-${createHash("sha384").update(module).digest("base64")}`);
    }
  });

  for (const [how, script] of [
    ["import", 'import("tessera-portal")'],
    ["require", 'Promise.resolve(require("tessera-portal"))'],
    ["inline", 'import("tessera-portal/inline")'],
  ])
    test(`two people meet, by ${how}`, async () => {
      const source = `
        ${script}.then(async ({ Portal, memoryStore }) => {
          const { converse } = await import("./converse.js");
          console.log(await converse({ open: (options) => Portal.open(options), memoryStore }, "${relay.url}"));
        });`;
      writeFileSync(join(folder, `${how}.cjs`), source);
      assert.equal((await run("node", `${how}.cjs`)).trim(), EXPECTED);
    });

  for (const [module, resolution] of [
    ["NodeNext", "NodeNext"],
    ["Node16", "Node16"],
    ["ESNext", "Bundler"],
  ]) {
    test(`has types for moduleResolution ${resolution}, strict and without skipLibCheck`, async () => {
      const options = [
        "--noEmit",
        "--strict",
        "--exactOptionalPropertyTypes",
        "--target",
        "ES2022",
        "--lib",
        "ES2022,ESNext.Disposable,DOM,DOM.Iterable",
      ];
      await run("node", TSC, ...options, "--module", module, "--moduleResolution", resolution, "main.ts");
    });
  }
});
