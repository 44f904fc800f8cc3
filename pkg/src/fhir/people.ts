/** Names of referenced patients, performers and specimens. */

import { conceptName, conceptNames } from "./concept.js";
import { formatTime } from "./date.js";
import { list, object, text, texts } from "./json.js";
import { asSent, distinct, join, phrase, type Phrase } from "./phrase.js";
import { withoutVersion, type Resources } from "./reference.js";
import type { Json, JsonObject } from "./scanner.js";
import type { Formatter } from "./formatter.js";
import type { Word } from "./words.js";

/** A reference, with its resource if that is in the document. */
export interface Named {
  readonly content: Phrase;
  readonly resource: JsonObject | null;
}

/** What it takes to name what a document refers to. */
export interface Reader {
  readonly resources: Resources;
  readonly formatter: Formatter;
}

/** What a reference points to by name: its display, else the name in the resource, else the reference as sent. */
export function named(source: Json | undefined, from: JsonObject, reader: Reader): Named | null {
  const link = object(source);
  if (!link) return null;
  const reference = text(link["reference"]);
  const resource = reference === null ? null : reader.resources.resolve(reference, from);
  const own = resource && resourceName(resource, reader);
  const names = join(distinct([asSent(link["display"]), own]), " · ");
  const content = names ?? asSent(reference ?? object(link["identifier"])?.["value"]);
  return content && { content, resource };
}

function resourceName(resource: JsonObject, reader: Reader): Phrase | null {
  if (resource["resourceType"] === "PractitionerRole")
    return join([nameOf("practitioner", resource, reader), nameOf("organization", resource, reader)], ", ");
  if (resource["resourceType"] === "Specimen") return specimenName(resource, reader.formatter);
  const device = list(resource["deviceName"])[0];
  return asSent(resource["name"]) ?? asSent(device?.["name"]) ?? humanName(list(resource["name"]));
}

/** The name of what a field of a resource points to. */
export function nameOf(field: string, from: JsonObject, reader: Reader): Phrase | null {
  return named(from[field], from, reader)?.content ?? null;
}

function humanName(names: readonly JsonObject[]): Phrase | null {
  const name = names.find((one) => text(one["use"]) === "official") ?? names[0];
  if (!name) return null;
  const parts = [...texts(name["prefix"]), ...texts(name["given"]), ...texts(name["family"]), ...texts(name["suffix"])];
  return asSent(name["text"]) ?? asSent(parts.join(" "));
}

/** States of a specimen that a reader of its results must know. */
const UNUSABLE: Readonly<Record<string, Word>> = {
  unsatisfactory: "specimen_unsatisfactory",
  unavailable: "specimen_unavailable",
  "entered-in-error": "specimen_in_error",
};

function specimenName(specimen: JsonObject, formatter: Formatter): Phrase | null {
  const containers = list(specimen["container"]).map(
    (container) => conceptName(container["type"], formatter.lang) ?? asSent(container["description"]),
  );
  const collection = object(specimen["collection"]);
  const when = collection && formatTime(collection, "collected", formatter);
  const unusable = UNUSABLE[text(specimen["status"]) ?? ""];
  const names = distinct([
    conceptName(specimen["type"], formatter.lang),
    ...containers,
    unusable === undefined ? null : [formatter.words(unusable)],
    ...conceptNames(list(specimen["condition"]), formatter.lang),
  ]);
  return join([...names, when && phrase(`${formatter.words("collected")} `, when)], ", ");
}

/** A patient by name, date of birth and identifier. */
export function formatPatient({ content, resource }: Named, formatter: Formatter): Phrase | null {
  if (resource?.["resourceType"] !== "Patient") return content;
  const born = asSent(resource["birthDate"]);
  const [number] = list(resource["identifier"]).flatMap((identifier) => text(identifier["value"]) ?? []);
  return join([content, born && phrase(`${formatter.words("born")} `, born), asSent(number)], ", ");
}

/** The key that distinguishes subjects: the resource, else the reference, else the name. */
export function patientKey(source: JsonObject, resources: Resources): string | null {
  const link = object(source["subject"]);
  const reference = text(link?.["reference"]);
  if (reference === null) return null;
  const resource = resources.resolve(reference, source);
  const id = text(resource?.["id"]);
  const name = `${text(resource?.["resourceType"])}/${id}`;
  return id === null ? withoutVersion(reference).url.split("/").slice(-2).join("/") : name;
}

/** Whether a result is about a person other than the expected patient; false if nothing contradicts. */
export function isOther(patient: Named, { patient: expected }: Formatter): boolean {
  const { resource } = patient;
  if (!expected) return false;
  const born = text(resource?.["birthDate"]);
  if (born !== null && expected.birthDate !== undefined && born !== expected.birthDate) return true;
  const identifiers = list(resource?.["identifier"]);
  const contradicts = (expected.identifiers ?? []).map(({ system, value }) => {
    const same = identifiers.filter((one) => text(one["system"]) === (system ?? null));
    return same.length === 0 ? null : !same.some((one) => text(one["value"]) === value);
  });
  if (contradicts.includes(false)) return false;
  if (contradicts.includes(true)) return true;
  if (expected.name === undefined) return false;
  const names = patient.content.flatMap((part) => (typeof part === "string" ? [] : [part.text]));
  return names.length > 0 && !names.some((name) => areSamePerson(name, expected.name ?? ""));
}

/** Two spellings of a name: all words of the shorter are in the longer, in any order and with or without accents. */
function areSamePerson(one: string, other: string): boolean {
  const words = (name: string): string[] =>
    name
      .normalize("NFD")
      .replace(/\p{Mark}/gu, "")
      .toLowerCase()
      .split(/[^\p{Letter}\p{Number}]+/u)
      .filter(Boolean);
  const [short = [], long = []] = [words(one), words(other)].sort((a, b) => a.length - b.length);
  return short.length > 0 && short.every((word) => long.includes(word));
}
