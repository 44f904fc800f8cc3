/** The audit log of one portal: read, verified, signed and exported from the store. */

import { callback, integer, options as known, text } from "../arguments.js";
import { auditCsv } from "./csv.js";
import { parsed } from "./entry.js";
import { auditBundle } from "./fhir.js";
import type { LogPage, LoggedEntry } from "../portal/engine.js";
import type { EngineAccess } from "../portal/engine-host.js";
import { TesseraError, invalid } from "../errors.js";
import type {
  AuditCheckpoint,
  AuditEntriesOptions,
  AuditEntry,
  AuditExportOptions,
  AuditFormat,
  AuditVerification,
  AuditVerifyOptions,
} from "../portal/types.js";

const DEFAULT_LIMIT = 100;
/** Entries whose keys share all but their last two digits. */
const PAGE = 256;
const BEFORE_FIRST = "0".repeat(64);
const FORMATS: readonly string[] = ["ndjson", "csv", "fhir"] satisfies AuditFormat[];

export class AuditLog {
  readonly #engine: EngineAccess;

  constructor(engine: EngineAccess) {
    this.#engine = engine;
  }

  /** Entries before the one with index `before`, or the newest; the newest last. */
  async entries(options: AuditEntriesOptions = {}): Promise<AuditEntry[]> {
    const { before, limit } = known(options, "options", ["before", "limit"]);
    const { length } = await this.#engine.forRead().read((engine) => engine.logState());
    const end = before === undefined ? length : Math.min(length, integer(before, "before", 0, Number.MAX_SAFE_INTEGER));
    const most = limit === undefined ? DEFAULT_LIMIT : integer(limit, "limit", 1, 100_000);
    const found: AuditEntry[] = [];
    for await (const { entries, broken } of this.#pages(Math.max(0, end - most), end)) {
      found.push(...entries.map(parsed));
      if (broken !== null) throw damaged(broken);
    }
    return found;
  }

  /** Reads the whole log and verifies the chain of all entries, and checkpoints that were kept elsewhere. */
  async verify(options: AuditVerifyOptions = {}): Promise<AuditVerification> {
    const { checkpoint } = known(options, "options", ["checkpoint"]);
    const kept =
      checkpoint === undefined
        ? []
        : await this.#engine.forRead().read((engine) => engine.keptCheckpoints(text(checkpoint, "checkpoint")));
    const last = Math.max(...kept.map(([index]) => index));
    const verdict = (
      entries: number,
      problem: AuditVerification["problem"],
      index: number | null,
    ): AuditVerification => ({
      intact: problem === null,
      entries,
      problem,
      index,
      anchoredAt: problem === null && kept.length > 0 ? last : null,
    });
    let [next, before] = [0, BEFORE_FIRST];
    // The log may grow meanwhile, so it is read up to its end at that time.
    for (;;) {
      const { length } = await this.#engine.forRead().read((engine) => engine.logState());
      if (last >= length) return verdict(length, "missing", length);
      if (next === length) return verdict(length, null, null);
      for await (const { entries, broken } of this.#pages(next, length, before)) {
        for (const { index, head } of entries) {
          if (kept.some(([at, claimed]) => at === index && claimed !== head))
            return verdict(length, "checkpoint", index);
          [next, before] = [index + 1, head];
        }
        if (broken !== null) return verdict(length, "entry", broken);
      }
    }
  }

  /** Signs the current log. Keep the text where the user of this device cannot change it. */
  async checkpoint(): Promise<AuditCheckpoint> {
    return this.#engine.forUser().apply((engine, now) => engine.checkpoint(now));
  }

  /** The whole log as text. The export itself is logged as the last entry. */
  async export(format: AuditFormat, options: AuditExportOptions = {}): Promise<string> {
    const parts: string[] = [];
    for await (const part of this.stream(format, options)) parts.push(part);
    return parts.join("");
  }

  /** The same in pieces, with one page of the log in memory at a time. */
  async *stream(format: AuditFormat, options: AuditExportOptions = {}): AsyncGenerator<string, void, undefined> {
    if (!FORMATS.includes(format)) throw invalid('format is not "ndjson", "csv" or "fhir"');
    const { as, map } = known(options, "options", ["as", "map"]);
    if (format !== "fhir" && (as !== undefined || map !== undefined)) throw invalid('options are for format "fhir"');
    if (as !== undefined && as !== "collection" && as !== "batch")
      throw invalid('options.as is not "collection" or "batch"');
    if (map !== undefined) requireMap(map);
    const { index, time, text } = await this.#engine.forUser().apply((engine, now) => engine.exportLog(format, now));
    const [owner = "", checkpoint = ""] = text.split("\n");
    const pages = this.#intact(index + 1);
    if (format === "csv") return yield* auditCsv(pages);
    if (format === "fhir") {
      const { fingerprint } = await this.#engine.forRead().read((engine) => engine.me());
      return yield* auditBundle(pages, fingerprint, time, checkpoint, options);
    }
    yield `${owner}\n`;
    for await (const entries of pages) yield entries.map(({ line }) => line).join("");
    yield `${checkpoint}\n`;
  }

  /** Verified pages from the first entry on. */
  async *#intact(length: number): AsyncGenerator<readonly LoggedEntry[], void, undefined> {
    for await (const { entries, broken } of this.#pages(0, length, BEFORE_FIRST)) {
      if (broken !== null) throw damaged(broken);
      yield entries;
    }
  }

  /** Pages of the store, up to the first entry that does not verify. `before` is the head before the first entry, if known. */
  async *#pages(from: number, to: number, before?: string): AsyncGenerator<LogPage, void, undefined> {
    for (let first = from; first < to; ) {
      const last = Math.min(to, first - (first % PAGE) + PAGE);
      const stored = await this.#engine.forRead().list(logKey(first).slice(0, -2));
      const wanted = stored.filter(([key]) => key >= logKey(first) && key < logKey(last)) as [string, Uint8Array][];
      const { entries, broken } = await this.#engine.forRead().read((engine) => engine.readLog(first, wanted, before));
      const short = entries.length < last - first ? first + entries.length : null;
      yield { entries, broken: broken ?? short };
      if (broken !== null || short !== null) return;
      before = entries.at(-1)?.head;
      first = last;
    }
  }
}

function requireMap(map: NonNullable<AuditExportOptions["map"]>): void {
  const { owner, contact } = known(map, "map", ["owner", "contact"]);
  callback(contact, "contact");
  if (owner === undefined) return;
  const { who, name, patient } = known(owner, "owner", ["who", "name", "patient"]);
  if (name !== undefined) text(name, "name");
  for (const [at, reference] of Object.entries({ who, patient })) {
    if (reference === undefined) continue;
    for (const [field, value] of Object.entries(known(reference, at, ["reference", "type", "display"])))
      if (value !== undefined) text(value, field);
  }
}

function logKey(index: number): string {
  return `a/${index.toString(16).padStart(16, "0")}`;
}

function damaged(index: number): TesseraError {
  return new TesseraError("AUDIT_INVALID", `entry ${index} of the audit log is not as it was written`);
}
