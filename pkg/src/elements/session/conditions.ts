/** What is wrong at the moment with the message service, this device or its storage; shown while it lasts. */

import type { DeviceNotice, Portal } from "../../index.js";

/** How grave each is. */
export const CONDITION_LEVELS = {
  RELAY_UNREACHABLE: "info",
  NOT_KEPT: "info",
  CLOCK_SKEW: "warn",
  STALLED: "warn",
  RELAY_TIME: "warn",
  BACKUP_FAILED: "warn",
  DEVICE_FORMER: "warn",
  DEVICE_CONTACT: "warn",
  FRAMED: "warn",
  DEVICE_SUPERSEDED: "stop",
  STORE_FULL: "stop",
} as const;

export type ConditionCode = keyof typeof CONDITION_LEVELS;

export interface Condition {
  readonly code: ConditionCode;
  readonly contactId: string | null;
}

/** These end by themselves; a person has to see the others. */
const LASTING = new Set<ConditionCode>(["DEVICE_FORMER", "DEVICE_CONTACT", "NOT_KEPT", "FRAMED"]);

export class Conditions {
  #present: readonly Condition[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get all(): readonly Condition[] {
    return this.#present;
  }

  has(code: ConditionCode): boolean {
    return this.#present.some((condition) => condition.code === code);
  }

  static isDismissible(code: ConditionCode): boolean {
    return LASTING.has(code);
  }

  set(code: ConditionCode, isPresent: boolean, contactId: string | null = null): void {
    const others = this.#present.filter((other) => other.code !== code || other.contactId !== contactId);
    if (isPresent && others.length < this.#present.length) return;
    this.#present = isPresent ? [...others, { code, contactId }] : others;
    this.#changed();
  }

  forget(): void {
    this.#present = [];
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
    portal.addEventListener("device", ({ detail }) => this.#device(detail));
  }

  #device(notice: DeviceNotice): void {
    if (notice.kind === "superseded") this.set("DEVICE_SUPERSEDED", true);
    else if (notice.kind === "former") this.set("DEVICE_FORMER", true);
    else this.set("DEVICE_CONTACT", true, notice.contactId);
  }
}
