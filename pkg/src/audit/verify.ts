/** Verification of an exported audit log, without the owner's device. */

import { content, options as known, type Content } from "../arguments.js";
import { call, init } from "../module/core.js";

/** What an export proves. */
export type AuditVerdict =
  | {
      readonly valid: true;
      /** The owner's statement Y, 64 hex digits, under which its checkpoints are signed. */
      readonly owner: string;
      readonly entries: number;
      /** The last entry that the owner has signed, or null. */
      readonly signed: number | null;
      /** The last entry covered by a checkpoint that was kept elsewhere; entries up to it have not changed since. Null without one. */
      readonly anchoredAt: number | null;
    }
  | {
      readonly valid: false;
      /** `malformed`: not an export. `keptMalformed`: not a checkpoint. `broken`: an entry does not follow the previous one. `truncated`: a signed entry is missing. `checkpoint`: a checkpoint of another owner or another log. */
      readonly problem: "malformed" | "keptMalformed" | "broken" | "truncated" | "checkpoint";
      /** The first invalid entry, if known. */
      readonly index: number | null;
    };

export interface AuditVerdictOptions {
  /** A checkpoint that was kept elsewhere, as text, or an earlier export. */
  readonly checkpoint?: Content;
}

/** Verifies an export in NDJSON (protocol §11): the format of every line, the chain of entries, every checkpoint. */
export async function verifyAuditExport(exported: Content, options: AuditVerdictOptions = {}): Promise<AuditVerdict> {
  const log = content(exported, "exported");
  const { checkpoint } = known(options, "options", ["checkpoint"]);
  const kept = checkpoint === undefined ? undefined : content(checkpoint, "checkpoint");
  await init();
  const { problem, ...found } = call((core) => core.verifyAudit(log, kept)) as { problem: string | null };
  return (problem === null ? { valid: true, ...found } : { valid: false, problem, ...found }) as AuditVerdict;
}
