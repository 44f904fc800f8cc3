// Measures the built package in a browser and writes docs/benchmarks.md.
//
//   cargo xtask bench                     builds, measures all parts, writes
//   cargo xtask bench --only PATTERN      only the parts whose name matches; writes if the others were measured before
//   cargo xtask bench --quick             a look: writes nothing
//   node tests/bench/run.mjs [...]        measures without building

import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { resources } from "./lib/page.mjs";
import { PARTS, Results, measure } from "./lib/parts.mjs";
import * as report from "./lib/report.mjs";
import { rows, table } from "./lib/rows.mjs";

const root = new URL("../../", import.meta.url);
const folder = (variable, otherwise) =>
  process.env[variable] ? pathToFileURL(`${process.env[variable]}/`) : new URL(otherwise, root);
const dist = new URL("pkg/dist/", root);
const module = folder("TESSERA_BENCH_MODULE", "target/bench/");

const { quick, only } = parseArgs({
  options: { quick: { type: "boolean", default: false }, only: { type: "string", default: "" } },
}).values;
const mode = quick ? "quick" : "full";
const asked = PARTS.filter((part) => new RegExp(only).test(part));
if (asked.length === 0) throw new Error(`no part matches; there are ${PARTS.join(", ")}`);

const served = await resources({ dist, module, vectors: new URL("tests/vectors/", root) });
const results = await Results.open(new URL(`results/${mode}/`, module), dist, module);
const start = performance.now();
for (const part of asked) {
  const begin = performance.now();
  try {
    const kept = await results.keep(part, await measure(part, { served, dist, mode }));
    console.log(`${part}, in ${Math.round((performance.now() - begin) / 1000)} s\n${table(rows({ [part]: kept }))}\n`);
  } catch (error) {
    process.exitCode = 1;
    console.error(`${part} failed: ${error?.stack ?? error}\n`);
  }
}

const measured = {};
for (const part of PARTS) {
  const kept = await results.of(part);
  if (kept !== undefined) measured[part] = kept;
}
const all = rows(measured);
const text = `${await report.conditions(measured)}\n\n${table(all)}\n\n${report.beside(measured)}`;
console.log(`${text}\n`);
const targets = all.filter((row) => row.met !== undefined);
const missed = targets.filter((row) => !row.met).length;
console.log(
  `${targets.length - missed} of ${targets.length} targets met, in ${Math.round((performance.now() - start) / 1000)} s`,
);
const missing = PARTS.filter((part) => !(part in measured));
if (missing.length > 0) console.log(`nothing is written: not measured with this build are ${missing.join(", ")}`);
else if (!quick) await report.write(new URL("docs/benchmarks.md", root), text);
