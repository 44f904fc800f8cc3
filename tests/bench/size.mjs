// Prints what a browser downloads when a customer bundles and minifies
// `import { init, Portal } from "tessera-portal"`, gzip -9: {"wasm": bytes, "scripts": bytes}.
//
//   node tests/bench/size.mjs pkg/dist

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const dist = resolve(process.argv[2]);
const bundle = await build({
  stdin: {
    contents: `import { init, Portal } from "./index.js"; globalThis.tessera = { init, Portal };`,
    resolveDir: dist,
  },
  bundle: true,
  minify: true,
  format: "esm",
  write: false,
  logLevel: "error",
});
const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;
const wasm = gzip(await readFile(resolve(dist, "core/core.wasm")));
console.log(JSON.stringify({ wasm, scripts: gzip(bundle.outputFiles[0].contents) }));
