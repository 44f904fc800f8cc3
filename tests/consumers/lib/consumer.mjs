// One consumer of tests/consumers/all: an installed project, and two people who meet in it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startRelay } from "../../node/relay.mjs";
import { EXPECTED } from "../fixtures/converse.js";
import { found, launch, serve } from "./browser.mjs";
import { project } from "./project.mjs";

export { EXPECTED };

/** In a page, the relay's URL is in the page's own. */
export const RELAY = `new URLSearchParams(location.search).get("relay")`;
/** A page's script. */
export const MAIN = `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});
`;
/** The same with the portal in a worker. */
export const WORKER = `import { memoryStore } from "tessera-portal";
import { openInWorker } from "tessera-portal/worker";
import { converse } from "./converse.js";
globalThis.found = converse({ open: openInWorker, memoryStore }, ${RELAY});
`;
/** The same in a page that uses the other entries too: elements, results, scanner, drafts. */
export const SHOWN = `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
import { show } from "./show.js";
const how = { open: (options) => Portal.open(options), memoryStore };
globalThis.found = show(how, ${RELAY}).then(() => converse(how, ${RELAY}));
`;
export const html = (script) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Consumer</title></head><body>${script}</body></html>`;
export const MODULE_PAGE = html('<script type="module" src="/main.js"></script>');

export let browser, relay;

/** Starts what the consumers of a file share. Call it once at the top. */
export function shared() {
  before(async () => {
    relay = await startRelay();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await relay?.end();
  });
}

/** Only the consumers whose title matches. */
const ONLY = new RegExp(process.env.TESSERA_CONSUMER ?? "");

/** Tests of one project: each of `uses` gets the installed project and gives what the two people found. */
export function consumer(title, { dependencies, files, manifest }, uses) {
  if (!ONLY.test(title)) return;
  test(title, async (t) => {
    const made = await project({ dependencies, files: { "converse.js": null, "show.js": null, ...files }, manifest });
    try {
      if (typeof uses === "function") assert.equal(await uses(made), EXPECTED);
      else
        for (const [name, use] of Object.entries(uses))
          await t.test(`${title}: ${name}`, async () => assert.equal(await use(made), EXPECTED));
    } finally {
      made.remove();
    }
  });
}

/** A page's address with the relay's in it. */
export const atRelay = (url, path = "/") => `${url}${path}?relay=${relay.url}`;

/** What a built page finds, served with the policy that the documentation asks for. */
export async function built(made, folder, { path = "/index.html", ...options } = {}) {
  const site = await serve(join(made.folder, folder), options);
  try {
    return await found(browser, atRelay(site.url, path));
  } finally {
    site.stop();
  }
}

/** What a page of a development server finds. */
export async function developed(server, path) {
  try {
    return await found(browser, atRelay(server.url, path));
  } finally {
    await server.stop();
  }
}

/** For programs without a page: the relay comes from the environment. */
export const atNode = (made, ...words) => made.run("env", `RELAY=${relay.url}`, ...words);
