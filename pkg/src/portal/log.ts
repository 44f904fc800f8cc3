/** The host's own log: what happened, and when. Never content, names, ids, buckets or addresses. */

import type { PortalEvents } from "./events.js";
import type { LogEntry } from "./types.js";

interface Written {
  readonly level: LogEntry["level"];
  readonly code?: LogEntry["code"];
  readonly [detail: string]: LogEntry[string];
}

/** What is written of each event. `message`, `state`, `filing`, `contact` and `progress` say who writes to whom, and are not. */
const WRITTEN: { readonly [K in keyof PortalEvents]?: (detail: PortalEvents[K]["detail"]) => Written } = {
  rejected: ({ code, count }) => ({ level: "warn", code, count }),
  gap: (gap) => ({ level: "closed" in gap && gap.closed ? "info" : "warn", kind: gap.kind }),
  relay: ({ reachable, queued, code }) => ({ level: reachable ? "info" : "warn", code, reachable, queued }),
  clockSkew: ({ seconds, code }) => ({ level: code === undefined ? "info" : "warn", code, seconds }),
  stalled: ({ stalled, mailbox, code }) => ({ level: stalled ? "warn" : "info", code, mailbox, stalled }),
  notice: ({ code, cleared }) => ({ level: cleared ? "info" : "warn", code, cleared }),
  device: ({ kind }) => ({ level: "warn", kind }),
  breakGlass: () => ({ level: "warn" }),
  storage: ({ persisted, full, backup }) => ({
    level: persisted === false || full === true || backup === "failed" ? "warn" : "info",
    persisted,
    full,
    backup,
  }),
  locked: ({ reason }) => ({ level: reason === "defect" ? "error" : "info", reason }),
  unlocked: () => ({ level: "info" }),
  checkpoint: ({ index }) => ({ level: "info", index }),
  stopped: ({ code }) => ({ level: "error", code }),
};

export class HostLog {
  readonly #write: ((entry: LogEntry) => void) | undefined;

  constructor(write: ((entry: LogEntry) => void) | undefined) {
    this.#write = write;
  }

  /** An event that the portal dispatches. */
  event<K extends keyof PortalEvents>(event: K, detail: PortalEvents[K]["detail"]): void {
    const written = WRITTEN[event]?.(detail);
    if (written !== undefined) this.write(event, written);
  }

  /** Something that is no event. A log that throws stops nothing. */
  write(event: LogEntry["event"], { level, ...details }: Written): void {
    if (this.#write === undefined) return;
    const given = Object.entries(details).filter(([, value]) => value !== undefined);
    try {
      this.#write({ time: Math.floor(Date.now() / 1000), level, event, ...Object.fromEntries(given) });
    } catch {
      // The host's own fault.
    }
  }
}
