// The portal's views in a separate page, bundled from source, to draw far more messages than a relay would carry.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const PORTAL = fileURLToPath(new URL("../../../www/", import.meta.url));
const ENTRY = `${PORTAL}views`;

/** Opens an empty page in which `window.views` holds what these modules of `www/src` export. */
export async function openViews(browser, modules, options = {}) {
  const { build } = await import(createRequire(`${PORTAL}package.json`).resolve("vite"));
  const source = modules.map((name) => `export * from ${JSON.stringify(`${PORTAL}src/${name}.ts`)};`).join("\n");
  const built = await build({
    configFile: false,
    root: PORTAL,
    logLevel: "error",
    plugins: [
      { name: "views", resolveId: (id) => (id === ENTRY ? id : null), load: (id) => (id === ENTRY ? source : null) },
    ],
    build: { write: false, target: "es2022", lib: { entry: ENTRY, formats: ["iife"], name: "views" } },
  });
  const { output } = Array.isArray(built) ? built[0] : built;
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.addScriptTag({ content: output.find(({ type }) => type === "chunk").code });
  return { page, complaints, close: () => context.close() };
}
