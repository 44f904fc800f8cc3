// What a browser downloads for an entry of the package, in bytes, as a customer's bundler ships it.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { constants, brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The entries with a module: the customer's script, and the module. */
export const ENTRIES = {
  ".": { script: `export { init, Portal, indexedDbStore, isTesseraError } from "./index.js";`, wasm: "core/core.wasm" },
  "./sdk": { script: `export * from "./sdk.js";`, wasm: "core/sdk.wasm" },
};

/** The wasm module and the scripts that are there from the start; what is loaded on demand is not counted. */
export async function sizes(dist, entry) {
  const { script, wasm } = ENTRIES[entry];
  const { metafile, outputFiles } = await build({
    stdin: { contents: script, resolveDir: fileURLToPath(dist), sourcefile: "customer.js" },
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    outdir: "/",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const outputs = new Map(outputFiles.map((file) => [file.path.split("/").at(-1), file.contents]));
  const scripts = initial(metafile).map((name) => compressed(outputs.get(name)));
  return { wasm: compressed(await readFile(new URL(wasm, dist))), scripts: add(...scripts) };
}

/** The entry's own script and all that it imports statically. */
function initial({ outputs }) {
  const entry = Object.keys(outputs).find((path) => outputs[path].entryPoint !== undefined);
  const reached = new Set([entry]);
  for (const path of reached) {
    for (const { path: imported, kind } of outputs[path].imports)
      if (kind === "import-statement") reached.add(imported);
  }
  return [...reached].map((path) => path.split("/").at(-1));
}

function compressed(bytes) {
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length,
  };
}

export function add(...parts) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  return { raw: sum("raw"), gzip: sum("gzip"), brotli: sum("brotli") };
}
