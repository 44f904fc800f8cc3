// A host of its own: a page of two lines on another web origin than the message service, under a strict policy, with its own looks.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";
import { violations } from "./support/axe.mjs";
import { launch } from "./support/browser.mjs";
import { compare, invite, PASSPHRASE } from "./support/hospital.mjs";
import { PICTURES } from "./support/looks.mjs";
import { openProfile } from "./support/profile.mjs";
import { sidewaysScroll } from "./support/reader.mjs";
import { startRelay } from "./support/relay.mjs";

const PORTAL = fileURLToPath(new URL("../../www/", import.meta.url));
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Eight properties, a logo and a number: what a hospital changes. */
const LOOKS = {
  "--tessera-bg": "rgb(250, 246, 240)",
  "--tessera-surface": "rgb(255, 253, 250)",
  "--tessera-ink": "rgb(40, 24, 50)",
  "--tessera-muted": "rgb(88, 72, 98)",
  "--tessera-accent": "rgb(91, 42, 134)",
  "--tessera-on-accent": "rgb(255, 255, 255)",
  "--tessera-own": "rgb(239, 228, 250)",
  "--tessera-radius": "3px",
};
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#5b2a86"/></svg>';

let relay, browser, server, folder, files, url;
before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), "tessera-host-"));
  await symlink(join(PORTAL, "node_modules"), join(folder, "node_modules"));
  server = createServer((request, response) => {
    const name = new URL(request.url, url).pathname.slice(1) || "index.html";
    if (!files.has(name)) return response.writeHead(404).end();
    response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream");
    response.setHeader(
      "content-security-policy",
      `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ${relay.url} ${relay.url.replace("http", "ws")}; base-uri 'none'; form-action 'none'`,
    );
    response.end(files.get(name));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${server.address().port}/`;
  relay = await startRelay({ "allow-origin": url.slice(0, -1) });
  files = await built();
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  await relay?.end();
  if (folder) await rm(folder, { recursive: true });
});

/**
 * The host's pages, built as any customer builds: one of nothing but the two lines that the documents give, and one with a host's
 * own looks around them.
 */
async function built() {
  const document = await readFile(new URL("../../docs/elements.md", import.meta.url), "utf8");
  const [, lines] = /```html\n(.*?)```/s.exec(document);
  assert.equal(lines.trim().split("\n").length, 2);
  await writeFile(join(folder, "lines.html"), lines.replace("https://relay.clinic.example", relay.url));
  await writeFile(
    join(folder, "index.html"),
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Hospital del Río</title><link rel="stylesheet" href="./host.css">
<script type="module">import "tessera-portal/elements";</script></head>
<body><main><h1>Hospital del Río</h1><tessera-portal relay="${relay.url}" emergency-number="061" accept-invitations><img slot="logo" src="./logo.svg" alt="Hospital del Río" width="32" height="32"></tessera-portal></main></body></html>`,
  );
  const properties = Object.entries(LOOKS).map(([name, value]) => `${name}: ${value};`);
  await writeFile(join(folder, "host.css"), `tessera-portal { height: 38rem; ${properties.join(" ")} }`);
  await writeFile(join(folder, "logo.svg"), LOGO);
  const { build } = await import(createRequire(`${PORTAL}package.json`).resolve("vite"));
  const { output } = await build({
    configFile: false,
    root: folder,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: ["index.html", "lines.html"].map((page) => join(folder, page)) },
    },
  });
  return new Map(output.map((file) => [file.fileName, Buffer.from(file.code ?? file.source)]));
}

/** A first visit, of somebody whom the host does not name. */
async function begin(page, name) {
  await page.getByTestId("first-name").fill(name);
  await page.getByTestId("first-passphrase").fill(PASSPHRASE);
  await page.getByTestId("first-create").click();
}

/** The host has no icon of its own. */
const isOwn = (line) => !/favicon|404/.test(line);

test("a page of the two lines alone is a portal, as high as the screen", async () => {
  const { page, complaints, close } = await openProfile(browser, `${url}lines.html`);
  await begin(page, "Luis Ortega");
  await page.getByTestId("inbox-empty").waitFor();
  assert.equal((await page.locator("tessera-portal").boundingBox()).height, page.viewportSize().height);
  assert.deepEqual(complaints.filter(isOwn), []);
  await close();
});

test("properties, a logo and a number make it a host's own; nothing else is asked", async () => {
  const host = await openProfile(browser, "about:blank");
  const { page } = host;
  const origins = new Set();
  host.context.on("request", (request) => origins.add(new URL(request.url()).origin));
  await page.goto(url);
  await begin(page, "Luis Ortega");
  await page.getByTestId("inbox-empty").waitFor();
  await page.getByText("Not for emergencies. Call 061.").waitFor();
  const shown = await page.locator("tessera-portal").evaluate((portal) => {
    const of = (selector) => getComputedStyle(portal.shadowRoot.querySelector(selector));
    const logo = portal.querySelector("img").getBoundingClientRect();
    return {
      accent: of(".primary").backgroundColor,
      onAccent: of(".primary").color,
      radius: of(".primary").borderRadius,
      surface: of(".head").backgroundColor,
      background: of(".portal").backgroundColor,
      ink: getComputedStyle(portal).color,
      logo: [logo.width, logo.height],
    };
  });
  assert.deepEqual(shown, {
    accent: LOOKS["--tessera-accent"],
    onAccent: LOOKS["--tessera-on-accent"],
    radius: LOOKS["--tessera-radius"],
    surface: LOOKS["--tessera-surface"],
    background: LOOKS["--tessera-bg"],
    ink: LOOKS["--tessera-ink"],
    logo: [32, 32],
  });

  // And it is the whole product: somebody answers, and a message goes out in the host's colours.
  const guest = await openProfile(browser, "about:blank");
  await guest.page.goto(await invite(page));
  await begin(guest.page, "Dr. Rivera");
  await compare(page, guest.page);
  await page.getByTestId("compose-text").fill("Good morning.");
  await page.getByTestId("compose-send").click();
  await guest.page.getByTestId("message").filter({ hasText: "Good morning." }).waitFor();
  const own = await page
    .locator("tessera-portal")
    .evaluate(
      ({ shadowRoot }) => getComputedStyle(shadowRoot.querySelector('[data-direction="out"] .bubble')).backgroundColor,
    );
  assert.equal(own, LOOKS["--tessera-own"]);
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(await sidewaysScroll(page), []);
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: `${PICTURES}/host.png` });
  assert.deepEqual([...origins].toSorted(), [url.slice(0, -1), relay.url].toSorted());
  assert.deepEqual([...host.complaints, ...guest.complaints].filter(isOwn), []);
  await Promise.all([host.close(), guest.close()]);
});
