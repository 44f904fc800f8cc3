// The generated part of docs/benchmarks.md, between two markers; the prose around it is written by hand.

import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { kibibytes, mebibytes, milliseconds } from "./rows.mjs";
import { median } from "./statistics.mjs";

const BEGIN = "<!-- results: written by `cargo xtask bench` -->";
const END = "<!-- end of results -->";
const PEERS = ["@noble/curves", "libsodium-wrappers-sumo", "@hpke/core"];

/** The machine, the versions of the peers, and when each part was measured. */
export async function conditions(measured) {
  const versions = await Promise.all(PEERS.map(async (name) => `${name} ${await version(name)}`));
  const [cpu] = cpus();
  const found = Object.values(measured).map((part) => part.found);
  const browsers = new Set(found.flatMap(({ browser }) => browser ?? []));
  const isIsolated = found.every(({ isolated = true }) => isolated);
  const parts = Object.entries(measured).map(([part, { date, load }]) => `${part} ${date} at ${load.toFixed(1)}`);
  const { proofs, cells } = measured;
  return [
    `- ${availableParallelism()} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}-${process.arch}`,
    `- Chromium ${[...browsers].join(", ")}, headless${isIsolated ? ", clock of 5 µs" : ", clock of 100 µs"}`,
    `- ${versions.join(", ")}`,
    `- before measuring, all variants agreed on ${proofs?.found.checked ?? "no"} vectors of proofs and ${cells?.found.checked ?? "no"} of cells and on what each other made`,
    `- parts, and the load average at the end of each: ${parts.join(", ")}`,
  ].join("\n");
}

/** Numbers without a target. */
export function beside(measured) {
  return Object.entries(measured)
    .flatMap(([part, { found }]) => NOTES[part]?.(found) ?? [])
    .map((note) => `- ${note}`)
    .join("\n");
}

const bytes = ({ raw, gzip, brotli }) => `${kibibytes(raw)} raw, ${kibibytes(gzip)} gzip, ${kibibytes(brotli)} brotli`;

const NOTES = {
  finding: ({ index }) => [
    `deriving and indexing the 600 tags that were looked for: ${milliseconds((median(index.tessera) / 1000) * 600)}`,
  ],
  tags: ({ tags, time }) => [`${tags} tags of the first pull: ${milliseconds(time)}`],
  vaults: ({ bundle }) => [`the backup of 10 000 messages: ${mebibytes(bundle)}`],
  absence: ({ batches, bytes, grown }) => [
    `the 14 days: ${batches} batches of ${kibibytes(bytes / batches)}, ${mebibytes(bytes)} in all, in the engine alone; the module's memory grew by ${mebibytes(grown)} meanwhile`,
  ],
  tasks: ({ opening, scan, file }) => [
    `in a worker: a vault of 10 000 messages opens in ${milliseconds(opening.time)}, 13 000 cells are read in ${milliseconds(scan.time)}, 10 MiB are sent and received in ${milliseconds(file.time)}`,
  ],
  download: (entries) =>
    Object.entries(entries).map(
      ([entry, { wasm, scripts, later }]) =>
        `\`${entry}\`: ${wasm === undefined ? "" : `module ${bytes(wasm)}; `}scripts, bundled: ${bytes(scripts)}${later?.raw ? `; after them, the rest of the module: ${bytes(later)}` : ""}`,
    ),
};

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
