// Serves the built package to a page without a bundler, through an import map.

import { createReadStream, existsSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../../pkg/", import.meta.url));
const FOLDERS = { "/dist/": "dist", "/test/": "test", "/modules/": "node_modules" };
const TYPES = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".json": "application/json",
};
const IMPORTS = {
  "tessera-portal": "/dist/index.js",
  idb: "/modules/idb/build/index.js",
  qr: "/modules/qr/index.js",
  "qr/": "/modules/qr/",
};
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>The package</title><link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script></html>`;

/** Starts the server; `url` is a page on which `import("tessera-portal")` works. */
export async function servePackage() {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    if (pathname === "/") return response.setHeader("content-type", "text/html").end(PAGE);
    const mount = Object.keys(FOLDERS).find((prefix) => pathname.startsWith(prefix));
    const path = mount && join(PACKAGE, FOLDERS[mount], normalize(`/${pathname.slice(mount.length)}`));
    const type = TYPES[extname(pathname)];
    if (!path || !type || !existsSync(path)) return response.writeHead(404).end();
    response.setHeader("content-type", type);
    createReadStream(path).pipe(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
