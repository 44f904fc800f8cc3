/** Verifying an export of somebody's audit log, without their device. */

import { content, options as known, type Content } from "../arguments.js";
import { call, init } from "../module/core.js";

/** What an export proves. */
export type AuditVerdict =
  | {
      readonly valid: true;
      /** The owner's statement Y, 64 hex digits: whose signatures its checkpoints bear. */
      readonly owner: string;
      readonly entries: number;
      /** The last entry that the owner has signed for, or null. */
      readonly signed: number | null;
      /** The last entry that a checkpoint kept elsewhere covers: up to here nothing was changed since. Null without one. */
      readonly anchoredAt: number | null;
    }
  | {
      readonly valid: false;
      /** `malformed`: no export. `keptMalformed`: the checkpoint is none. `broken`: an entry does not follow from the one before. `truncated`: an entry that was signed is gone. `checkpoint`: a checkpoint is not the owner's, or not of this log. */
      readonly problem: "malformed" | "keptMalformed" | "broken" | "truncated" | "checkpoint";
      /** The first entry that does not fit, where that can be told. */
      readonly index: number | null;
    };

export interface AuditVerdictOptions {
  /** What was kept elsewhere: the text of a checkpoint, or an earlier export. */
  readonly checkpoint?: Content;
}

/** Verifies an export in NDJSON (protocol §11): the form of every line, the chain of entries, every checkpoint. */
export async function verifyAuditExport(exported: Content, options: AuditVerdictOptions = {}): Promise<AuditVerdict> {
  const log = content(exported, "exported");
  const { checkpoint } = known(options, "options", ["checkpoint"]);
  const kept = checkpoint === undefined ? undefined : content(checkpoint, "checkpoint");
  await init();
  const { problem, ...found } = call((core) => core.verifyAudit(log, kept)) as { problem: string | null };
  return (problem === null ? { valid: true, ...found } : { valid: false, problem, ...found }) as AuditVerdict;
}
