// Writes the vaults of two people who have written to each other, for the tests of later versions. Run it before the vault's version changes:
// node test/write-vaults.mjs v1
// What it writes lies in tests/data/vaults, one record per line, and is never written again; the passphrase is that of people.mjs, and nothing in it is worth keeping.

import { writeFile } from "node:fs/promises";
import { memoryStore } from "tessera-portal";
import { enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import "./support.mjs";

const [version] = process.argv.slice(2);
if (!/^v\d+$/.test(version)) throw new Error("name the version: v1");
const relay = await startRelay();
const [hers, his] = [memoryStore(), memoryStore()];
const [rivera, ana] = [
  await person("Dr. Rivera", relay.url, { store: hers }),
  await person("Ana Gómez", relay.url, { store: his }),
];
const [toAna, toRivera] = await enrol(rivera, ana);
await rivera.send(toAna, { text: "Continue metformin 500mg BID.", session: "visit-7421" });
await syncedUntil([rivera, ana], "delivery", async () => (await rivera.messages(toAna))[0].state === "delivered");
await ana.send(toRivera, {
  attachments: [{ contentType: "application/octet-stream", body: new Uint8Array(5000).fill(7), filename: "scan.bin" }],
});
await syncedUntil([rivera, ana], "the file", async () => (await rivera.messages(toAna)).length === 2);
await rivera.invite({ kind: "link" });
await rivera.send(toAna, { text: "Queued when the vault was written." });
await Promise.all([rivera.dispose(), ana.dispose()]);
for (const [name, store] of [
  ["rivera", hers],
  ["ana", his],
]) {
  const { entries } = await store.list("");
  const lines = entries.map(([key, value]) => `${key} ${Buffer.from(value).toString("hex")}\n`);
  await writeFile(new URL(`../../tests/data/vaults/${version}-${name}.txt`, import.meta.url), lines.join(""), {
    flag: "wx",
  });
}
await relay.end();
