// Prints what a browser downloads when a customer bundles and minifies an entry of the package, gzip -9:
// {".": {"wasm": bytes, "scripts": bytes, "later": bytes}, "./sdk": …}. Of "./elements", what they add to ".".
// "later" is what is loaded by itself once the first part of the module is there.
//
//   node tests/bench/size.mjs pkg/dist

import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { ENTRIES, elementsSize, sizes } from "./lib/sizes.mjs";

const dist = pathToFileURL(`${resolve(process.argv[2])}/`);
const printed = {};
for (const entry of Object.keys(ENTRIES)) {
  const { wasm, scripts, later } = await sizes(dist, entry);
  printed[entry] = { wasm: wasm.gzip, scripts: scripts.gzip, later: later.gzip };
}
printed["./elements"] = { wasm: 0, scripts: (await elementsSize(dist)).gzip, later: 0 };
console.log(JSON.stringify(printed));
