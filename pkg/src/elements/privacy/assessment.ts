/** What a data protection impact assessment asks of this component, as JSON and CSV. */

import type { AuditEntry, Portal } from "../../index.js";
import { row } from "../../audit/csv.js";
import type { ServiceInfo } from "./observed.js";

const MONTH = 30 * 86_400;
const PAGE = 100;

export type Assessment = Readonly<Record<string, string | number | null>>;

/** Times are ISO 8601 in UTC, ages in days, null what is not known here. */
export async function assess(portal: Portal, info: ServiceInfo, idleMinutes: number | null): Promise<Assessment> {
  const now = Date.now() / 1000;
  const [entries, contacts, settings] = await Promise.all([allEntries(portal), portal.contacts(), portal.settings()]);
  const last = (event: string): AuditEntry | undefined => entries.filter((entry) => entry.event === event).at(-1);
  const recent = (event: string): number =>
    entries.filter((entry) => entry.event === event && entry.time > now - MONTH).length;
  const age = (entry: AuditEntry | undefined): number | null =>
    entry === undefined ? null : Math.floor((now - entry.time) / 86_400);
  const checkpoint = last("checkpoint");
  const { cover } = info;
  return {
    component: "tessera-portal",
    version: `protocol ${info.protocol}`,
    taken: new Date(now * 1000).toISOString(),
    data_category: "health data: messages, results, photos",
    where_kept: "this device, sealed; the message service holds sealed cells for its retention",
    who_can_read: "the two people of a conversation; holders of enough emergency cards and a backup",
    cipher: "HPKE DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; enrolment X-Wing (ML-KEM-768 and X25519)",
    idle_limit_minutes: idleMinutes,
    service_retention_days: info.retention_seconds / 86_400,
    accepted_for_days: settings.retentionDays,
    key_life_days: `one month and ${settings.graceDays} days`,
    message_limit_bytes: info.max_attachment_bytes,
    cover: cover?.mechanism ?? "none",
    cover_epsilon: cover?.epsilon ?? null,
    cover_delta: cover?.delta ?? null,
    epoch_seconds: info.epoch_seconds,
    backup_age_days: age(last("backedUp")),
    last_restore_drill:
      last("restored") === undefined ? null : new Date((last("restored")?.time ?? 0) * 1000).toISOString(),
    unverified_contacts: contacts.filter(({ state }) => state !== "active").length,
    unfiled_messages: entries.some(({ event }) => (event as string) === "filed") ? unfiled(entries) : null,
    refused_per_30_days: recent("rejected"),
    gaps_per_30_days: entries.filter(
      (entry) => entry.event === "gap" && entry["closed"] !== true && entry.time > now - MONTH,
    ).length,
    checkpoint_lag_entries: (entries.at(-1)?.index ?? 0) - (checkpoint?.index ?? -1),
    checkpoint_age_days: age(checkpoint),
  };
}

export function assessmentCsv(assessment: Assessment): string {
  return `\ufeff${row(["field", "value"])}${Object.entries(assessment)
    .map(([field, value]) => row([field, value === null ? "" : String(value)]))
    .join("")}`;
}

/** Messages that were received and not filed, in a portal that files. */
function unfiled(entries: readonly AuditEntry[]): number {
  const ids = (event: string): Set<string | undefined> =>
    new Set(entries.filter((entry) => (entry.event as string) === event).map(({ message }) => message));
  const filed = ids("filed");
  return [...ids("received")].filter((id) => !filed.has(id)).length;
}

async function allEntries(portal: Portal): Promise<AuditEntry[]> {
  const pages: AuditEntry[][] = [];
  let before: number | undefined;
  for (;;) {
    const page = await portal.audit.entries(before === undefined ? { limit: PAGE } : { before, limit: PAGE });
    const [oldest] = page;
    if (oldest === undefined) break;
    pages.unshift(page);
    before = oldest.index;
    if (before === 0) break;
  }
  return pages.flat();
}
