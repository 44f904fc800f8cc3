// A page in Chromium with the package, its peers and the vectors, from a local server.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const CHROMIUMS = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
];
const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const TYPES = { html: "text/html", js: "text/javascript", json: "application/json", wasm: "application/wasm" };
// Only an isolated page has a clock of 5 µs instead of 100.
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cache-control": "no-store",
};

/** Bundles the page. `dist`: the package's folder; `module`: the folder of the module with more bindings. */
export async function resources({ dist, module, vectors }) {
  const { outputFiles } = await build({
    entryPoints: [new URL("../page/main.mjs", import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "error",
    external: ["/bench/bench.js", "/bench/bench.js#portal"],
    alias: {
      "tessera-portal": new URL("index.js", dist).pathname,
      "tessera-portal/sdk": new URL("sdk.js", dist).pathname,
    },
  });
  const file = (path, base) => readFile(new URL(path, base));
  return {
    "/": '<!doctype html><title>Benchmark</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
    "/page.js": outputFiles[0].contents,
    "/core.wasm": await file("core/core.wasm", dist),
    "/sdk.wasm": await file("core/sdk.wasm", dist),
    "/bench/bench.js": await file("bench.js", module),
    "/bench/bench.wasm": await file("bench.wasm", module),
    "/vectors/proof.json": await file("proof.json", vectors),
    "/vectors/cell.json": await file("cell.json", vectors),
  };
}

/** Runs `globalThis.run(mode)` of the page and returns its result with the browser's version. */
export async function runPage(served, mode) {
  const server = await listen(served);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => typeof globalThis.run === "function", undefined, { timeout: 30_000 });
    const results = await page.evaluate((chosen) => globalThis.run(chosen), mode);
    if (errors.length > 0) throw new Error(errors.join("\n"));
    return { results, browser: browser.version() };
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

function listen(served) {
  const server = createServer((request, response) => {
    const body = served[request.url];
    if (body === undefined) return response.writeHead(404).end();
    const type = TYPES[request.url.split(".")[1] ?? "html"];
    response.writeHead(200, { ...HEADERS, "content-type": type }).end(body);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

function launch() {
  const executablePath = CHROMIUMS.find((path) => path && existsSync(path));
  if (!executablePath)
    throw new Error("no Chromium found: install it, or name it in the environment variable CHROMIUM");
  return chromium.launch({ executablePath, args: SWITCHES });
}
