#!/usr/bin/env node
/** `tessera-lab`: sends a laboratory's results from a folder. */

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { accept, confirm, contactLine, invite } from "./enrol.js";
import { LabFolder } from "./folder.js";
import { Ledger } from "./ledger.js";
import { USAGE, labOptions, type LabOptions } from "./options.js";
import { LabSender, type Tally } from "./sender.js";
import { asTesseraError, invalid, isTesseraError } from "../errors.js";
import { Portal } from "../portal/portal.js";
import { sleep } from "../relay/environment.js";
import { fileStore } from "../store/file.js";

const POLL_MS = 2000;
/** The status of sysexits.h for what may work later. */
const WAITS = 75;

const print = (line: string): void => console.log(line);
const log = (line: string): void => console.error(`${new Date().toISOString()} ${line}`);

async function run(options: LabOptions, portal: Portal): Promise<number> {
  if (options.folder === undefined) throw invalid("--folder is missing");
  const folder = new LabFolder(resolve(options.folder));
  await folder.prepare();
  const ledger = await Ledger.open(join(options.store, "ledger"));
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.abort());
  try {
    const sender = new LabSender(portal, folder, ledger, log);
    let failed = 0;
    for (;;) {
      const tally = await sender.round();
      failed += tally.failed;
      const reached = await synced(portal, stopped.signal);
      if (stopped.signal.aborted) return 0;
      // What the relay has got now is moved in a last round.
      if (options.once && (tally.queued === 0 || !reached)) return status(await sender.round(), failed);
      await sleep(options.once ? 200 : POLL_MS, stopped.signal);
    }
  } finally {
    await ledger.close();
  }
}

function status({ failed, queued, waiting }: Tally, before: number): number {
  if (queued + waiting > 0) return WAITS;
  return failed + before > 0 ? 1 : 0;
}

/** One round with the relay; whether it could be reached. */
async function synced(portal: Portal, signal: AbortSignal): Promise<boolean> {
  try {
    await portal.sync({ flush: true, signal });
    return true;
  } catch (error) {
    if (!isTesseraError(error) || !(error.retryable || error.code === "UNAUTHORIZED")) throw error;
    if (error.code !== "ABORTED") log(`relay: ${error.code}`);
    return false;
  }
}

async function command(options: LabOptions, portal: Portal): Promise<number> {
  const [first, second] = options.operands;
  switch (options.command) {
    case "init":
      print(Buffer.from((await portal.me()).fingerprint).toString("hex"));
      return 0;
    case "invite":
      await invite(portal, options.expect, print);
      return 0;
    case "accept":
      await accept(portal, (await readAll(process.stdin)).trim(), options.inPerson, print);
      return 0;
    case "contacts":
      for (const contact of await portal.contacts()) print(contactLine(contact));
      return 0;
    case "confirm":
      if (first === undefined || second === undefined) throw invalid("confirm takes a contact and six digits");
      await confirm(portal, first, second);
      return 0;
    case "remove":
      if (first === undefined) throw invalid("remove takes a contact");
      await portal.removeContact(first);
      return 0;
    case "run":
      return run(options, portal);
    default:
      throw invalid("the command is not one of init, invite, accept, contacts, confirm, remove, run");
  }
}

async function main(): Promise<number> {
  const options = await labOptions(process.argv.slice(2), process.env);
  if (options === undefined) {
    console.error(USAGE);
    return 2;
  }
  await mkdir(options.store, { recursive: true, mode: 0o700 });
  const portal = await Portal.open({
    relay: options.relay,
    store: fileStore(join(options.store, "vault")),
    ...options.opening,
    ...(options.command === "init" ? { create: true, name: options.name ?? "" } : {}),
  });
  try {
    return await command(options, portal);
  } finally {
    await portal.dispose();
  }
}

/** A path may hold a patient's name, so what the system says is reduced to its code. */
function explain(thrown: unknown): string {
  if (isTesseraError(thrown)) return `${thrown.code}: ${thrown.message}`;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
  return code ?? `${asTesseraError(thrown).code}: ${thrown instanceof Error ? thrown.name : typeof thrown}`;
}

try {
  process.exitCode = await main();
} catch (thrown) {
  console.error(`tessera-lab: ${explain(thrown)}`);
  process.exitCode = 2;
}
