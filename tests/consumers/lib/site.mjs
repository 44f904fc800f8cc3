// A site of pages that esbuild bundles from the installed package.

import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { serve } from "./browser.mjs";
import { project } from "./project.mjs";

const page = (scripts) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Consumer</title><link rel="icon" href="data:,"><div id="root"></div>${scripts}</html>`;
/** In a page: the relay's URL, which is in the page's own. */
export const RELAY = `new URLSearchParams(location.search).get("relay")`;
/** Options of a classic script. */
export const CLASSIC = { format: "iife", logOverride: { "empty-import-meta": "silent" } };

/** Installs the package with these dependencies and serves pages that use it. */
export async function startSite(dependencies = {}) {
  const consumer = await project({
    dependencies,
    files: { "converse.js": null, "site/index.html": page("<p>The start page") },
  });
  const served = await serve(join(consumer.folder, "site"));
  const packaged = (path) => join(consumer.folder, "node_modules/tessera-portal/dist", path);
  cpSync(packaged("core/core.wasm"), join(consumer.folder, "site/assets/core.wasm"));
  return {
    /** Bundles a script and gives the address of a page that runs it, with the relay's URL. */
    async bundle(name, contents, { relay, ...options } = {}) {
      await build({
        stdin: { contents, resolveDir: consumer.folder, sourcefile: `${name}.js`, loader: "js" },
        bundle: true,
        format: "esm",
        outfile: join(consumer.folder, `site/${name}.js`),
        define: { "process.env.NODE_ENV": '"development"' },
        logLevel: "error",
        ...options,
      });
      const type = options.format === "iife" ? "" : ' type="module"';
      writeFileSync(join(consumer.folder, `site/${name}.html`), page(`<script${type} src="${name}.js"></script>`));
      return `${served.url}/${name}.html?relay=${relay?.url ?? ""}`;
    },
    stop() {
      served.stop();
      consumer.remove();
    },
  };
}
