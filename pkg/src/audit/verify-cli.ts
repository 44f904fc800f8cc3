#!/usr/bin/env node
/** `tessera-audit-verify export.ndjson [--checkpoint file] [--json]`: verifies an exported audit log, offline. */

import { readFile } from "node:fs/promises";
import { command, type Values } from "./cli.js";
import { verifyAuditExport, type AuditVerdict } from "./verify.js";

const USAGE = `Usage: tessera-audit-verify <export.ndjson> [--checkpoint <file>] [--json]

  --checkpoint  what was kept elsewhere: a checkpoint, or an earlier export
  --json        prints the verdict for programs

Ends with 0 if the log verifies, 1 if it does not, 2 if it could not be read.`;

/** Explains what the result proves and what it does not. */
function sentences(verdict: AuditVerdict, kept: boolean): string[] {
  if (!verdict.valid) return [`NOT VERIFIED: ${problem(verdict)}`];
  const { entries, signed, anchoredAt, owner } = verdict;
  const said = [`VERIFIED: ${entries} entries, each follows from the one before. Owner: ${owner}`];
  said.push(
    signed === null
      ? "Nobody has signed it: anyone could have written all of it."
      : `The owner has signed entries 0 to ${signed}${signed + 1 < entries ? `; entries ${signed + 1} to ${entries - 1} are not signed` : ""}.`,
  );
  if (anchoredAt !== null)
    said.push(
      `Entries 0 to ${anchoredAt} are as they were when the checkpoint kept elsewhere was made: none was changed, removed, inserted or moved since.`,
    );
  if (anchoredAt === null || anchoredAt + 1 < entries)
    said.push(
      anchoredAt === null
        ? "Against the owner this proves nothing: the owner could have rewritten all entries before exporting."
        : "This does not cover later entries: the owner could have rewritten them before exporting.",
    );
  if (!kept) said.push("Pass a checkpoint that was kept elsewhere with --checkpoint to prove more.");
  said.push("It proves nothing about what was never logged, and the times are the owner's clock.");
  return said;
}

function problem({ problem, index }: AuditVerdict & { valid: false }): string {
  switch (problem) {
    case "malformed":
      return "this is not an export of an audit log, or a line of it was changed.";
    case "keptMalformed":
      return "the file given as the checkpoint contains no checkpoint.";
    case "broken":
      return `entry ${index} does not follow the previous entry: it or an earlier one was changed, removed, inserted or moved.`;
    case "truncated":
      return "the log ends before an entry that was signed: entries are missing at its end.";
    case "checkpoint":
      return "a checkpoint is not this owner's, or the log is not the one that was signed.";
  }
}

async function verify({ checkpoint, json = false }: Values, log: string): Promise<number> {
  const kept = checkpoint === undefined ? {} : { checkpoint: await readFile(checkpoint) };
  const verdict = await verifyAuditExport(await readFile(log), kept);
  console.log(json ? JSON.stringify(verdict) : sentences(verdict, checkpoint !== undefined).join("\n"));
  return verdict.valid ? 0 : 1;
}

await command(USAGE, { checkpoint: { type: "string" }, json: { type: "boolean" } }, 1, verify);
