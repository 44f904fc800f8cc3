/** What is wrong at the moment with the message service, this device or its storage; shown while it lasts. */

import type { Portal } from "../../index.js";

/** How grave each is. */
export const CONDITION_LEVELS = {
  RELAY_UNREACHABLE: "info",
  NOT_KEPT: "info",
  CLOCK_SKEW: "warn",
  STALLED: "warn",
  RELAY_TIME: "warn",
  BACKUP_FAILED: "warn",
  FRAMED: "warn",
  DEVICE_SUPERSEDED: "stop",
  STORE_FULL: "stop",
} as const;

export type ConditionCode = keyof typeof CONDITION_LEVELS;

/** Reported once and never taken back: they stay until a person has seen them, through locks too. */
const LASTING = new Set<ConditionCode>(["NOT_KEPT", "FRAMED"]);

export class Conditions {
  #present: readonly ConditionCode[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get all(): readonly ConditionCode[] {
    return this.#present;
  }

  has(code: ConditionCode): boolean {
    return this.#present.includes(code);
  }

  static isDismissible(code: ConditionCode): boolean {
    return LASTING.has(code);
  }

  set(code: ConditionCode, isPresent: boolean): void {
    if (isPresent && this.has(code)) return;
    this.#present = isPresent ? [...this.#present, code] : this.#present.filter((other) => other !== code);
    this.#changed();
  }

  /** A lock ends the others: what still holds is reported again after it. */
  forget(): void {
    this.#present = this.#present.filter((code) => LASTING.has(code));
  }

  listen(portal: Portal): void {
    portal.addEventListener("relay", ({ detail }) => this.set("RELAY_UNREACHABLE", !detail.reachable));
    portal.addEventListener("clockSkew", ({ detail }) => this.set("CLOCK_SKEW", detail.code !== undefined));
    portal.addEventListener("stalled", ({ detail }) => {
      if (detail.mailbox === "own") this.set("STALLED", detail.stalled);
    });
    portal.addEventListener("notice", ({ detail }) => {
      if (detail.code === "RELAY_TIME") this.set("RELAY_TIME", !detail.cleared);
    });
    portal.addEventListener("storage", ({ detail }) => {
      if (detail.full !== undefined) this.set("STORE_FULL", detail.full);
      if (detail.backup !== undefined) this.set("BACKUP_FAILED", detail.backup === "failed");
      if (detail.persisted !== undefined) this.set("NOT_KEPT", !detail.persisted && !this.has("FRAMED"));
    });
    portal.addEventListener("device", ({ detail }) => {
      if (detail.kind === "superseded") this.set("DEVICE_SUPERSEDED", true);
    });
  }
}
