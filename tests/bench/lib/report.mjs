// The generated part of docs/benchmarks.md, between two markers; the prose around it is written by hand.

import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { kibibytes, mebibytes, milliseconds, table } from "./rows.mjs";
import { median } from "./statistics.mjs";

const BEGIN = "<!-- results: written by `cargo xtask bench` -->";
const END = "<!-- end of results -->";
const PEERS = ["@noble/curves", "libsodium-wrappers-sumo", "@hpke/core"];

/** The machine and the versions of the peers. */
export async function conditions(browser, { isolated, checked }) {
  const versions = await Promise.all(PEERS.map(async (name) => `${name} ${await version(name)}`));
  const [cpu] = cpus();
  return [
    `- ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}-${process.arch}`,
    `- Chromium ${browser}, headless${isolated ? ", clock of 5 µs" : ", clock of 100 µs"}`,
    `- ${versions.join(", ")}`,
    `- before measuring, all variants agreed on ${checked.proofs} vectors of proofs and ${checked.cells} of cells and on what each other made`,
  ].join("\n");
}

/** Numbers without a target. */
export function beside({ portal, detection, firstPull, tasks }, download) {
  const size = ({ raw, gzip, brotli }) => `${kibibytes(raw)} raw, ${kibibytes(gzip)} gzip, ${kibibytes(brotli)} brotli`;
  return [
    `- deriving and indexing the 600 tags that were looked for: ${milliseconds((median(detection.index.tessera) / 1000) * 600)}; ${firstPull.tags} tags of the first pull: ${milliseconds(firstPull.time)}`,
    `- the 14 days: ${portal.absence.batches} batches of ${kibibytes(portal.absence.bytes / portal.absence.batches)}, ${mebibytes(portal.absence.bytes)} in all, in the engine alone; the module's memory grew by ${mebibytes(portal.absence.grown)} meanwhile`,
    `- in a worker: a vault of 10 000 messages opens in ${milliseconds(tasks.opening.time)}, 13 000 cells are read in ${milliseconds(tasks.scan.time)}, 10 MiB are sent and received in ${milliseconds(tasks.file.time)}`,
    `- the backup of 10 000 messages: ${mebibytes(portal.bundle)}`,
    ...Object.entries(download).map(
      ([entry, { wasm, scripts }]) =>
        `- \`${entry}\`: ${wasm === undefined ? "" : `module ${size(wasm)}; `}scripts, bundled: ${size(scripts)}`,
    ),
  ].join("\n");
}

export function results(rows, where, more) {
  return `${where}\n\n${table(rows)}\n\n${more}`;
}

/** Replaces the text between the markers. */
export async function write(file, text) {
  const document = await readFile(file, "utf8");
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file.pathname} has no markers to write between`);
  await writeFile(file, `${document.slice(0, begin + BEGIN.length)}\n${text}\n${document.slice(end)}`);
}

/** Read as a file: not every package exports its manifest. */
async function version(name) {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(await readFile(manifest, "utf8")).version;
}
