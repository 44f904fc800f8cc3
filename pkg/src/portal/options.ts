/** What a portal is opened with, checked before anything is done with it. */

import { bytes, callback, flag, integer, options as known, text } from "../arguments.js";
import { invalid } from "../errors.js";
import { MOST_IDLE_MINUTES } from "./idle.js";
import type { RelayClient } from "../relay/client.js";
import type { OpenOptions, Pace, ReadOptions, RestoreOptions } from "./types.js";
import { requireHostKey } from "../vault/host-key.js";
import type { Opening } from "../vault/vault.js";

/** How a portal behaves while it is open. */
export type RuntimeOptions = {
  readonly [K in (typeof RUNTIME_OPTIONS)[number]]: OpenOptions[K] | undefined;
};

const RUNTIME_OPTIONS = [
  "pace",
  "idleMinutes",
  "receiptDelayMinutes",
  "reading",
  "lightQueries",
  "backup",
  "log",
  "confirmLargeDownload",
] as const;
/** The longest average time that a receipt may wait, two days: a message without one is shown as undelivered after seven. */
const MOST_RECEIPT_DELAY_MINUTES = 2880;
/** Most bitmaps that a relay takes in one request. */
const MOST_LIGHT_QUERIES = 16;
export const READ_OPTIONS = ["store", "passphrase", "passkey", "key"] as const satisfies (keyof ReadOptions)[];
export const OPEN_OPTIONS = [
  ...RUNTIME_OPTIONS,
  ...READ_OPTIONS,
  "relay",
  "name",
  "create",
  "takeOver",
  "expectVault",
  "afterEviction",
  "signal",
] as const satisfies (keyof OpenOptions)[];
export const RESTORE_OPTIONS = [
  ...RUNTIME_OPTIONS,
  "relay",
  "store",
  "passphrase",
  "key",
  "recoveryCode",
  "newPassphrase",
] as const satisfies (keyof RestoreOptions)[];

export function requireRuntimeOptions(given: Partial<RuntimeOptions>): RuntimeOptions {
  const { pace, idleMinutes, receiptDelayMinutes, reading, lightQueries, backup, log, confirmLargeDownload } = given;
  if (pace !== undefined) requirePace(pace);
  if (idleMinutes !== undefined) requireMinutes(idleMinutes);
  if (receiptDelayMinutes !== undefined)
    integer(receiptDelayMinutes, "receiptDelayMinutes", 0, MOST_RECEIPT_DELAY_MINUTES);
  if (reading !== undefined && reading !== "whole" && reading !== "light")
    throw invalid('reading is neither "whole" nor "light"');
  if (lightQueries !== undefined) integer(lightQueries, "lightQueries", 1, MOST_LIGHT_QUERIES);
  callback(backup, "backup");
  callback(log, "log");
  callback(confirmLargeDownload, "confirmLargeDownload");
  return { pace, idleMinutes, receiptDelayMinutes, reading, lightQueries, backup, log, confirmLargeDownload };
}

/** Light reading needs a second relay: without it nothing would be hidden from the first. */
export function requireMirror(reading: RuntimeOptions["reading"], relay: RelayClient): void {
  if (reading !== "light") return;
  if (relay.mirror === undefined) throw invalid('reading is "light" and relay.mirror is missing');
  if (relay.select === undefined) throw invalid('reading is "light" and relay has no select');
}

export function requirePace(pace: unknown): Pace {
  if (pace !== "steady" && pace !== "prompt") throw invalid('pace is neither "steady" nor "prompt"');
  return pace;
}

export function requirePassphrase(given: unknown, name: string): string | Uint8Array {
  if (given === undefined) throw invalid(`${name} is missing`);
  const passphrase = typeof given === "string" ? text(given, name) : bytes(given, name);
  if (passphrase.length === 0) throw invalid(`${name} is empty`);
  return passphrase;
}

/** What opens the vault: exactly one of the three. */
export function requireOpening(given: { passphrase?: unknown; passkey?: unknown; key?: unknown }): Opening {
  const ways = [
    given.passphrase !== undefined && "passphrase",
    flag(given.passkey, "passkey") && "passkey",
    given.key !== undefined && "key",
  ].filter((way) => way !== false);
  if (ways.length > 1) throw invalid(`${ways.join(" and ")} are both given: a vault is opened with one of them`);
  if (ways[0] === "key") return { key: requireHostKey(given.key) };
  return ways[0] === "passkey" ? { passkey: true } : requirePassphrase(given.passphrase, "passphrase");
}

/** The same as one argument, as `unlock` takes it: a passphrase of this name, `{ passkey: true }` or `{ key }`. */
export function requireOpeningArgument(opening: unknown, name: string): Opening {
  if (typeof opening !== "object" || opening === null || !("passkey" in opening || "key" in opening))
    return requirePassphrase(opening, name);
  const given = known(opening as { passkey?: unknown; key?: unknown }, name, ["passkey", "key"]);
  if (given.key === undefined && given.passkey !== true) throw invalid(`${name}.passkey is not true`);
  return requireOpening(given);
}

function requireMinutes(minutes: unknown): void {
  if (typeof minutes !== "number" || !(minutes > 0 && minutes <= MOST_IDLE_MINUTES))
    throw invalid(`idleMinutes is not a number above 0, ${MOST_IDLE_MINUTES} at most`);
}
