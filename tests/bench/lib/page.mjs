// Pages in Chromium with the package, its peers and the vectors, from a local server.

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
  "--enable-precise-memory-info",
  "--js-flags=--expose-gc",
];
const TYPES = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
  bin: "application/octet-stream",
};
// Only an isolated page has a clock of 5 µs instead of 100.
const HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cache-control": "no-store",
};

/** Bundles the pages. `dist`: the package's folder; `module`: the folder of the module with more bindings. */
export async function resources({ dist, module, vectors }) {
  const { outputFiles } = await build({
    entryPoints: {
      page: new URL("../page/main.mjs", import.meta.url).pathname,
      prepare: new URL("../page/prepare.mjs", import.meta.url).pathname,
      tasks: new URL("../page/tasks.mjs", import.meta.url).pathname,
      host: new URL("worker/host.js", dist).pathname,
    },
    outdir: "/",
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    write: false,
    logLevel: "error",
    external: ["/bench/bench.js"],
    alias: {
      "tessera-portal": new URL("index.js", dist).pathname,
      "tessera-portal/worker": new URL("worker/index.js", dist).pathname,
      "tessera-portal/sdk": new URL("sdk.js", dist).pathname,
      // Not an entry of the package.
      "tessera-portal/hashes": new URL("relay/hashes.js", dist).pathname,
    },
  });
  const file = (path, base) => readFile(new URL(path, base));
  return {
    "/": html("page"),
    "/prepare": html("prepare"),
    "/tasks": html("tasks"),
    ...Object.fromEntries(outputFiles.map(({ path, contents }) => [path, contents])),
    "/core.wasm": await file("core/core.wasm", dist),
    "/sdk.wasm": await file("core/sdk.wasm", dist),
    "/bench/bench.js": await file("bench.js", module),
    "/bench/bench.wasm": await file("bench.wasm", module),
    "/vectors/proof.json": await file("proof.json", vectors),
    "/vectors/cell.json": await file("cell.json", vectors),
  };
}

const html = (script) =>
  `<!doctype html><title>Benchmark</title><link rel="icon" href="data:,"><script type="module" src="/${script}.js"></script>`;

/**
 * Runs `globalThis.run(given)` of pages of one browser profile, `[path, given]`, each for `patience` milliseconds at most. Gives
 * their results, and the browser's version.
 */
export async function runPages(served, pages, patience) {
  const server = await listen(served);
  const browser = await launch();
  try {
    const context = await browser.newContext();
    const results = [];
    for (const [path, given] of pages)
      results.push(await runPage(context, `http://127.0.0.1:${server.address().port}${path}`, given, patience));
    return { results, browser: browser.version() };
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

async function runPage(context, url, given, patience) {
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  await page.waitForFunction(() => typeof globalThis.run === "function", undefined, { timeout: 30_000 });
  const results = await Promise.race([
    page.evaluate((value) => globalThis.run(value), given),
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${url} did not end: ${errors}`)), patience).unref()),
  ]);
  if (errors.length > 0) throw new Error(errors.join("\n"));
  await page.close();
  return results;
}

/** Serves these files, keeps what a page puts here, and takes posts of cells. */
function listen(served) {
  const kept = {};
  const server = createServer(async (request, response) => {
    const { method, url } = request;
    if (method === "PUT") {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      kept[url] = Buffer.concat(chunks);
      return response.writeHead(201, HEADERS).end();
    }
    if (method === "POST") return response.writeHead(202, HEADERS).end();
    const body = served[url] ?? kept[url];
    if (body === undefined) return response.writeHead(404).end();
    const type = TYPES[url.split(".")[1] ?? (url in kept ? "bin" : "html")];
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
