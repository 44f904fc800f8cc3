/** Warnings, read from the audit log: what is missing, was blocked or not received, until the person has answered each. */

import type { AuditEntry, AuditLog } from "../../index.js";
import type { Marks } from "./marks.js";
import { countOf, without, type Missing } from "./ranges.js";

/**
 * `missing`: messages of a contact. `withheld`: batches of the mailbox. `origin`: the relay signs with another key.
 * `blocked`: something was refused. `undelivered`: a message did not reach its contact. `emergency`: emergency cards were used.
 * `device`: a device that this one superseded is still in use. `contactDevice`: a contact wrote from an older device.
 */
export type AlertKind =
  | "missing"
  | "withheld"
  | "origin"
  | "blocked"
  | "undelivered"
  | "emergency"
  | "device"
  | "contactDevice";

export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly contactId: string | null;
  /** Why something was refused. */
  readonly code: string | null;
  readonly count: number;
  readonly time: number;
  /** What was given as the reason of an emergency access, and for how many minutes. */
  readonly reason: string | null;
  readonly minutes: number | null;
  /** Places in the audit log that an answer covers. */
  readonly indexes: readonly number[];
}

/** The entries that warnings come from, and those that say who invited whom. */
const RELEVANT = new Set([
  "gap",
  "rejected",
  "undelivered",
  "delivered",
  "deleted",
  "breakGlassStarted",
  "device",
  "accepted",
  "removed",
]);
const PAGE = 100;

type Entries = Pick<AuditLog, "entries">;

export class Alerts {
  /** Relevant entries in order, from `#begin` on. */
  #entries: AuditEntry[] = [];
  /** Everything from this place up to `#end` was read. */
  #begin = 0;
  #end = 0;
  #isRead = false;
  readonly #marks: Marks;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** Reads what the log holds since the last call. */
  async refresh(log: Entries): Promise<void> {
    const from = this.#isRead ? this.#end : this.#marks.floor;
    const found = await readBack(log, ({ index }) => index <= from);
    const fresh = found.filter(({ index }) => index >= from);
    this.#entries.push(...fresh.filter(({ event }) => RELEVANT.has(event)));
    if (!this.#isRead) this.#begin = fresh[0]?.index ?? from;
    this.#end = Math.max(this.#end, (fresh.at(-1)?.index ?? from - 1) + 1);
    this.#isRead = true;
  }

  /** Reads further back, to the entries of that time: a warning stays where it happened. */
  async reachBack(log: Entries, time: number): Promise<void> {
    if (!this.#isRead || this.#begin === 0) return;
    const found = await readBack(log, (oldest) => oldest.time < time, this.#begin);
    this.#entries.unshift(...found.filter(({ event }) => RELEVANT.has(event)));
    this.#begin = found[0]?.index ?? 0;
  }

  /** Whether this person answered the contact's invitation, and not the other way round. */
  accepted(contactId: string): boolean {
    return this.#entries.some(({ event, contact }) => event === "accepted" && contact === contactId);
  }

  /** Those that wait for an answer, the gravest kind first. */
  open(): Alert[] {
    return this.#derive((index) => !this.#marks.answered.has(index) && index >= this.#marks.floor);
  }

  /** Whether a warning about a contact is not dismissed yet; then nothing beside its name may say that all is well. */
  concern(contactId: string): boolean {
    return this.open().some((alert) => alert.contactId === contactId);
  }

  /** All of a contact, answered or not, for the place in the conversation where they happened. */
  history(contactId: string): Alert[] {
    return this.#derive(() => true).filter((alert) => alert.contactId === contactId && alert.kind !== "undelivered");
  }

  /** The person has seen to it. */
  answer(alert: Alert): void {
    for (const index of alert.indexes) this.#marks.answered.add(index);
    const waiting = this.open().flatMap(({ indexes }) => indexes);
    this.#marks.settle(waiting.length === 0 ? this.#end : Math.min(...waiting));
  }

  forget(): void {
    this.#entries = [];
    this.#isRead = false;
    this.#begin = 0;
    this.#end = 0;
  }

  #derive(counts: (index: number) => boolean): Alert[] {
    const removed = new Set(this.#entries.filter(({ event }) => event === "removed").map(({ contact }) => contact));
    const isGone = ({ contact }: AuditEntry): boolean => contact !== undefined && removed.has(contact);
    const entries = this.#entries.filter((entry) => !isGone(entry));
    return [
      ...emergencies(entries, counts),
      ...missing(entries, counts),
      ...undelivered(entries, counts),
      ...devices(entries, counts),
      ...blocked(entries, counts),
    ];
  }
}

type Counts = (index: number) => boolean;

const alert = (fields: Pick<Alert, "id" | "kind" | "time" | "indexes"> & Partial<Alert>): Alert => ({
  contactId: null,
  code: null,
  count: 1,
  reason: null,
  minutes: null,
  ...fields,
});

function emergencies(entries: readonly AuditEntry[], counts: Counts): Alert[] {
  return entries
    .filter(({ event, index }) => event === "breakGlassStarted" && counts(index))
    .map(({ index, time, ...fields }) =>
      alert({
        id: `emergency ${index}`,
        kind: "emergency",
        time,
        indexes: [index],
        reason: String(fields["reason"] ?? ""),
        minutes: Number(fields["minutes"] ?? 0),
      }),
    );
}

/** That this device itself was superseded is shown for as long as it is. */
function devices(entries: readonly AuditEntry[], counts: Counts): Alert[] {
  return entries
    .filter(({ event, index, kind }) => event === "device" && kind !== "superseded" && counts(index))
    .map(({ index, time, contact }) =>
      alert({
        id: `device ${index}`,
        kind: contact === undefined ? "device" : "contactDevice",
        contactId: contact ?? null,
        time,
        indexes: [index],
      }),
    );
}

/** Gaps without the messages that arrived late. Those are taken out of the ranges themselves, because a sum could hide a later gap. */
function missing(entries: readonly AuditEntry[], counts: Counts): Alert[] {
  const ranges = new Map<string, Missing[]>();
  const origins: Alert[] = [];
  for (const entry of entries) {
    if (entry.event !== "gap") continue;
    const { index, time, contact } = entry;
    if (entry["kind"] === "origin") {
      if (counts(index)) origins.push(alert({ id: `origin ${index}`, kind: "origin", time, indexes: [index] }));
      continue;
    }
    const key = contact ?? `batches ${entry["lobby"] === true}`;
    const to = Number(entry["to"]);
    const from = Number(entry["from"] ?? to);
    const known = ranges.get(key) ?? [];
    ranges.set(key, entry["closed"] === true ? without(known, from, to) : [...known, { from, to, index, time }]);
  }
  const gaps = [...ranges].flatMap(([key, all]) => {
    const left = all.filter(({ index }) => counts(index));
    const last = left.at(-1);
    if (last === undefined) return [];
    const isContact = !key.startsWith("batches ");
    return [
      alert({
        id: `missing ${key}`,
        kind: isContact ? "missing" : "withheld",
        contactId: isContact ? key : null,
        count: countOf(left),
        time: last.time,
        indexes: [...new Set(left.map(({ index }) => index))],
      }),
    ];
  });
  return [
    ...gaps.filter(({ kind }) => kind === "missing"),
    ...gaps.filter(({ kind }) => kind !== "missing"),
    ...origins,
  ];
}

/** By contact; a receipt that came late takes a message out. */
function undelivered(entries: readonly AuditEntry[], counts: Counts): Alert[] {
  const waiting = new Map<string, AuditEntry>();
  for (const entry of entries) {
    const { event, message } = entry;
    if (message === undefined) continue;
    if (event === "undelivered") waiting.set(message, entry);
    if (event === "delivered" || event === "deleted") waiting.delete(message);
  }
  const left = [...waiting.values()].filter(({ index }) => counts(index));
  return grouped(left, "undelivered");
}

/** Shown as long as they last, and not as something that was blocked. Older logs have `DEVICE_SUPERSEDED` so; `device` is in its place. */
const STATES = new Set<string>([
  "DEVICE_SUPERSEDED",
  "RELAY_TIME",
  "RELAY_CHANGED",
  "MIRROR_UNREACHABLE",
  "CLOCK_SKEW",
  "STALLED",
]);

function blocked(entries: readonly AuditEntry[], counts: Counts): Alert[] {
  const refused = entries.filter(
    ({ event, index, code, contact }) =>
      event === "rejected" && (contact !== undefined || !STATES.has(code ?? "")) && counts(index),
  );
  return grouped(refused, "blocked");
}

/** By contact; and what was blocked, by why. */
function grouped(entries: readonly AuditEntry[], kind: "undelivered" | "blocked"): Alert[] {
  const codeOf = ({ code }: AuditEntry): string | null => (kind === "blocked" ? (code ?? "UNKNOWN") : null);
  const groups = new Map<string, AuditEntry[]>();
  for (const entry of entries) {
    const key = `${kind} ${codeOf(entry)} ${entry.contact ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), entry]);
  }
  return [...groups].map(([id, group]) => {
    const last = group[group.length - 1] as AuditEntry;
    return alert({
      id,
      kind,
      contactId: last.contact ?? null,
      code: codeOf(last),
      count: group.reduce((sum, entry) => sum + Number(entry["count"] ?? 1), 0),
      time: last.time,
      indexes: group.map(({ index }) => index),
    });
  });
}

/** Pages of the log, the newest first, until one with its oldest entry is enough; all entries in order. */
export async function readBack(
  log: Entries,
  isEnough: (oldest: AuditEntry, page: readonly AuditEntry[]) => boolean,
  before?: number,
): Promise<AuditEntry[]> {
  const pages: AuditEntry[][] = [];
  let next = before;
  for (;;) {
    const page = await log.entries(next === undefined ? { limit: PAGE } : { before: next, limit: PAGE });
    const [oldest] = page;
    if (oldest === undefined) break;
    pages.unshift(page);
    next = oldest.index;
    if (next === 0 || isEnough(oldest, page)) break;
  }
  return pages.flat();
}
