/** Puts a message on a FHIR server in a form that the server accepts: all of it, or nothing with a reason. */

import { refusal, type Answer } from "./requests.js";
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
export function deliver(record: HealthRecord, bundle: Transaction, signal?: AbortSignal): Promise<readonly Place[]> {
  if (record.kind === "oracle") return deliverToOracle(record, bundle, signal);
  if (record.kind === "openmrs") return deliverResults(record, bundle, signal);
  for (const entry of bundle.entry) requireSupport(record, entry);
  if (record.takesTransactions) return deliverTogether(record, bundle, signal);
  if (bundle.entry.length > 1) throw unsupported("it has several parts, and the server takes no transactions");
  return deliverOneByOne(record, bundle.entry, signal);
}

function requireSupport(record: HealthRecord, { request, resource: { resourceType } }: TransactionEntry): void {
  const supported =
    request.method === "PUT" ? record.updatesByIdentifier(resourceType) : record.createsOnce(resourceType);
  const how = request.method === "PUT" ? "conditional updates" : "conditional creates";
  if (!supported) throw unsupported(`the server takes no ${how} of ${resourceType}`);
}

async function deliverTogether(
  record: HealthRecord,
  bundle: Transaction,
  signal: AbortSignal | undefined,
): Promise<Place[]> {
  const answer = await record.requests.send(
    { method: "POST", path: "/", body: transactionJson(bundle), repeatable: true },
    signal,
  );
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
    places.push(isKnown ? place : await find(record, entry, signal));
  }
  return places;
}

async function deliverOneByOne(
  record: HealthRecord,
  entries: readonly TransactionEntry[],
  signal: AbortSignal | undefined,
): Promise<Place[]> {
  const places: Place[] = [];
  for (const entry of entries) {
    const { method, url, ifNoneExist } = entry.request;
    const answer = await record.requests.send(
      {
        method,
        path: `/${url}`,
        body: transactionJson(entry.resource),
        ...(ifNoneExist === undefined ? {} : { ifNoneExist }),
        repeatable: true,
      },
      signal,
    );
    places.push(placed(answer, entry) ?? (await find(record, entry, signal)));
  }
  return places;
}

/** Oracle Health: one Communication with text, and nothing that would keep a second one out. */
async function deliverToOracle(
  record: HealthRecord,
  { entry: [first, ...others] }: Transaction,
  signal: AbortSignal | undefined,
): Promise<Place[]> {
  if (!first || !record.creates("Communication")) throw unsupported("the server takes no Communication");
  if (first.request.method === "PUT") throw unsupported("Oracle Health does not change a Communication");
  if (others.length > 0) throw unsupported("Oracle Health takes a Communication with text only");
  const { resource } = first;
  const answer = await record.requests.send(
    { method: "POST", path: "/Communication", body: transactionJson(oracleCommunication(resource)), repeatable: false },
    signal,
  );
  const place = placed(answer, first);
  if (!place) throw new TesseraError("RECORD_AMBIGUOUS", "the health record does not say where the message is");
  return [place];
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

/** OpenMRS has no Communication: of a laboratory's message only its results, each by its own number. */
async function deliverResults(
  record: HealthRecord,
  { entry }: Transaction,
  signal: AbortSignal | undefined,
): Promise<Place[]> {
  const results = entry.filter(({ resource }) => ["DiagnosticReport", "Observation"].includes(resource.resourceType));
  if (results.length === 0)
    throw unsupported("OpenMRS has no Communication, and the message passes no results through");
  for (const { resource } of results)
    if (!record.creates(resource.resourceType)) throw unsupported(`the server takes no ${resource.resourceType}`);
  const places: Place[] = [];
  for (const result of results) {
    const { resourceType } = result.resource;
    const known = await search(record, result, signal);
    if (known.length > 1) throw refusal({ status: 412, body: null });
    if (known[0]) places.push(known[0]);
    else {
      const body = transactionJson(result.resource);
      const answer = await record.requests.send(
        { method: "POST", path: `/${resourceType}`, body, repeatable: false },
        signal,
      );
      places.push(placed(answer, result) ?? (await find(record, result, signal)));
    }
  }
  return places;
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

/** Where a resource lies, if the server did not say it when it took it. */
async function find(record: HealthRecord, entry: TransactionEntry, signal: AbortSignal | undefined): Promise<Place> {
  const [place, ...others] = await search(record, entry, signal);
  if (!place || others.length > 0) throw refusal({ status: 412, body: null });
  return place;
}

async function search(
  record: HealthRecord,
  entry: TransactionEntry,
  signal: AbortSignal | undefined,
): Promise<readonly Place[]> {
  const { url, ifNoneExist } = entry.request;
  const path = ifNoneExist === undefined ? `/${url}` : `/${entry.resource.resourceType}?${ifNoneExist}`;
  const answer = await record.requests.send({ method: "GET", path, repeatable: true }, signal);
  if (answer.status !== 200) throw refusal(answer);
  return list((answer.body as JsonObject | null)?.["entry"]).flatMap(
    (found) => placeOf(object(found["resource"]), entry) ?? [],
  );
}
