// What a browser downloads for the package's main entry, in bytes: as its files lie in the package,
// and as a customer's bundler ships them.

import { readFile } from "node:fs/promises";
import { constants, brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

export async function sizes(dist) {
  const wasm = compressed(await readFile(new URL("core/core.wasm", dist)));
  const entry = new URL("index.js", dist).pathname;
  const files = (await inputs(entry)).filter((file) => file !== undefined);
  const scripts = await Promise.all(files.map(async (file) => compressed(await readFile(file))));
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
    logLevel: "error",
  });
  return {
    wasm,
    files: add(wasm, ...scripts),
    bundled: add(wasm, compressed(bundle.outputFiles[0].contents)),
  };
}

/** Every script that the entry imports, dependencies of the package included. */
async function inputs(entry) {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    write: false,
    metafile: true,
    absWorkingDir: "/",
    logLevel: "error",
  });
  return Object.keys(metafile.inputs).map((path) => `/${path}`);
}

function compressed(bytes) {
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length,
  };
}

function add(...parts) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  return { raw: sum("raw"), gzip: sum("gzip"), brotli: sum("brotli") };
}
