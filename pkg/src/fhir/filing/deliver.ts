/** Puts a message on a FHIR server in a form that the server accepts: all of it, or nothing with a reason. */

import { refusal, type Answer, type ServerRequest } from "./requests.js";
import { unsupported, type HealthRecord } from "./server.js";
import { TesseraError } from "../../errors.js";
import { list, object, text } from "../json.js";
import { transactionJson } from "../record/passthrough.js";
import type { Resource, Transaction, TransactionEntry } from "../record/resource.js";
import type { JsonObject } from "../scanner.js";

/** A resource as the server has it. */
export interface Place {
  readonly type: string;
  readonly id: string;
  readonly version: string | null;
}

/** Oracle Health takes no other categories of a Communication. */
const ORACLE_CATEGORIES = new Set(["notification", "reminder", "312853008"]);
const PLACE = /(?:^|\/)([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;

/** Files the entries of a transaction; where each lies then, in their order. */
export async function deliver(record: HealthRecord, bundle: Transaction, signal?: AbortSignal): Promise<Place[]> {
  const delivery = new Delivery(record, signal);
  const entries = bundle.entry;
  if (record.kind === "oracle") return delivery.toOracle(entries);
  if (record.kind === "openmrs") return delivery.results(entries);
  for (const entry of entries) requireSupport(record, entry);
  if (record.takesTransactions) return delivery.together(bundle);
  if (entries.length > 1) throw unsupported("it has several parts, and the server takes no transactions");
  return delivery.oneByOne(entries);
}

function requireSupport(record: HealthRecord, { request, resource: { resourceType } }: TransactionEntry): void {
  const supported =
    request.method === "PUT" ? record.updatesByIdentifier(resourceType) : record.createsOnce(resourceType);
  const how = request.method === "PUT" ? "conditional updates" : "conditional creates";
  if (!supported) throw unsupported(`the server takes no ${how} of ${resourceType}`);
}

type Entries = readonly TransactionEntry[];

class Delivery {
  constructor(
    private readonly record: HealthRecord,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async together(bundle: Transaction): Promise<Place[]> {
    const body = transactionJson(bundle);
    const answer = await this.#send({ method: "POST", path: "/", body, repeatable: true });
    if (answer.status !== 200) throw refusal(answer);
    const responses = list((answer.body as JsonObject | null)?.["entry"]).map((entry) => object(entry["response"]));
    const places: Place[] = [];
    for (const [index, entry] of bundle.entry.entries()) {
      const response = responses[index];
      const status = Number.parseInt(text(response?.["status"]) ?? "", 10);
      if (status !== 200 && status !== 201)
        throw refusal({ status: status || answer.status, body: object(response?.["outcome"]) });
      const place = placeIn(text(response?.["location"]), text(response?.["etag"]), entry);
      // The version of the message is kept, so it is looked up where the answer leaves it out.
      const isKnown = place !== null && (place.version !== null || index > 0);
      places.push(isKnown ? place : await this.#find(entry));
    }
    return places;
  }

  async oneByOne(entries: Entries): Promise<Place[]> {
    const places: Place[] = [];
    for (const entry of entries) {
      const { method, url, ifNoneExist } = entry.request;
      const once = ifNoneExist === undefined ? {} : { ifNoneExist };
      const body = transactionJson(entry.resource);
      const answer = await this.#send({ method, path: `/${url}`, body, ...once, repeatable: true });
      places.push(placed(answer, entry) ?? (await this.#find(entry)));
    }
    return places;
  }

  /** Oracle Health: one Communication with text, and nothing that would keep a second one out. */
  async toOracle([first, ...others]: Entries): Promise<Place[]> {
    if (!first || !this.record.creates("Communication")) throw unsupported("the server takes no Communication");
    if (first.request.method === "PUT") throw unsupported("Oracle Health does not change a Communication");
    if (others.length > 0) throw unsupported("Oracle Health takes a Communication with text only");
    const place = placed(await this.#create(oracleCommunication(first.resource)), first);
    if (!place) throw new TesseraError("RECORD_AMBIGUOUS", "the health record does not say where the message is");
    return [place];
  }

  /** OpenMRS has no Communication: of a laboratory's message only its results, each by its own number. */
  async results(entries: Entries): Promise<Place[]> {
    const results = entries.filter(({ resource }) =>
      ["DiagnosticReport", "Observation"].includes(resource.resourceType),
    );
    if (results.length === 0)
      throw unsupported("OpenMRS has no Communication, and the message passes no results through");
    for (const { resource } of results)
      if (!this.record.creates(resource.resourceType))
        throw unsupported(`the server takes no ${resource.resourceType}`);
    const places: Place[] = [];
    for (const result of results) {
      const [known, ...others] = await this.#search(result);
      if (others.length > 0) throw refusal({ status: 412, body: null });
      places.push(known ?? placed(await this.#create(result.resource), result) ?? (await this.#find(result)));
    }
    return places;
  }

  #send(request: ServerRequest): Promise<Answer> {
    return this.record.requests.send(request, this.signal);
  }

  /** Creates a resource, on a server that cannot tell whether it has it. */
  #create(resource: Resource): Promise<Answer> {
    const body = transactionJson(resource);
    return this.#send({ method: "POST", path: `/${resource.resourceType}`, body, repeatable: false });
  }

  /** Where a resource lies, if the server did not say it when it took it. */
  async #find(entry: TransactionEntry): Promise<Place> {
    const [place, ...others] = await this.#search(entry);
    if (!place || others.length > 0) throw refusal({ status: 412, body: null });
    return place;
  }

  async #search(entry: TransactionEntry): Promise<readonly Place[]> {
    const { url, ifNoneExist } = entry.request;
    const path = ifNoneExist === undefined ? `/${url}` : `/${entry.resource.resourceType}?${ifNoneExist}`;
    const answer = await this.#send({ method: "GET", path, repeatable: true });
    if (answer.status !== 200) throw refusal(answer);
    return list((answer.body as JsonObject | null)?.["entry"]).flatMap(
      (found) => placeOf(object(found["resource"]), entry) ?? [],
    );
  }
}

function oracleCommunication(resource: Resource): Resource {
  const { category, recipient, payload } = resource as unknown as {
    readonly category: readonly { readonly coding?: readonly { readonly code?: string }[] }[];
    readonly recipient: readonly { readonly reference?: string }[];
    readonly payload: readonly { readonly contentAttachment?: object }[];
  };
  if (!category.every(({ coding }) => coding?.some(({ code }) => ORACLE_CATEGORIES.has(code ?? ""))))
    throw unsupported("Oracle Health takes the categories notification, reminder and SNOMED CT 312853008");
  if (!recipient.every(({ reference }) => /^(?:.*\/)?(Practitioner|Group)\//.test(reference ?? "")))
    throw unsupported("Oracle Health takes a Practitioner or a Group as recipient");
  const text = payload.map(({ contentAttachment }) => ({
    contentAttachment: { ...contentAttachment, contentType: "text/plain" },
  }));
  return { priority: "routine", ...resource, payload: text };
}

function placed(answer: Answer, entry: TransactionEntry): Place | null {
  if (answer.status !== 200 && answer.status !== 201) throw refusal(answer);
  return placeIn(answer.location, answer.etag, entry) ?? placeOf(answer.body as JsonObject | null, entry);
}

function placeIn(location: string | null, etag: string | null, { resource }: TransactionEntry): Place | null {
  const [, type, id, version] = PLACE.exec(location ?? "") ?? [];
  if (type !== resource.resourceType || id === undefined) return null;
  return { type, id, version: version ?? /^(?:W\/)?"([A-Za-z0-9\-.]{1,64})"$/.exec(etag ?? "")?.[1] ?? null };
}

function placeOf(body: JsonObject | null, { resource }: TransactionEntry): Place | null {
  const id = text(body?.["id"]);
  if (body?.["resourceType"] !== resource.resourceType || id === null) return null;
  return { type: resource.resourceType, id, version: text(object(body["meta"])?.["versionId"]) };
}
