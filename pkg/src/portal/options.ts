/** What a portal is opened with, checked before anything is done with it. */

import { bytes } from "../arguments.js";
import { invalid } from "../errors.js";
import { MOST_IDLE_MINUTES } from "./idle.js";
import type { OpenOptions } from "./types.js";
import type { Opening } from "../vault/vault.js";

/** How a portal behaves while it is open. */
export type RuntimeOptions = {
  readonly [K in "idleMinutes" | "backup" | "confirmLargeDownload"]: OpenOptions[K] | undefined;
};

export function requireRuntimeOptions({
  idleMinutes,
  backup,
  confirmLargeDownload,
}: Partial<RuntimeOptions>): RuntimeOptions {
  if (idleMinutes !== undefined) requireMinutes(idleMinutes);
  for (const [name, hook] of Object.entries({ backup, confirmLargeDownload })) {
    if (hook !== undefined && typeof hook !== "function") throw invalid(`${name} is not a function`);
  }
  return { idleMinutes, backup, confirmLargeDownload };
}

export function requirePassphrase(given: unknown, name: string): string | Uint8Array {
  const passphrase = typeof given === "string" ? given : bytes(given, name);
  if (passphrase.length === 0) throw invalid(`${name} is empty`);
  return passphrase;
}

export function requireOpening(opening: unknown): Opening {
  if (typeof opening === "object" && opening !== null && (opening as { passkey?: unknown }).passkey === true)
    return { passkey: true };
  return requirePassphrase(opening, "passphrase");
}

function requireMinutes(minutes: unknown): void {
  if (typeof minutes !== "number" || !(minutes > 0 && minutes <= MOST_IDLE_MINUTES))
    throw invalid(`idleMinutes is not a number above 0, ${MOST_IDLE_MINUTES} at most`);
}
