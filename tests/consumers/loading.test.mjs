// A module that cannot be had: whatever the server answers, each entry says which address, what was answered, and which page helps.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { POLICY, TYPES, found, launch } from "./lib/browser.mjs";
import { project } from "./lib/project.mjs";

const PAGE =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Loading</title><link rel="icon" href="data:,">';

/** Of every kind of failure: what the server does with the request for a module, the page's policy, and what the error says. */
const KINDS = {
  missing: { answer: (response) => response.writeHead(404).end(), says: /was answered with status 404/ },
  broken: { answer: (response) => response.writeHead(503).end(), says: /was answered with status 503/ },
  "start-page": {
    answer: (response) => response.setHeader("content-type", "text/html").end(PAGE),
    says: /was answered with status 200 and text\/html, not application\/wasm/,
  },
  "other-version": {
    answer: (response) => response.setHeader("content-type", "application/wasm").end("another version"),
    says: /integrity mismatch, sha384-\S+ expected, sha384-\S+ found/,
    given: /is not a WebAssembly module that this platform compiles/,
  },
  silent: {
    answer: (response) => response.destroy(),
    says: /cannot be fetched: no answer, or the page's Content-Security/,
  },
  "no-connection": {
    policy: POLICY.replace(/connect-src[^;]*/, "connect-src 'none'"),
    says: /cannot be fetched: .*connect-src/,
  },
  "no-wasm": { policy: POLICY.replace(" 'wasm-unsafe-eval'", ""), says: /lacks 'wasm-unsafe-eval' in script-src/ },
};

describe("a module that cannot be had", () => {
  let consumer, browser, server, url;
  /** The server is at first as in `broken`, and then repaired. */
  let repaired = false;

  before(async () => {
    consumer = await project({});
    const script = (name, contents, options = {}) =>
      build({
        stdin: { contents, resolveDir: consumer.folder, sourcefile: `${name}.js`, loader: "js" },
        bundle: true,
        format: "esm",
        outfile: join(consumer.folder, `site/${name}.js`),
        logLevel: "error",
        ...options,
      });
    const told = "const told = (call) => call.then(() => 'loaded', ({ code, message }) => ({ code, message }));";
    await script("host", 'import "tessera-portal/worker-host";');
    await script(
      "main",
      `import { init, memoryStore } from "tessera-portal";
       import { init as initSdk } from "tessera-portal/sdk";
       import { openInWorker } from "tessera-portal/worker";
       ${told}
       const inWorker = () => openInWorker({
         relay: "https://relay.example", store: memoryStore(), passphrase: "x", name: "A", create: true,
         worker: () => new Worker("host.js", { type: "module" }),
       });
       globalThis.found = (async () => {
         const found = { main: await told(init()), sdk: await told(initSdk()), worker: await told(inWorker()) };
         found.given = await told(init({ wasm: "../core/core.wasm" }));
         return found;
       })();`,
    );
    await script(
      "again",
      `import { init } from "tessera-portal"; ${told}
       globalThis.found = (async () => [await told(init()), await fetch("repair").then(() => told(init()))])();`,
    );
    await script("classic", `import { init } from "tessera-portal"; ${told} globalThis.found = told(init());`, {
      format: "iife",
      logOverride: { "empty-import-meta": "silent" },
    });
    const modules = join(consumer.folder, "node_modules/tessera-portal/dist");
    server = createServer((request, response) => {
      const [, kind, folder, name] = new URL(request.url, "http://host").pathname.split("/");
      const { answer, policy = POLICY } = KINDS[kind] ?? {};
      response.setHeader("content-security-policy", policy);
      if (name === "repair") {
        repaired = true;
        return response.end();
      }
      if (folder === "core" && kind === "repaired" && !repaired) return response.writeHead(503).end();
      if (folder === "core" && answer !== undefined) return answer(response);
      const [, stem, type] = /^([\w-]+)(\.\w+)$/.exec(name);
      response.setHeader("content-type", TYPES[type]);
      if (type === ".html")
        return response.end(`${PAGE}<script ${stem === "classic" ? "" : 'type="module" '}src="${stem}.js"></script>`);
      const file = folder === "core" ? join(modules, "core", name) : join(consumer.folder, "site", name);
      return existsSync(file) ? response.end(readFileSync(file)) : response.writeHead(404).end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${server.address().port}`;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    consumer?.remove();
  });

  for (const [kind, { says, given = says }] of Object.entries(KINDS))
    test(`${kind}: main entry, SDK, worker, and an address of the host`, async () => {
      const seen = await found(browser, `${url}/${kind}/page/main.html`);
      for (const [path, { code, message }] of Object.entries(seen)) {
        assert.equal(code, "WASM_UNAVAILABLE", path);
        assert.match(message, path === "given" ? given : says, path);
        const file = path === "sdk" ? "sdk.wasm" : "core.wasm";
        assert.ok(message.includes(`${url}/${kind}/core/${file}`), `${path}: ${message}`);
        assert.match(message, /https:\/\/\S+\/docs\/bundlers$/, path);
      }
      assert.deepEqual(Object.keys(seen), ["main", "sdk", "worker", "given"]);
    });

  test("a failed call may be repeated once the server is well", async () => {
    const [first, second] = await found(browser, `${url}/repaired/page/again.html`);
    assert.equal(first.code, "WASM_UNAVAILABLE");
    assert.match(first.message, /status 503/);
    assert.equal(second, "loaded");
  });

  test("a classic script has no address of its own, and says so", async () => {
    const { code, message } = await found(browser, `${url}/well/page/classic.html`);
    assert.equal(code, "WASM_UNAVAILABLE");
    assert.match(message, /core\.wasm has no address: this bundle's format has no import\.meta\.url/);
    assert.match(message, /docs\/bundlers$/);
  });
});
