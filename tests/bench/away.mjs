// How long a person waits for the first message who was away for two weeks: a phone's network and processor, in Chromium, with
// a real relay and a real mirror that have 14 days of batches with the default cover.
//
//   node tests/bench/away.mjs           measures what `cargo xtask build` made, and `relay/bench`'s example `history`
//   node tests/bench/away.mjs --write   and writes it into docs/benchmarks.md
//
// TESSERA_RELAY and TESSERA_HISTORY name the two programs.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Portal, memoryStore } from "../../pkg/dist/node.js";
import { launch } from "../e2e/support/browser.mjs";
import { servePackage } from "../e2e/support/package-page.mjs";
import { packageProfile } from "../e2e/support/package-profile.mjs";
import { median } from "./lib/statistics.mjs";

const target = (file) => fileURLToPath(new URL(`../../target/release/${file}`, import.meta.url));
const RELAY = process.env.TESSERA_RELAY ?? target("tessera-relay");
const HISTORY = process.env.TESSERA_HISTORY ?? target("examples/history");

const DAYS = 14;
const EPOCH_S = 1_800;
const GOAL_S = 5;
/** Whole reading is given up after this long. */
const MOST_S = 420;
const SLOWER = 4;
/** Chromium's presets, per request. */
const NETWORKS = {
  "Fast 4G": { latency: 60 * 2.75, downloadThroughput: (9_000_000 / 8) * 0.9, uploadThroughput: (1_500_000 / 8) * 0.9 },
  "Slow 4G": { latency: 150 * 3.75, downloadThroughput: (1_600_000 / 8) * 0.9, uploadThroughput: (750_000 / 8) * 0.9 },
};
/** Each is a person of their own, who was away. */
const VISITS = [
  ["light", "Fast 4G"],
  ["light", "Fast 4G"],
  ["light", "Fast 4G"],
  ["light", "Slow 4G"],
  ["whole", "Fast 4G"],
];
const FLAGS = { log: "error", buckets: 1, "allow-origin": "*" };

const { write } = parseArgs({ options: { write: { type: "boolean", default: false } } }).values;
const folder = await mkdtemp(join(tmpdir(), "tessera-away-"));
const relays = [];
const site = await servePackage();
const browser = await launch();
try {
  // Nothing is published between the history and the last visit but what the history has.
  const left = EPOCH_S - ((Date.now() / 1000) % EPOCH_S);
  if (left < MOST_S + 300) {
    say(`waiting ${left.toFixed(0)} s for the next epoch`);
    await sleep((left + 5) * 1000);
  }
  const times = await measure();
  const [cpu] = cpus();
  const text = [
    `- ${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu?.model.trim()}), load average ${loadavg()[0].toFixed(1)}; Chromium ${browser.version()}, headless`,
    "",
    "| after 14 days away, from the passphrase to the first message | result | target | met |",
    "| --- | --- | --- | --- |",
    ...rows(times),
  ].join("\n");
  console.log(text);
  if (write) await replace(new URL("../../docs/benchmarks.md", import.meta.url), text);
} finally {
  await browser.close();
  await site.stop();
  for (const relay of relays) relay.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}

function say(progress) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${progress}`);
}

function rows(times) {
  const named = new Map();
  for (const visit of times) {
    const name = `${visit.reading} reading; ${visit.network}, processor ${SLOWER}× slower`;
    named.set(name, [...(named.get(name) ?? []), visit]);
  }
  return [...named].map(([name, of]) => {
    const seconds = median(of.map((each) => each.seconds ?? Infinity));
    const result = Number.isFinite(seconds)
      ? `${seconds.toFixed(1)} s, ${of[0].requests} requests`
      : `more than ${MOST_S} s: given up`;
    const isTarget = name.startsWith("light reading; Fast");
    return `| ${name} | ${result} | ${isTarget ? `≤ ${GOAL_S} s` : ""} | ${!isTarget ? "" : seconds <= GOAL_S ? "yes" : "**no**"} |`;
  });
}

async function measure() {
  const store = join(folder, "relay.db");
  let relay = await serve(store);
  const port = new URL(relay.url).port;
  const doctor = await person(relay.url);
  const patients = [];
  for (const [reading, network] of VISITS) {
    const profile = await packageProfile(browser, site.url);
    const page = await profile.page();
    const contact = await meet(doctor, page, relay.url);
    say(`patient ${patients.length + 1} of ${VISITS.length} enrolled`);
    patients.push({ reading, network, profile, page, contact });
  }
  await stop(relay);
  // A mailbox that was empty when it was first read is read from its beginning.
  history(store, DAYS * 48 - 1, 1);
  relay = await serve(store, port);
  for (const { contact } of patients) await doctor.send(contact, { text: "Please come back for a blood test." });
  for (let waits = true; waits; ) {
    await doctor.sync({ flush: true });
    const messages = await Promise.all(patients.map(({ contact }) => doctor.messages(contact)));
    waits = messages.some((of) => of.at(-1).state !== "sent");
  }
  await doctor.dispose();
  await stop(relay);
  say(`${DAYS} days of batches, and the message in the newest`);
  history(store, 1, 0);
  await cp(store, join(folder, "mirror.db"));
  await serve(store, port);
  const mirror = await serve(join(folder, "mirror.db"));
  const times = [];
  for (const patient of patients) {
    const result = await visit(patient, relay.url, mirror.url);
    say(`${patient.reading} reading, ${patient.network}: ${result.seconds?.toFixed(1)} s`);
    times.push({ ...patient, ...result });
  }
  return times;
}

/** A relay on a store, which other programs may have written to before. */
async function serve(store, port = 0) {
  const flags = Object.entries({ ...FLAGS, port, storage: `sqlite://${store}` });
  const child = spawn(RELAY, ["serve", ...flags.map(([name, value]) => `--${name}=${value}`)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  relays.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? [];
    if (url !== undefined) return { url, child };
  }
  throw new Error("the relay exited before it listened");
}

async function stop({ child }) {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

function history(store, epochs, leave) {
  const { status, stderr } = spawnSync(HISTORY, [store, 1, epochs, EPOCH_S, leave].map(String), { encoding: "utf8" });
  if (status !== 0) throw new Error(`history: ${stderr}`);
}

function person(relay) {
  return Portal.open({ relay, store: memoryStore(), passphrase: "at the desk", name: "Dr. Rivera", create: true });
}

/** The doctor invites, the page of a patient accepts, and both compare the digits. */
async function meet(doctor, page, relay) {
  const { uri } = await doctor.invite({ kind: "qr" });
  await page.evaluate(
    async ([relay, uri]) => {
      const { Portal, indexedDbStore } = await import("tessera-portal");
      const store = indexedDbStore("away");
      window.portal = await Portal.open({ relay, store, passphrase: "rain on the roof", name: "Ana", create: true });
      await window.portal.accept(uri);
    },
    [relay, uri],
  );
  const synced = async () => {
    await doctor.sync({ flush: true });
    await page.evaluate(() => window.portal.sync({ flush: true }));
  };
  const newest = async () => (await doctor.contacts()).at(-1);
  while (!(await newest())?.sas || !(await page.evaluate(async () => (await window.portal.contacts())[0]?.sas))) {
    await synced();
    await sleep(500); // the lobby closes every five seconds
  }
  const contact = await newest();
  await doctor.confirmSas(contact.id);
  await page.evaluate(async () => {
    const [contact] = await window.portal.contacts();
    await window.portal.confirmSas(contact.id);
    await window.portal.sync({ flush: true });
    await window.portal.dispose();
  });
  return contact.id;
}

/** From the passphrase to the first message, on a phone whose page and module are there already. */
async function visit({ reading, network, page, profile }, url, mirror) {
  const session = await page.context().newCDPSession(page);
  let requests = 0;
  page.on("request", (request) => {
    requests += request.method() === "OPTIONS" || !request.url().includes("/v1/") ? 0 : 1;
  });
  await page.evaluate(() => import("tessera-portal").then(({ init }) => init()));
  await session.send("Network.enable");
  // An index may be cached until the epoch ends, and 14 days have passed since the last.
  await session.send("Network.clearBrowserCache");
  await session.send("Network.emulateNetworkConditions", { offline: false, ...NETWORKS[network] });
  await session.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  const seconds = await page.evaluate(
    async ({ reading, url, mirror, most }) => {
      const { Portal, indexedDbStore } = await import("tessera-portal");
      const began = performance.now();
      const relay = reading === "light" ? { url, mirror, members: [] } : { url, members: [] };
      const store = indexedDbStore("away");
      const portal = await Portal.open({ relay, reading, store, passphrase: "rain on the roof" });
      const shown = new Promise((resolve) => {
        portal.addEventListener("message", () => resolve((performance.now() - began) / 1000), { once: true });
        setTimeout(resolve, most * 1000, null);
      });
      portal.start();
      const seconds = await shown;
      await portal.dispose();
      return seconds;
    },
    { reading, url, mirror, most: MOST_S },
  );
  await profile.close();
  return { seconds, requests };
}

async function replace(file, text) {
  const [begin, end] = ["<!-- away results: written by tests/bench/away.mjs -->", "<!-- end of away results -->"];
  const document = await readFile(file, "utf8");
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file.pathname} has no markers to write between`);
  await writeFile(file, `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`);
}
