// The examples, run from the packed archive with a real relay.

import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { startRelay } from "../node/relay.mjs";
import { launch, serve } from "./lib/browser.mjs";
import { PACKAGE, project } from "./lib/project.mjs";

const EXAMPLES = new URL("../../examples/", import.meta.url);
const example = (path) => readFileSync(new URL(path, EXAMPLES), "utf8");

const reactPage = (script, more = "") =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>React</title><link rel="icon" href="data:,">${more}<div id="root"></div><script type="module" src="${script}.js"></script></html>`;

let consumer, relay, browser, site;
before(async () => {
  relay = await startRelay();
  browser = await launch();
  consumer = await project({
    dependencies: {
      react: "^19.0.0",
      "react-dom": "^19.0.0",
      "@types/react": "^19.0.0",
      "@types/react-dom": "^19.0.0",
    },
    files: {
      "page/main.js": example("page/main.js"),
      ...Object.fromEntries(
        ["main.tsx", "hooks.tsx", "app.css", "tsconfig.json"].map((name) => [
          `react/${name}`,
          example(`react/${name}`),
        ]),
      ),
      "store.mjs": example("host-store/store.mjs"),
      "site/page.html": example("page/index.html"),
      "site/hooks.html": reactPage("hooks"),
      "site/clinic.html": reactPage("clinic", '<link rel="stylesheet" href="clinic.css">'),
      "site/logo.svg": example("react/logo.svg"),
    },
  });
  cpSync(
    join(consumer.folder, "node_modules/tessera-portal/dist/core/core.wasm"),
    join(consumer.folder, "site/core.wasm"),
  );
  for (const [script, bundled] of [
    ["page/main.js", "main.js"],
    ["react/hooks.tsx", "hooks.js"],
    ["react/main.tsx", "clinic.js"],
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
  ["hooks", "text=Nobody here yet."],
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

test("react: the types of hooks and components hold", async () => {
  await consumer.run("node", join(PACKAGE, "node_modules/typescript/bin/tsc"), "-p", "react");
});

test("react: a clinic's looks, logo and numbers; two people connect, and the page hears of a new message", async () => {
  const open = async (url) => {
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(url);
    return page;
  };
  const begin = async (page, name) => {
    await page.getByTestId("first-name").fill(name);
    await page.getByTestId("first-passphrase").fill("a long passphrase");
    await page.getByTestId("first-create").click();
  };
  const clinic = await open(`${site.url}/clinic.html?relay=${relay.url}`);
  await begin(clinic, "Dr. Rivera");
  const accent = (page) => page.getByTestId("add-first").evaluate((button) => getComputedStyle(button).backgroundColor);
  assert.equal(await accent(clinic), "rgb(91, 42, 134)");
  const logo = clinic.locator("img[slot=logo]");
  assert.equal(await logo.evaluate((image) => image.decode().then(() => image.offsetWidth)), 32);
  await clinic.getByText("Not for emergencies. Call 112.").waitFor();
  await clinic.getByTestId("add-contact").click();
  await clinic.getByTestId("invite-qr").click();
  const patient = await open(await clinic.getByTestId("invitation-text").inputValue());
  await patient.getByText("Riverside Clinic invites you to connect").waitFor();
  await begin(patient, "Ana Gómez");
  await clinic.getByTestId("sas-input").fill(await patient.getByTestId("sas").getAttribute("data-digits"));
  await patient.getByTestId("sas-match").click();
  await clinic.getByTestId("compose-text").waitFor();
  await clinic.getByTestId("add-contact").click();
  await patient.getByTestId("compose-text").fill("Good morning.");
  await patient.getByTestId("compose-send").click();
  await clinic.getByText("New messages: 1").waitFor();
  await clinic.getByTestId("contact").click();
  await clinic.getByText("No new messages").waitFor();
  await Promise.all([clinic, patient].map((page) => page.context().close()));
});

for (const [heading, printed] of [
  ["An example that runs", "verified: Continue metformin 500 mg BID"],
  ["SDK level", "true"],
])
  test(`README: ${heading}`, async () => {
    const readme = readFileSync(new URL("../../pkg/README.md", import.meta.url), "utf8");
    const [, script] = new RegExp(`## ${heading}\n[\\s\\S]*?\`\`\`js\\n([\\s\\S]*?)\`\`\``).exec(readme);
    writeFileSync(join(consumer.folder, "example.mjs"), script);
    assert.equal((await consumer.run("node", "example.mjs")).trim(), printed);
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

test("tessera-lab: accepts an invitation and sends a result from a folder", async () => {
  const result = JSON.stringify({ resourceType: "DiagnosticReport", status: "final", code: { text: "HbA1c" } });
  writeFileSync(
    join(consumer.folder, "clinic.mjs"),
    `import { spawn } from "node:child_process";
     import { randomBytes } from "node:crypto";
     import { mkdir, writeFile } from "node:fs/promises";
     import { text } from "node:stream/consumers";
     import { Portal, memoryStore } from "tessera-portal";
     const relay = process.env.RELAY;
     await writeFile("key", randomBytes(32), { mode: 0o600 });
     const laboratory = async (words, input = "") => {
       const all = [...words, "--relay", relay, "--store", "laboratory", "--key-file", "key"];
       const child = spawn("node_modules/.bin/tessera-lab", all, { stdio: ["pipe", "pipe", "inherit"] });
       child.stdin.end(input);
       return (await text(child.stdout)).trim();
     };
     const clinic = await Portal.open({ relay, store: memoryStore(), passphrase: "clinic", name: "Clinic", create: true });
     await clinic.start();
     const fingerprint = await laboratory(["init", "--name", "Lab West"]);
     const { id, uri } = await clinic.invite({ kind: "link" });
     await clinic.expectIdentity(id, Uint8Array.from(Buffer.from(fingerprint, "hex")));
     const arrived = new Promise((resolve) => clinic.addEventListener("message", ({ detail }) => resolve(detail)));
     const [contact, contactState] = (await laboratory(["accept", "--in-person"], uri)).split("\\n").at(-1).split(" ");
     await mkdir("in");
     await writeFile("in/4711.json", ${JSON.stringify(result)});
     await writeFile("in/4711.meta.json", JSON.stringify({ contact, label: "visit-7421" }));
     await laboratory(["run", "--once", "--folder", "in"]);
     const { attachments: [file], state, session } = await arrived;
     console.log(JSON.stringify({ contactState, state, session, text: new TextDecoder().decode(await file.body()) }));
     await clinic.dispose();`,
  );
  const found = JSON.parse(
    (await consumer.run("env", `RELAY=${relay.url}`, "node", "clinic.mjs")).trim().split("\n").at(-1),
  );
  assert.deepEqual(found, { contactState: "active", state: "verified", session: "visit-7421", text: result });
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
