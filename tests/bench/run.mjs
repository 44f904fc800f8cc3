// Measures the built package in a browser and writes docs/benchmarks.md.
//
//   cargo xtask bench                 builds, measures in about four minutes, writes
//   cargo xtask bench --quick         builds, measures in less than a minute, writes nothing
//   node tests/bench/run.mjs [--quick]  measures without building

import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { startRelay } from "../node/relay.mjs";
import { resources, runPages } from "./lib/page.mjs";
import * as report from "./lib/report.mjs";
import { rows, table } from "./lib/rows.mjs";
import { ENTRIES, elementsSize, sizes } from "./lib/sizes.mjs";

const root = new URL("../../", import.meta.url);
const folder = (variable, otherwise) =>
  process.env[variable] ? pathToFileURL(`${process.env[variable]}/`) : new URL(otherwise, root);
const dist = new URL("pkg/dist/", root);
const module = folder("TESSERA_BENCH_MODULE", "target/bench/");

const { quick } = parseArgs({ options: { quick: { type: "boolean", default: false } } }).values;
const start = performance.now();
const served = await resources({ dist, module, vectors: new URL("tests/vectors/", root) });
// What files of 10 MiB need: see docs/relay.md.
const relay = await startRelay({
  "max-message-size": "16MiB",
  buckets: 1,
  "cells-per-bucket": 8,
  "cell-size": 16384,
  "cells-per-connection": 1_000_000,
  "cells-per-peer": 1_000_000,
});
const pages = [
  ["/prepare", undefined],
  ["/tasks", relay.url],
  ["/", quick ? "quick" : "full"],
];
const { results: measured, browser } = await runPages(served, pages).finally(() => relay.end());
const results = { ...measured[2], tasks: measured[1] };
const download = {};
for (const entry of Object.keys(ENTRIES)) download[entry] = await sizes(dist, entry);
download["./elements"] = { scripts: await elementsSize(dist) };

const all = rows(results, download);
const [where, more] = [await report.conditions(browser, results), report.beside(results, download)];
console.log(`${where}\n\n${table(all)}\n\n${more}\n`);
const targets = all.filter((row) => row.met !== undefined);
const missed = targets.filter((row) => !row.met).length;
console.log(
  `${targets.length - missed} of ${targets.length} targets met, in ${Math.round((performance.now() - start) / 1000)} s`,
);
if (!quick) await report.write(new URL("docs/benchmarks.md", root), report.results(all, where, more));
