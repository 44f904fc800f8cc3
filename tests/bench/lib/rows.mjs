// From times to a table: what, ours, the peer's, their ratio, the target, met or not.

import { median, ratio } from "./statistics.mjs";

const MS = 1000;

/** The rows of each part: times in microseconds, sizes in bytes by entry. */
const ROWS = {
  proofs: ({ prove, blindAndProve, verify, batch }) => [
    against("prove, pseudonym known", prove, "noble", 0.25),
    against("prove, pseudonym known", prove, "sodium", 0.9),
    against("blind and prove", blindAndProve, "noble", 0.25),
    against("blind and prove", blindAndProve, "sodium", 0.9),
    against("verify, pseudonym recomputed", verify, "noble", 0.25),
    against("verify, pseudonym recomputed", verify, "sodium", 0.6),
    row("256 proofs in a batch, each", batch.batch, "one alone", batch.single, 0.6),
  ],
  cells: ({ seal, open }) => [
    against("seal a 2 KiB cell", seal, "hpke", 1.05),
    against("open a 2 KiB cell", open, "hpke", 1.05),
  ],
  finding: ({ find }) => [
    faster("find own cells among 100 000", find, "trial", 500),
    faster("find own cells among 100 000", find, "hexMap", 10),
    faster("find own cells among 100 000", find, "latin1Map", 10),
  ],
  checking: ({ read }) => [
    row("check 100 000 cells: digest, signature", all(read.tessera), "WebCrypto", all(read.webcrypto), 1.2),
  ],
  tags: ({ time }) => [limit("tags of 2 000 contacts over 14 days", milliseconds(time), 1000, time)],
  vaults: ({ unlock, sending, restore }) => [
    row("unlock, 10 messages stored", unlock.few, "PBKDF2 alone", unlock.webcrypto, 1.5),
    row("unlock, 10 000 messages stored", unlock.many, "10 stored", unlock.few, 1.5),
    row("send and commit, 10 000 stored", sending.many, "10 stored", sending.few, 1.5),
    plain("restore a backup of 10 000 messages", milliseconds(median(restore.many) / MS)),
  ],
  absence: ({ time, memory }) => [
    plain("14 days away, 2 000 contacts", milliseconds(time)),
    limit("the same: memory of the module", mebibytes(memory), 64, memory / 2 ** 20),
  ],
  webcrypto: ({ derive, seal }) => [
    against("PBKDF2, 600 000 rounds", derive, "webcrypto", 1.05),
    ...Object.entries(seal).map(([size, times]) =>
      against(`MedCrypt message of ${size / 1024} KiB`, times, "webcrypto", 1.5),
    ),
  ],
  tasks: ({ opening, scan, file }) => [
    longest("the vault opens", opening),
    longest("13 000 cells are read", scan),
    longest("10 MiB are sent and received", file),
  ],
  memory: ({ heap, modules }) => [
    grown("heap after 200 open and close", heap),
    grown("memory of the modules then", modules),
  ],
  download: (entries) => [
    size("the main entry until messages show, gzip", entries["."], "gzip", 240),
    size("the main entry until messages show, brotli", entries["."], "brotli", 200),
    size("`./sdk`, gzip", entries["./sdk"], "gzip", 110),
    size("the elements in one language, gzip", entries["./elements"], "gzip", 60),
  ],
};

/** The rows of what was measured, by part. */
export function rows(measured) {
  return Object.entries(measured).flatMap(([part, { found }]) => ROWS[part](found));
}

/** Times per cell, for 100 000 of them. */
const all = (perCell) => perCell.map((time) => time * 100_000);

const PEERS = {
  noble: "@noble/curves",
  sodium: "libsodium",
  hpke: "@hpke/core",
  trial: "trial decryption",
  hexMap: "JS Map of hex",
  latin1Map: "JS Map of Latin-1",
  webcrypto: "WebCrypto",
};

function against(what, times, peer, most) {
  return row(what, times.tessera, PEERS[peer], times[peer], most);
}

/** Without `most` it has no target. */
function row(what, ours, peer, theirs, most) {
  const measured = ratio(ours, theirs);
  const target = most === undefined ? { target: "", met: undefined } : { target: `≤ ${most}×`, met: measured <= most };
  return {
    what,
    ours: microseconds(median(ours)),
    peer,
    theirs: microseconds(median(theirs)),
    ratio: `${measured.toFixed(2)}×`,
    ...target,
  };
}

const plain = (what, ours) => ({ what, ours, peer: "", theirs: "", ratio: "", target: "", met: undefined });

/** Times are per cell; shown for all of them. */
function faster(what, times, peer, least) {
  const measured = ratio(times[peer], times.tessera);
  const shown = (perCell) => milliseconds(median(all(perCell)) / MS);
  return {
    what,
    ours: shown(times.tessera),
    peer: PEERS[peer],
    theirs: shown(times[peer]),
    ratio: `${measured.toFixed(measured < 100 ? 1 : 0)}× faster`,
    target: `≥ ${least}×`,
    met: measured >= least,
  };
}

function limit(what, ours, most, value) {
  const unit = ours.split(" ")[1];
  return { what, ours, peer: "", theirs: "", ratio: "", target: `≤ ${most} ${unit}`, met: value <= most };
}

/** The page's longest task while its portal works in a worker. The browser reports tasks from 50 ms on. */
function longest(what, { longest: value }) {
  return {
    ...limit(`longest task of the page while ${what}`, milliseconds(value), 50, value),
    ...(value === 0 ? { ours: "< 50 ms" } : {}),
  };
}

/** Within a tenth. */
function grown(what, { before, after }) {
  return {
    what,
    ours: mebibytes(after),
    peer: "before",
    theirs: mebibytes(before),
    ratio: `${(after / before).toFixed(2)}×`,
    target: "≤ 1.1×",
    met: after / before <= 1.1,
  };
}

/** Scripts, and a module if the entry has one. */
function size(what, { wasm, scripts }, format, most) {
  const bytes = (wasm?.[format] ?? 0) + scripts[format];
  return limit(`download of ${what}`, kibibytes(bytes), most, bytes / 1024);
}

export const microseconds = (value) =>
  value < 10_000 ? `${value.toFixed(value < 100 ? 1 : 0)} µs` : milliseconds(value / MS);
export const milliseconds = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
export const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
export const kibibytes = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

/** Markdown, which is also what the terminal shows. */
export function table(all) {
  const head = ["what", "ours", "peer", "peer's", "ratio", "target", "met"];
  const lines = all.map((r) => [
    r.what,
    r.ours,
    r.peer,
    r.theirs,
    r.ratio,
    r.target,
    r.met === undefined ? "" : r.met ? "yes" : "**no**",
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...lines.map((line) => line[i].length)));
  const render = (line) => `| ${line.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [render(head), render(widths.map((width) => "-".repeat(width))), ...lines.map(render)].join("\n");
}
