// Writes the portal's module as a script: compressed with raw DEFLATE, in base64. Run by `npm run build`.

import { readFile, writeFile } from "node:fs/promises";
import { deflateRawSync } from "node:zlib";

const folder = new URL("../dist/core/", import.meta.url);
const module = await readFile(new URL("core.wasm", folder));
const text = deflateRawSync(module, { level: 9 }).toString("base64");
await writeFile(
  new URL("inline.js", folder),
  `/** core.wasm, raw DEFLATE, base64. */\nexport const CORE = "${text}";\n`,
);
// Beside the other types of the bindings, too: see tsconfig.json.
for (const types of [folder, new URL("../bindings/core/", import.meta.url)]) {
  await writeFile(new URL("inline.d.ts", types), "export declare const CORE: string;\n");
}
