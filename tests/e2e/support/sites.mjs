// Sites of several web origins in one browser, without servers: requests are answered from memory and from folders.

import { readFile } from "node:fs/promises";
import { extname } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** `sites` is `{ "https://ehr.example": { "/": "<p>page", "/dist/": new URL("folder/", …) } }`; whatever else is asked for is 404. */
export async function serveSites(context, sites) {
  await context.route("**/*", async (route) => {
    const { origin, pathname } = new URL(route.request().url());
    const site = sites[origin] ?? {};
    if (typeof site[pathname] === "string") return route.fulfill({ contentType: "text/html", body: site[pathname] });
    const folder = Object.keys(site).find((path) => path.endsWith("/") && path !== "/" && pathname.startsWith(path));
    if (folder === undefined) return route.fulfill({ status: 404, body: "" });
    const body = await readFile(new URL(pathname.slice(folder.length), site[folder]));
    return route.fulfill({ contentType: TYPES[extname(pathname)] ?? "application/octet-stream", body });
  });
}
