// The longest task of a page whose portal is in a worker: while it opens a vault, reads a batch, and sends and receives a file.
// `prepare.mjs` has made the vault and the batch in another page, whose work would count here.

import { indexedDbStore, openInWorker } from "tessera-portal/worker";
import { meet } from "../../consumers/fixtures/converse.js";
import { random } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { CELLS, DATABASE, PASSPHRASE, STILL_RELAY } from "./vaults.mjs";

const FILE = 10 * 2 ** 20;

/** Milliseconds of the longest tasks, and of all the work. `relay` is the URL of one that takes files of this size. */
globalThis.run = async (relay) => {
  const busy = await watched(() => {
    for (const end = performance.now() + 100; performance.now() < end; );
  });
  agree(busy.longest >= 50, "a long task is seen");
  let portal;
  const opening = await watched(async () => {
    portal = await open({ relay: STILL_RELAY, store: indexedDbStore(DATABASE), passphrase: PASSPHRASE });
  });
  const scan = await watched(() => portal.sync());
  agree(scan.value.cellsScanned === CELLS, `${scan.value.cellsScanned} cells were read`);
  await portal.dispose();
  return { opening, scan, file: await transfer(relay) };
};

const open = (options) =>
  openInWorker({ ...options, worker: () => new Worker("/host.js", { type: "module" }), wasm: "/core.wasm" });

/** The longest task of the page while something is done; 0 if none took 50 ms. */
async function watched(work) {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  observer.observe({ entryTypes: ["longtask"] });
  await new Promise((resolve) => setTimeout(resolve)); // what led here is a task of its own
  const start = performance.now();
  const value = await work();
  const time = performance.now() - start;
  await new Promise((resolve) => setTimeout(resolve, 200)); // the last task is reported after its end
  tasks.push(...observer.takeRecords());
  observer.disconnect();
  const longest = Math.max(0, ...tasks.filter((task) => task.startTime >= start - 1).map((task) => task.duration));
  return { longest, time, value };
}

/** A file of 10 MiB is sent at once and received, both by portals of this page, each in its worker. */
async function transfer(relay) {
  const { rivera, alex, toAlex, toRivera, synced } = await meet({ open, memoryStore: indexedDbStore }, relay);
  const file = new File([random(FILE)], "thorax.dcm", { type: "application/dicom" });
  const done = await watched(async () => {
    await rivera.send(toAlex, { attachments: [file], pace: "prompt" });
    const message = await synced(async () => (await alex.messages(toRivera))[0]);
    return message.attachments[0].body();
  });
  agree(done.value.length === FILE, "the file arrived");
  await Promise.all([rivera.dispose(), alex.dispose()]);
  return { longest: done.longest, time: done.time };
}
