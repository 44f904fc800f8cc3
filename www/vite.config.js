import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { defineConfig } from "vite";

/** `assets.json`: what the service worker keeps. */
const assetList = {
  name: "asset-list",
  enforce: "post", // after chunks that hold nothing but styles are gone
  generateBundle(_, bundle) {
    const files = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
    this.emitFile({ type: "asset", fileName: "assets.json", source: JSON.stringify(files.map((name) => `/${name}`)) });
  },
};

const ENCODERS = {
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  gz: (bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

/** What the relay sends in the place of a file to browsers that take it. */
const compressed = {
  name: "compressed",
  async writeBundle({ dir = "dist" }) {
    const folder = join(dir, "assets");
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      for (const [extension, encode] of Object.entries(ENCODERS)) {
        const smaller = await encode(bytes);
        if (smaller.length < bytes.length) await writeFile(join(folder, `${name}.${extension}`), smaller);
      }
    }
  },
};

export default defineConfig({
  plugins: [assetList, compressed],
  build: {
    target: "es2022",
    // Everything is its own file: the page is served under `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The hospital portal, the stage, and the page that verifies an exported audit log.
    rolldownOptions: { input: ["index.html", "stage.html", "verify.html"] },
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".."] },
    // During development the API answers from a relay started beside Vite.
    proxy: { "/v1": "http://127.0.0.1:8100" },
  },
});
