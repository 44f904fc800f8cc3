// The examples, run from the packed archive with a real relay.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { startRelay } from "../node/relay.mjs";
import { launch, serve } from "./lib/browser.mjs";
import { project } from "./lib/project.mjs";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const example = (path) => readFileSync(new URL(path, EXAMPLES), "utf8");

let consumer, relay, browser, site;
before(async () => {
  relay = await startRelay();
  browser = await launch();
  consumer = await project({
    dependencies: { react: "^19.0.0", "react-dom": "^19.0.0" },
    files: {
      "page/main.js": example("page/main.js"),
      "react/main.jsx": example("react/main.jsx"),
      "laboratory.mjs": example("laboratory/laboratory.mjs"),
      "store.mjs": example("host-store/store.mjs"),
      "site/page.html": example("page/index.html"),
      "site/react.html":
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>React</title><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="react.js"></script></html>',
    },
  });
  cpSync(
    join(consumer.folder, "node_modules/tessera-portal/dist/core/core.wasm"),
    join(consumer.folder, "site/core.wasm"),
  );
  for (const [script, bundled] of [
    ["page/main.js", "main.js"],
    ["react/main.jsx", "react.js"],
  ])
    await build({
      entryPoints: [join(consumer.folder, script)],
      outfile: join(consumer.folder, "site", bundled),
      bundle: true,
      format: "esm",
      jsx: "automatic",
      logLevel: "error",
    });
  // esbuild does not copy the module: it is where `new URL("../core/core.wasm", import.meta.url)` leads.
  cpSync(
    join(consumer.folder, "node_modules/tessera-portal/dist/core/core.wasm"),
    join(consumer.folder, "site/core/core.wasm"),
  );
  site = await serve(join(consumer.folder, "site"));
});
after(async () => {
  await browser?.close();
  site?.stop();
  await relay?.end();
  consumer?.remove();
});

for (const [name, opened] of [
  ["page", "#invite"],
  ["react", "text=Nobody here yet."],
])
  test(`${name}: creates a vault, and unlocks it after the page is loaded again`, async () => {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(120_000);
    const unlock = async (who, passphrase) => {
      await page.goto(`${site.url}/${name}.html?relay=${relay.url}`);
      await page.fill("[name=name]", who);
      await page.fill("[name=passphrase]", passphrase);
      await page.click("form >> text=Open");
    };
    await unlock("Dr. Rivera", "a passphrase");
    await page.waitForSelector(opened);
    if (name === "page") {
      await page.click("#invite");
      await page.waitForSelector("#code svg");
    }
    await unlock("", "another passphrase");
    await page.waitForSelector(name === "page" ? "text=This passphrase does not open" : "text=WRONG_PASSPHRASE");
    await unlock("", "a passphrase");
    await page.waitForSelector(opened);
    await page.context().close();
  });

test("README: the example that runs", async () => {
  const readme = readFileSync(new URL("../../pkg/README.md", import.meta.url), "utf8");
  const [, script] = /## An example that runs[\s\S]*?```js\n([\s\S]*?)```/.exec(readme);
  writeFileSync(join(consumer.folder, "example.mjs"), script);
  assert.equal((await consumer.run("node", "example.mjs")).trim(), "verified: Continue metformin 500 mg BID");
});

test("README: has every event and every entry", () => {
  const readme = readFileSync(new URL("../../pkg/README.md", import.meta.url), "utf8");
  const events = readFileSync(new URL("../../pkg/src/portal/events.ts", import.meta.url), "utf8");
  const [, table] = /interface PortalEvents \{([\s\S]*?)\n\}/.exec(events);
  const names = [...table.matchAll(/^ {2}(\w+): CustomEvent/gm)].map(([, name]) => name);
  assert.ok(names.length > 10);
  assert.deepEqual(
    names.filter((name) => !readme.includes(`\`${name}\``)),
    [],
  );
  const { exports } = JSON.parse(readFileSync(new URL("../../pkg/package.json", import.meta.url), "utf8"));
  const entries = Object.keys(exports).map((entry) => entry.slice(1));
  assert.deepEqual(
    entries.filter((entry) => !["/worker-host", "/package.json"].includes(entry) && !readme.includes(`${entry}\``)),
    [],
  );
});

test("laboratory: accepts an invitation and sends a result", async () => {
  const result = JSON.stringify({ resourceType: "Observation", status: "final", code: { text: "HbA1c" } });
  writeFileSync(join(consumer.folder, "result.json"), result);
  writeFileSync(
    join(consumer.folder, "clinic.mjs"),
    `import { execFile } from "node:child_process";
     import { promisify } from "node:util";
     import { Portal, memoryStore } from "tessera-portal";
     const relay = process.env.RELAY;
     const laboratory = async (...words) => {
       const { stdout } = await promisify(execFile)(process.execPath, ["laboratory.mjs", ...words, "--relay", relay, "--store", "laboratory"]);
       return stdout.trim();
     };
     const clinic = await Portal.open({ relay, store: memoryStore(), passphrase: "clinic", name: "Clinic", create: true });
     await clinic.start();
     const fingerprint = await laboratory("identity");
     const { id, uri } = await clinic.invite({ kind: "link" });
     await clinic.expectIdentity(id, Uint8Array.from(Buffer.from(fingerprint, "hex")));
     const arrived = new Promise((resolve) => clinic.addEventListener("message", ({ detail }) => resolve(detail)));
     const accepted = await laboratory("accept", uri);
     const sent = await laboratory("send", "result.json");
     const { attachments: [file], state } = await arrived;
     console.log(JSON.stringify({ accepted, sent, state, filename: file.filename, text: new TextDecoder().decode(await file.body()) }));
     await clinic.dispose();`,
  );
  const words = [`RELAY=${relay.url}`, "TESSERA_PASSPHRASE=a laboratory's", "node", "clinic.mjs"];
  const found = JSON.parse((await consumer.run("env", ...words)).trim().split("\n").at(-1));
  assert.deepEqual(found, {
    accepted: "accepted",
    sent: "sent",
    state: "verified",
    filename: "result.json",
    text: result,
  });
});

test("host store: keeps the contract of stores over a server", async () => {
  writeFileSync(
    join(consumer.folder, "contract.mjs"),
    `import { storeContract } from "tessera-portal/testing";
     import { hostStore } from "./store.mjs";
     for (const [at, { title, run }] of storeContract.entries()) {
       const request = async (call, words) =>
         (await fetch(process.env.SERVER + "/" + at + "/" + call, { method: "POST", body: JSON.stringify(words) })).json();
       await run(() => hostStore(request)).catch((error) => console.log(title + ": " + error.message));
     }
     console.log("done");`,
  );
  const { hostRecords } = await import(join(consumer.folder, "store.mjs"));
  const people = new Map();
  const server = createServer(async (request, response) => {
    const [, person, call] = request.url.split("/");
    let body = "";
    for await (const piece of request) body += piece;
    if (!people.has(person)) people.set(person, hostRecords());
    response.end(JSON.stringify(people.get(person)[call](JSON.parse(body))));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const printed = await consumer.run("env", `SERVER=http://127.0.0.1:${server.address().port}`, "node", "contract.mjs");
  server.close();
  assert.equal(printed.trim(), "done");
});
