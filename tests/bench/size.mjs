// Prints what a browser downloads when a customer bundles and minifies an entry of the package, gzip -9:
// {".": {"wasm": bytes, "scripts": bytes}, "./sdk": …}. Of "./elements", what they add to ".".
//
//   node tests/bench/size.mjs pkg/dist

import { pathToFileURL } from "node:url";
import { resolve } from "node:path";
import { ENTRIES, elementsSize, sizes } from "./lib/sizes.mjs";

const dist = pathToFileURL(`${resolve(process.argv[2])}/`);
const printed = {};
for (const entry of Object.keys(ENTRIES)) {
  const { wasm, scripts } = await sizes(dist, entry);
  printed[entry] = { wasm: wasm.gzip, scripts: scripts.gzip };
}
printed["./elements"] = { wasm: 0, scripts: (await elementsSize(dist)).gzip };
console.log(JSON.stringify(printed));
