// The protocol's vectors in a browser: the core as compiled for it, with the same reader as natively.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, newProfile } from "./support/browser.mjs";
import { serveSites } from "./support/sites.mjs";

const COMMITTED = fileURLToPath(new URL("../vectors", import.meta.url));
/** From the root of the checkout, as natively. */
const FOLDER = resolve(fileURLToPath(new URL("../..", import.meta.url)), process.env.TESSERA_VECTORS || COMMITTED);
const MODULE = new URL("../../target/conformance/", import.meta.url);
const SITE = "https://vectors.example";

describe("the vectors", async () => {
  let browser, page;
  before(async () => {
    browser = await launch();
    const profile = await newProfile(browser);
    await serveSites(profile, { [SITE]: { "/": "<!doctype html><title>Vectors</title>", "/module/": MODULE } });
    page = await profile.newPage();
    await page.goto(SITE);
    await page.evaluate(async () => {
      window.core = await import("/module/conformance.js");
      await window.core.default({ module_or_path: "/module/conformance.wasm" });
    });
  });
  after(() => browser?.close());

  const run = (name, text) => page.evaluate(([name, text]) => [...window.core.runFile(name, text)], [name, text]);

  for (const name of (await readdir(FOLDER)).toSorted())
    test(name, async (context) => {
      const [valid, invalid] = await run(name, await readFile(join(FOLDER, name), "utf8"));
      assert.ok(valid + invalid > 0);
      context.diagnostic(`${valid} valid, ${invalid} invalid`);
    });

  test("a value that differs is named", async () => {
    const text = await readFile(join(COMMITTED, "identity.json"), "utf8");
    await assert.rejects(
      run("identity.json", text.replace('"16": ', '"16": 1')),
      /identity\.json case \d+ .*: another /,
    );
  });
});
