// The portal's views in a page of their own, bundled from source: what they draw can be tried with far more messages
// than a relay would carry.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const PORTAL = fileURLToPath(new URL("../../../www/", import.meta.url));

/** Opens an empty page in which `window.views` holds what `view`, a module of `www/src/view`, exports. */
export async function openViews(browser, view, options = {}) {
  const { build } = await import(createRequire(`${PORTAL}package.json`).resolve("vite"));
  const { output } = await build({
    configFile: false,
    root: PORTAL,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      lib: { entry: `${PORTAL}src/view/${view}.ts`, formats: ["iife"], name: "views" },
    },
  }).then((result) => (Array.isArray(result) ? result[0] : result));
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addScriptTag({ content: output.find(({ type }) => type === "chunk").code });
  return { page, complaints, close: () => context.close() };
}
