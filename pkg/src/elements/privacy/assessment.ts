/** What a data protection impact assessment asks of this component, as JSON and CSV. */

import type { AuditEntry, Portal } from "../../index.js";
import { row } from "../../audit/csv.js";
import { VERSION } from "../../version.js";
import { readBack } from "../session/alerts.js";
import type { ServiceInfo } from "./observed.js";

const MONTH = 30 * 86_400;

export type Assessment = Readonly<Record<string, string | number | null>>;

/** What only the page knows. */
export interface Circumstances {
  /** null: it does not lock by itself, or the host locks it. */
  readonly idleMinutes: number | null;
  /** When a backup was last tried here, in Unix seconds. */
  readonly drilledAt: number | null;
}

/** Times are ISO 8601 in UTC, ages are in days; null is unknown here. */
export async function assess(
  portal: Portal,
  info: ServiceInfo,
  { idleMinutes, drilledAt }: Circumstances,
): Promise<Assessment> {
  const now = Date.now() / 1000;
  const [entries, contacts, settings, unfiled] = await Promise.all([
    readBack(portal.audit, () => false),
    portal.contacts(),
    portal.settings(),
    portal.filing.unfiled({ limit: 1 }),
  ]);
  const last = (event: string): AuditEntry | undefined => entries.filter((entry) => entry.event === event).at(-1);
  const count = (state: string): number => contacts.filter((contact) => contact.state === state).length;
  /** An entry may stand for several of a kind. */
  const recent = (event: string): number =>
    entries
      .filter((entry) => entry.event === event && entry["closed"] !== true && entry.time > now - MONTH)
      .reduce((sum, entry) => sum + Number(entry["count"] ?? 1), 0);
  const restored = Math.max(last("restored")?.time ?? 0, drilledAt ?? 0);
  const age = (entry: AuditEntry | undefined): number | null =>
    entry === undefined ? null : Math.floor((now - entry.time) / 86_400);
  const checkpoint = last("checkpoint");
  const { cover } = info;
  return {
    component: "tessera-portal",
    version: VERSION,
    protocol: info.protocol,
    taken: new Date(now * 1000).toISOString(),
    data_category: "health data: messages, results, photos",
    where_kept: "this device, sealed; the message service holds sealed cells for its retention",
    who_can_read: "the two people of a conversation; holders of enough emergency cards and a backup",
    cipher: "HPKE DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM; enrolment X-Wing (ML-KEM-768 and X25519)",
    idle_limit_minutes: idleMinutes,
    service_retention_days: info.retention_seconds / 86_400,
    accepted_for_days: settings.retentionDays,
    key_life: `one month and ${settings.graceDays} days`,
    message_limit_bytes: info.max_attachment_bytes,
    cover: cover?.mechanism ?? "none",
    cover_epsilon: cover?.epsilon ?? null,
    cover_delta: cover?.delta ?? null,
    epoch_seconds: info.epoch_seconds,
    backup_age_days: age(last("backedUp")),
    last_restore_drill: restored === 0 ? null : new Date(restored * 1000).toISOString(),
    unverified_contacts: count("pending"),
    blocked_contacts: count("suspect"),
    unfiled_messages: settings.filing ? unfiled.count : null,
    refused_per_30_days: recent("rejected"),
    gaps_per_30_days: recent("gap"),
    checkpoint_lag_entries: (entries.at(-1)?.index ?? 0) - (checkpoint?.index ?? -1),
    checkpoint_age_days: age(checkpoint),
  };
}

export function assessmentCsv(assessment: Assessment): string {
  return `\ufeff${row(["field", "value"])}${Object.entries(assessment)
    .map(([field, value]) => row([field, plain(value)]))
    .join("")}`;
}

const WITHOUT_EXPONENT = new Intl.NumberFormat("en", { useGrouping: false, maximumFractionDigits: 20 });

function plain(value: string | number | null): string {
  return typeof value === "number" ? WITHOUT_EXPONENT.format(value) : (value ?? "");
}
