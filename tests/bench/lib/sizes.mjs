// What a browser downloads for an entry of the package, in bytes, as a customer's bundler ships it.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { constants, brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

/** The entries with a module: the customer's script, and the module. */
export const ENTRIES = {
  ".": {
    script: `export { init, Portal, indexedDbStore, isTesseraError } from "./index.js";`,
    wasm: "core/core-first.wasm",
    later: "core/core-rest.wasm",
  },
  "./sdk": { script: `export * from "./sdk.js";`, wasm: "core/sdk.wasm" },
};

/** The second language, which a browser downloads in the place of nothing else. */
const SECOND_LANGUAGE = /words\/es\.js$/;

/** What belongs to the elements: their scripts and Lit. */
const OF_ELEMENTS = /dist\/elements\/|node_modules\/(@lit\/|lit)/;

/**
 * What the elements add to the main entry and to the readers of results and codes: their scripts and Lit, with the pages that
 * are loaded on demand, in one language. Of a file that holds other scripts too, their share: which scripts share a file is the
 * bundler's choice, and a few bytes of source change it.
 */
export async function elementsSize(dist) {
  const { metafile, outputFiles } = await bundle(dist, `${ENTRIES["."].script} export * from "./elements/index.js";`);
  const contents = byName(outputFiles);
  const own = Object.entries(metafile.outputs).map(([path, { inputs, entryPoint = "" }]) => {
    const bytes = (pattern) =>
      Object.entries(inputs).reduce(
        (sum, [input, { bytesInOutput }]) => sum + (pattern.test(input) ? bytesInOutput : 0),
        0,
      );
    const ofElements = SECOND_LANGUAGE.test(entryPoint) ? 0 : bytes(OF_ELEMENTS);
    return share(compressed(contents.get(nameOf(path))), ofElements / (bytes(/./) || 1));
  });
  return add(...own);
}

/**
 * Until the first message is shown: the wasm module and the scripts that are there from the start. What is loaded on demand is not
 * counted; `later` is the rest of the module, which is loaded after it by itself.
 */
export async function sizes(dist, entry) {
  const { script, wasm, later } = ENTRIES[entry];
  const { metafile, outputFiles } = await bundle(dist, script);
  const contents = byName(outputFiles);
  const scripts = initial(metafile).map((name) => compressed(contents.get(name)));
  const file = async (path) => compressed(await readFile(new URL(path, dist)));
  return {
    wasm: await file(wasm),
    scripts: add(...scripts),
    later: later === undefined ? add() : await file(later),
  };
}

function bundle(dist, script) {
  return build({
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
}

/** The entry's own script and all that it imports statically. */
function initial({ outputs }) {
  const entry = Object.keys(outputs).find((path) => outputs[path].entryPoint !== undefined);
  const reached = new Set([entry]);
  for (const path of reached) {
    for (const { path: imported, kind } of outputs[path].imports)
      if (kind === "import-statement") reached.add(imported);
  }
  return [...reached].map(nameOf);
}

function byName(outputFiles) {
  return new Map(outputFiles.map(({ path, contents }) => [nameOf(path), contents]));
}

function nameOf(path) {
  return path.split("/").at(-1);
}

function share(size, part) {
  return Object.fromEntries(Object.entries(size).map(([key, bytes]) => [key, Math.round(bytes * part)]));
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
