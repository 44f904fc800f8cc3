// Chromium, and a server of static files with a strict Content-Security-Policy.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const CHROMIUMS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
export const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};
/** What docs/package.md asks hosts to send. */
export const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*; worker-src 'self'; base-uri 'none'; object-src 'none'";

export async function launch() {
  const executablePath = CHROMIUMS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium found: install it, or name it in the variable CHROMIUM");
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** The policy with the hashes of the scripts that a bundler wrote into this page: its host has to allow them by name. */
function allowing(page) {
  const hashes = [...page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, script]) => ` 'sha256-${createHash("sha256").update(script).digest("base64")}'`,
  );
  return POLICY.replace("'wasm-unsafe-eval'", `'wasm-unsafe-eval'${hashes.join("")}`);
}

/**
 * Serves a folder; a path that is not there is answered with the start page, as many hosts do. `allowsInline` names a page whose inline
 * scripts the policy allows by their hashes.
 */
export async function serve(folder, { policy = POLICY, allowsInline } = {}) {
  if (allowsInline !== undefined) policy = allowing(readFileSync(join(folder, allowsInline), "utf8"));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://host");
    const asked = join(folder, normalize(`/${decodeURIComponent(pathname)}`));
    const found = existsSync(asked) && statSync(asked).isFile() ? asked : join(folder, "index.html");
    if (!existsSync(found)) return response.writeHead(404).end();
    response.setHeader("content-type", TYPES[extname(found)] ?? "application/octet-stream");
    if (policy) response.setHeader("content-security-policy", policy);
    response.end(readFileSync(found));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** For a page that hangs, in milliseconds: two people meet in about ten seconds. */
const PATIENCE = 300_000;

/** Opens a page and waits for what it finds: `globalThis.found`, a promise that its script sets. */
export async function found(browser, url) {
  const page = await browser.newPage();
  const seen = [];
  page.on("console", (message) => seen.push(message.text()));
  page.on("pageerror", (error) => seen.push(String(error)));
  page.setDefaultTimeout(0);
  try {
    await page.goto(url);
    await page
      .waitForFunction(() => "found" in globalThis, undefined, { timeout: 120_000 })
      .catch(() => {
        throw new Error(`the page's script did not run: ${seen.join("\n")}`);
      });
    return await page.evaluate(
      (patience) =>
        Promise.race([
          globalThis.found,
          new Promise((_, reject) => setTimeout(() => reject(new Error("the page finds nothing")), patience)),
        ]),
      PATIENCE,
    );
  } catch (error) {
    throw new Error(`${error.message}\n${seen.join("\n")}`);
  } finally {
    await page.close();
  }
}
