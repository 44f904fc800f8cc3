// Preloaded into a process: kills it with SIGKILL at its nth step that another process can see, before or after that step.
//
//     DIE_AT=7 DIE=after node --import ./dying.mjs …

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { DIE_AT, DIE } = process.env;
let steps = 0;

function dying(step) {
  return async function (...parameters) {
    const isLast = ++steps === Number(DIE_AT);
    if (isLast && DIE === "before") process.kill(process.pid, "SIGKILL");
    const result = await step.apply(this, parameters);
    if (isLast) process.kill(process.pid, "SIGKILL");
    return result;
  };
}

const promises = fs.promises;
const handle = await promises.open(new URL(import.meta.url), "r");
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ["appendFile", "writeFile", "truncate", "sync"]) prototype[name] = dying(prototype[name]);
for (const name of ["rename", "unlink", "rm", "writeFile", "mkdir", "link"]) promises[name] = dying(promises[name]);
syncBuiltinESMExports();
globalThis.fetch = dying(globalThis.fetch);
process.on("exit", () => process.stdout.write(`steps ${steps}\n`));
