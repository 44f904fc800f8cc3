/** The resources of a document, and resolution of references. */

import { has, list, object, text } from "./json.js";
import type { JsonObject } from "./scanner.js";
import { remembered } from "../remembered.js";

/** Bundles in Bundles are read to this depth. */
const MAX_BUNDLES = 3;

/** A resource of its own, with the Bundle it is in: contained ones belong to theirs. */
class Entry {
  #contained: Map<string, JsonObject[]> | null = null;

  constructor(
    readonly resource: JsonObject,
    readonly fullUrl: string | null,
    readonly bundle: Scope,
  ) {}

  /** The only contained resource of that id. */
  contained(id: string): JsonObject | null {
    if (id === "") return this.resource;
    this.#contained ??= byId(list(this.resource["contained"]));
    const found = this.#contained.get(id);
    return found?.length === 1 ? (found[0] ?? null) : null;
  }
}

/** The targets of references within one Bundle; `outer` is the enclosing Bundle. */
class Scope {
  readonly #byUrl = new Map<string, Entry[]>();
  readonly #byName = new Map<string, Entry[]>();

  constructor(readonly outer: Scope | null) {}

  add(entry: Entry): void {
    const id = text(entry.resource["id"]);
    const type = text(entry.resource["resourceType"]);
    if (entry.fullUrl !== null) listed(this.#byUrl, withoutVersion(entry.fullUrl).url).push(entry);
    if (id !== null && type !== null) listed(this.#byName, `${type}/${id}`).push(entry);
    this.outer?.add(entry);
  }

  byUrl(url: string, version: string | null): JsonObject | null {
    return only(this.#byUrl.get(url), version) ?? this.outer?.byUrl(url, version) ?? null;
  }

  /** By `Type/id`. If two have the same name, neither is used. */
  byName(name: string, version: string | null): JsonObject | null {
    const found = this.#byName.get(name);
    return found ? only(found, version) : (this.outer?.byName(name, version) ?? null);
  }
}

export class Resources {
  /** In the document's order, without the Bundles around them. */
  readonly all: JsonObject[] = [];
  /** Number of Bundles nested too deeply to be read. */
  skippedBundles = 0;
  /** Whether a Bundle has rules that change the meaning of all that is in it. */
  isModified = false;
  readonly #homes = new Map<JsonObject, Entry>();

  constructor(root: JsonObject) {
    this.#add(root, null, new Scope(null), 0);
  }

  /** Resolves `reference` from the resource that contains it; null for no target or more than one. */
  resolve(reference: string, from: JsonObject): JsonObject | null {
    const home = this.#homes.get(from);
    if (!home) return null;
    if (reference.startsWith("#")) return home.contained(reference.slice(1));
    const { url, version } = withoutVersion(reference);
    const name = /(?:^|\/)([A-Z][A-Za-z]*\/[A-Za-z0-9\-.]{1,64})$/.exec(url)?.[1] ?? null;
    const base = /^(.*\/)[A-Z][A-Za-z]*\/[^/]+$/.exec(home.fullUrl ?? "")?.[1];
    const isRelative = name === url;
    const exact = home.bundle.byUrl(isRelative && base !== undefined ? base + url : url, version);
    return exact ?? (name === null ? null : home.bundle.byName(name, version));
  }

  #add(resource: JsonObject, fullUrl: string | null, bundle: Scope, depth: number): void {
    if (resource["resourceType"] === "Bundle") {
      if (depth > MAX_BUNDLES) {
        this.skippedBundles += 1;
        return;
      }
      if (has(resource, "implicitRules")) this.isModified = true;
      const inner = new Scope(depth === 0 ? null : bundle);
      for (const entry of list(resource["entry"])) {
        const held = object(entry["resource"]);
        if (held) this.#add(held, text(entry["fullUrl"]), inner, depth + 1);
      }
      return;
    }
    const entry = new Entry(resource, fullUrl, bundle);
    bundle.add(entry);
    this.all.push(resource);
    this.#homes.set(resource, entry);
    for (const contained of list(resource["contained"])) this.#homes.set(contained, entry);
  }
}

/** The only entry, or the only one of that version where there are several. */
function only(found: readonly Entry[] | undefined, version: string | null): JsonObject | null {
  if (!found) return null;
  const versioned = found.filter(({ resource }) => text(object(resource["meta"])?.["versionId"]) === version);
  const chosen = versioned.length === 1 ? versioned : found;
  return chosen.length === 1 ? (chosen[0]?.resource ?? null) : null;
}

function byId(resources: readonly JsonObject[]): Map<string, JsonObject[]> {
  const found = new Map<string, JsonObject[]>();
  for (const resource of resources) {
    const id = text(resource["id"]);
    if (id !== null) listed(found, id).push(resource);
  }
  return found;
}

/** A reference, and the version of the resource that it asks for. */
export function withoutVersion(reference: string): { readonly url: string; readonly version: string | null } {
  const [, url, version] = /^(.*)\/_history\/([^/]+)$/.exec(reference) ?? [];
  return { url: url ?? reference, version: version ?? null };
}

function listed<V>(lists: Map<string, V[]>, key: string): V[] {
  return remembered(lists, key, () => []);
}
