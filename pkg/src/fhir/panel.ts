/** Panels: an observation with its components and members below it, to a depth and a number of rows. */

import { conceptName } from "./concept.js";
import { has, list, text } from "./json.js";
import { patientKey } from "./people.js";
import { asSent, phrase, type Phrase } from "./phrase.js";
import type { Resources } from "./reference.js";
import { missingRow, rowOf, type Row, type Surroundings } from "./row.js";
import type { JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import { statusOf, worse, type Status } from "./status.js";
import { formatValue } from "./value.js";

export const MAX_DEPTH = 8;
export const MAX_ROWS = 500;

export class Panels {
  /** Observations that have a row. */
  readonly shown = new Set<JsonObject>();
  /** Whether rows were omitted because they are nested too deeply. */
  isTooDeep = false;
  #left = MAX_ROWS;

  constructor(
    readonly resources: Resources,
    readonly formatter: Formatter,
  ) {}

  /** Number of rows omitted because of the limit. */
  get refused(): number {
    return Math.max(0, -this.#left);
  }

  /** The results of a report, each once: a panel's member is not repeated beside its panel. */
  linked(from: JsonObject, status: Status, above: ReadonlySet<string>): Row[] {
    const rows: Row[] = [];
    const links = list(from["result"]);
    const patient = patientKey(from, this.resources);
    const top = this.#top(status, above);
    const isModified = top.isModified || has(from, "modifierExtension") || has(from, "implicitRules");
    const around: Surroundings = { ...top, patient, isModified, isInReport: true };
    const members = this.membersOf(links.map((link) => this.#observation(link, from)).filter((one) => one !== null));
    const standing = new Set<JsonObject>();
    for (const inPanels of [false, true]) {
      for (const link of links) {
        const observation = this.#observation(link, from);
        if (observation === null) {
          if (!inPanels) this.#missing(rows, link, from, around);
        } else if ((inPanels || !members.has(observation)) && !standing.has(observation))
          this.#observed(rows, observation, link, around, [], standing);
      }
    }
    return rows;
  }

  /** One observation with its components and members. */
  single(observation: JsonObject, above: ReadonlySet<string>): Row[] {
    const rows: Row[] = [];
    const around = { ...this.#top("final", above), patient: patientKey(observation, this.resources) };
    this.#observed(rows, observation, null, around, [], new Set());
    return rows;
  }

  #top(status: Status, above: ReadonlySet<string>): Surroundings {
    const { resources, formatter } = this;
    const nothing = { isPanel: false, isInterpreted: false, isInReport: false };
    const { isModified } = resources;
    return { path: [], status, patient: null, ...nothing, isModified, above, resources, formatter };
  }

  /** All members of these observations and of their members. */
  membersOf(observations: readonly JsonObject[]): ReadonlySet<JsonObject> {
    const members = new Set<JsonObject>();
    const waiting = [...observations];
    const seen = new Set(waiting);
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      for (const link of list(next["hasMember"])) {
        const member = this.#observation(link, next);
        if (!member || member === next) continue;
        members.add(member);
        if (!seen.has(member)) waiting.push(member);
        seen.add(member);
      }
    }
    return members;
  }

  /** What a link points to, if it is an observation; contained ones may come without their type. */
  #observation(link: JsonObject, from: JsonObject): JsonObject | null {
    const found = this.#resource(link, from);
    return found && (found["resourceType"] === "Observation" || !has(found, "resourceType")) ? found : null;
  }

  #resource(link: JsonObject, from: JsonObject): JsonObject | null {
    const reference = text(link["reference"]);
    return reference === null ? null : this.resources.resolve(reference, from);
  }

  #missing(rows: Row[], link: JsonObject, from: JsonObject, around: Surroundings): void {
    const isElsewhere = this.#resource(link, from) === null;
    if (this.#takesRow()) rows.push(missingRow(linkName(link, this.formatter), isElsewhere, around));
  }

  #observed(
    rows: Row[],
    observation: JsonObject,
    link: JsonObject | null,
    around: Surroundings,
    ancestors: readonly JsonObject[],
    standing: Set<JsonObject>,
  ): void {
    if (ancestors.includes(observation)) return;
    if (ancestors.length >= MAX_DEPTH) {
      this.isTooDeep = true;
      return;
    }
    if (!this.#takesRow()) return;
    this.shown.add(observation);
    standing.add(observation);
    const { formatter } = this;
    const parts = list(observation["component"]);
    const links = list(observation["hasMember"]);
    const status = worse(around.status, statusOf(observation));
    const name = conceptName(observation["code"], formatter.lang) ?? linkName(link ?? {}, formatter);
    rows.push(rowOf(observation, observation, name, { ...around, status, isPanel: parts.length + links.length > 0 }));
    const value = formatValue(observation, formatter);
    const below: Surroundings = {
      ...around,
      path: [...around.path, phrase(name, value && phrase(": ", value))],
      isInterpreted: around.isInterpreted || has(observation, "interpretation"),
      isModified: around.isModified || has(observation, "modifierExtension") || has(observation, "implicitRules"),
    };
    for (const part of parts) {
      if (!this.#takesRow()) continue;
      const partName = conceptName(part["code"], formatter.lang) ?? [formatter.words("no_name")];
      rows.push(rowOf(part, observation, partName, { ...below, status }));
    }
    for (const member of links) {
      const found = this.#observation(member, observation);
      if (found) this.#observed(rows, found, member, below, [...ancestors, observation], standing);
      else this.#missing(rows, member, observation, below);
    }
  }

  #takesRow(): boolean {
    this.#left -= 1;
    return this.#left >= 0;
  }
}

function linkName(link: JsonObject, formatter: Formatter): Phrase {
  return asSent(link["display"]) ?? asSent(link["reference"]) ?? [formatter.words("no_name")];
}
