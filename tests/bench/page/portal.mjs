// The portal as a page uses it: how unlocking, sending, restoring and a long absence scale with the store.
// Times are of a portal on IndexedDB, durability included.

import { Portal, memoryStore } from "tessera-portal";
import { Hasher } from "tessera-portal/hashes";
import { random } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { compare } from "./measure.mjs";
import { PASSPHRASE, deriveKek, filled } from "./vaults.mjs";

const RELAY = "https://relay.example";
const FEW = 10;
const MANY = 10_000;
const CONTACTS = 2_000;
const DAYS = 14;
const EPOCHS_PER_DAY = 48;
/** Cells of one batch: the default relay's cover for one bucket. */
const PER_BATCH = 109;
const CELL = 2048;

export async function vaults(bench, budget) {
  const mailbox = new bench.BenchMailbox(Math.floor(Date.now() / 1000));
  const salt = random(16);
  const kek = await deriveKek(salt);
  const records = { few: mailbox.vault(kek, salt, 2, FEW), many: mailbox.vault(kek, salt, 2, MANY) };
  const stores = { few: await filled("bench-few", records.few), many: await filled("bench-many", records.many) };
  const slow = { ...budget, warmUp: 1 };

  const unlock = await compare(
    {
      few: () => opened(stores.few).then((portal) => portal.dispose()),
      many: () => opened(stores.many).then((portal) => portal.dispose()),
      webcrypto: async () => void (await deriveKek(salt)),
    },
    slow,
  );

  const portals = { few: await opened(stores.few), many: await opened(stores.many) };
  const contact = async (portal) => (await portal.contacts())[0].id;
  const ids = { few: await contact(portals.few), many: await contact(portals.many) };
  agree(
    (await portals.many.messages(ids.many, { limit: 10_000 })).length === MANY / 2,
    "the stored messages are listed",
  );
  const send = (name) => async () => void (await portals[name].send(ids[name], { text: "Recheck HbA1c in 3 months." }));
  const sending = await compare({ few: send("few"), many: send("many") }, slow);

  const bundle = await portals.many.vault.backup();
  for (const portal of Object.values(portals)) await portal.dispose();
  const restore = await compare({ many: () => restored(bundle) }, { ...slow, rounds: 5 });

  return { unlock, sending, restore, bundle: bundle.length };
}

/**
 * A clinician with 2 000 contacts reads what came in 14 days, in the engine alone: batches are verified, tags derived,
 * every cell looked up. The batches are random cells, written before the clock starts; none is fetched.
 */
export async function absence(bench) {
  const wasm = await bench.default(); // what was loaded before
  const now = Math.floor(Date.now() / 1000);
  const mailbox = new bench.BenchMailbox(now);
  const salt = random(16);
  const kek = await deriveKek(salt);
  const records = mailbox.vault(kek, salt, CONTACTS, 0);
  const header = records.find(([key]) => key === "vault")[1];
  const state = records.filter(([key]) => key.startsWith("s/") || key.startsWith("m/"));
  const cells = random(PER_BATCH * CELL);
  const batches = Array.from({ length: DAYS * EPOCHS_PER_DAY }, () => {
    // Other cells each time, so that no batch looks like another.
    for (let at = 0; at < cells.length; at += CELL) cells.set(crypto.getRandomValues(new Uint8Array(16)), at);
    const batch = new Uint8Array(192 + cells.length);
    batch.set(mailbox.next(cells));
    batch.set(cells, 192);
    return batch;
  });
  const { engine } = bench.Engine.unlock(0, kek, header, state);
  const before = wasm.memory.buffer.byteLength;
  const later = now + DAYS * 86_400;
  const start = performance.now();
  const listed = index(mailbox.origin, batches);
  const [bodies, hasher] = [new Map(), new Hasher()];
  engine.requestSync(["own"], false, later * 1000, 0);
  let [found, ticks] = [undefined, 0];
  for (let answer; found === undefined; ) {
    const ask = engine.nextAsk(answer, later * 1000, ticks).value;
    answer = undefined;
    if (ask.kind === "wait") ticks = ask.until; // between requests, of which it makes ten a second
    if (ask.kind === "get") answer = { kind: "got", bytes: new TextEncoder().encode(listed) };
    if (ask.kind === "confirm") answer = { kind: "confirmed", may: true };
    if (ask.kind === "keep") {
      bodies.set(ask.path, batches[bodies.size]);
      answer = { kind: "kept", length: batches[0].length };
    }
    if (ask.kind === "handOver") {
      const body = bodies.get(ask.path);
      answer = { kind: "handedOver", body, ...(await hasher.hashesOf(body)) };
    }
    if (ask.kind === "synced") found = ask.cells;
  }
  const time = performance.now() - start;
  agree(found === batches.length * PER_BATCH, "every cell was looked at");
  const memory = wasm.memory.buffer.byteLength;
  engine.free();
  return { time, batches: batches.length, bytes: batches.length * batches[0].length, memory, grown: memory - before };
}

/** What the relay would list. */
function index(origin, batches) {
  const listed = batches.map((batch) => {
    const epoch = Number(new DataView(batch.buffer).getBigUint64(40));
    return { origin, epoch, count: PER_BATCH, digest: batch.subarray(88, 120).toHex() };
  });
  return JSON.stringify({ oldest: listed[0].epoch, batches: listed, segments: [] });
}

const client = {
  url: RELAY,
  get: () => Promise.reject(new Error("no relay here")),
  post: () => Promise.reject(new Error("no relay here")),
};

const opened = (store) => Portal.open({ relay: client, store: store(), passphrase: PASSPHRASE, name: "Dr. Rivera" });

async function restored(bundle) {
  const portal = await Portal.restore(bundle, { relay: client, store: memoryStore(), passphrase: PASSPHRASE });
  await portal.dispose();
}
