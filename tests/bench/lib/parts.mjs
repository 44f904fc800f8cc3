// The parts of a run. Each is measured in a page of its own, and what it found is kept in a file, so that a part that fails
// loses nothing of the others.

import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { startRelay } from "../../node/relay.mjs";
import { runPages } from "./page.mjs";
import { ENTRIES, elementsSize, sizes } from "./sizes.mjs";

/** For a page that hangs, in milliseconds. */
const PATIENCE = 20 * 60_000;

/** In the order of the table. What each of them measures is in page/main.mjs, but for these two. */
const OTHERS = { tasks, download };
export const PARTS = [
  "proofs",
  "cells",
  "finding",
  "checking",
  "tags",
  "vaults",
  "absence",
  "webcrypto",
  "tasks",
  "memory",
  "download",
];

/** What one part finds. `served`: the resources of the pages; `dist`: the package's folder; `mode`: full or quick. */
export async function measure(part, { served, dist, mode }) {
  const pages = (list) => runPages(served, list, PATIENCE);
  if (part in OTHERS) return OTHERS[part](pages, dist);
  const {
    results: [found],
    browser,
  } = await pages([["/", { part, mode }]]);
  return { ...found, browser };
}

async function tasks(pages) {
  // What files of 10 MiB need: see docs/relay.md.
  const relay = await startRelay({
    "max-message-size": "16MiB",
    buckets: 1,
    "cells-per-bucket": 8,
    "cell-size": 16384,
    "cells-per-connection": 1_000_000,
    "cells-per-peer": 1_000_000,
  });
  const {
    results: [, found],
    browser,
  } = await pages([
    ["/prepare", undefined],
    ["/tasks", relay.url],
  ]).finally(() => relay.end());
  return { ...found, browser };
}

async function download(_, dist) {
  const found = { "./elements": { scripts: await elementsSize(dist) } };
  for (const entry of Object.keys(ENTRIES)) found[entry] = await sizes(dist, entry);
  return found;
}

/** Files of what was found, in a folder. Only what was found with the same modules counts. */
export class Results {
  #folder;
  #built;

  static async open(folder, dist, module) {
    const built = createHash("sha256");
    for (const file of [new URL("core/core.wasm", dist), new URL("core/sdk.wasm", dist), new URL("bench.wasm", module)])
      built.update(await readFile(file));
    await mkdir(folder, { recursive: true });
    return new Results(folder, built.digest("hex"));
  }

  constructor(folder, built) {
    this.#folder = folder;
    this.#built = built;
  }

  async keep(part, found) {
    const [load] = loadavg();
    const kept = { built: this.#built, date: new Date().toISOString().slice(0, 10), load, found };
    await writeFile(this.#file(part), JSON.stringify(kept));
    return kept;
  }

  /** `undefined` for a part that was not measured. */
  async of(part) {
    const text = await readFile(this.#file(part), "utf8").catch(() => undefined);
    const kept = text === undefined ? undefined : JSON.parse(text);
    return kept?.built === this.#built ? kept : undefined;
  }

  #file(part) {
    return new URL(`${part}.json`, this.#folder);
  }
}
