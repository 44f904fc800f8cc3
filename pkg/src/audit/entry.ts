/** Entries of the audit log in the public API. */

import type { LoggedEntry } from "../portal/engine.js";
import type { AuditEntry } from "../portal/types.js";

/** The fields of an entry's record, with its index. */
export function parsed({ index, head, record }: LoggedEntry): AuditEntry {
  return { ...(JSON.parse(record) as AuditEntry), index, head };
}
