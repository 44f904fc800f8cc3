/** Entries of the audit log as callers see them. */

import type { LoggedEntry } from "../portal/engine.js";
import type { AuditEntry } from "../portal/types.js";

/** The fields of its record, with its place. */
export function parsed({ index, head, record }: LoggedEntry): AuditEntry {
  return { ...(JSON.parse(record) as AuditEntry), index, head };
}
