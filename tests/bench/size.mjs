// Prints what a browser downloads when a customer bundles and minifies an entry of the package, gzip -9:
// {".": {"wasm": bytes, "scripts": bytes}, "./sdk": …}.
//
//   node tests/bench/size.mjs pkg/dist

import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { ENTRIES, sizes } from "./lib/sizes.mjs";

const dist = pathToFileURL(`${resolve(process.argv[2])}/`);
const printed = {};
for (const entry of Object.keys(ENTRIES)) {
  const { wasm, scripts } = await sizes(dist, entry);
  printed[entry] = { wasm: wasm.gzip, scripts: scripts.gzip };
}
console.log(JSON.stringify(printed));
