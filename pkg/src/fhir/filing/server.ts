/** What a FHIR server takes, read from its CapabilityStatement before anything is filed. */

import { object as requireObject } from "../../arguments.js";
import { FhirRequests, refusal, type RequestOptions } from "./requests.js";
import { TesseraError, invalid } from "../../errors.js";
import { list, object, text } from "../json.js";
import type { Json, JsonObject } from "../scanner.js";

/** How a server is used. `generic` is any that takes transactions, such as HAPI and Helios. */
export type ServerKind = "generic" | "medplum" | "oracle" | "openmrs";

export interface HealthRecordOptions extends RequestOptions {
  /** The base of the FHIR R4 service; https, or a loopback address. */
  readonly base: string | URL;
  /** Taken from the CapabilityStatement if left out. */
  readonly kind?: ServerKind;
  readonly signal?: AbortSignal;
}

const KINDS: readonly string[] = ["generic", "medplum", "oracle", "openmrs"] satisfies ServerKind[];

/** A FHIR server whose CapabilityStatement was read. */
export class HealthRecord {
  readonly kind: ServerKind;
  readonly requests: FhirRequests;
  readonly #takesTransactions: boolean;
  readonly #types: ReadonlyMap<string, ResourceRules>;

  /** Reads the CapabilityStatement. `RECORD_UNREACHABLE`, `RECORD_REFUSED`, or `RECORD_UNSUPPORTED` for a server that is not FHIR R4. */
  static async open(options: HealthRecordOptions): Promise<HealthRecord> {
    const { base, kind, signal, ...rest } = requireObject(options, "options") as unknown as HealthRecordOptions;
    if (kind !== undefined && !KINDS.includes(kind)) throw invalid(`kind is not one of ${KINDS.join(", ")}`);
    const requests = new FhirRequests(base, rest);
    const answer = await requests.send({ method: "GET", path: "/metadata", repeatable: true }, signal);
    if (answer.status !== 200) throw refusal(answer);
    return new HealthRecord(requests, answer.body as JsonObject | null, kind);
  }

  private constructor(requests: FhirRequests, statement: JsonObject | null, kind: ServerKind | undefined) {
    if (statement === null || statement["resourceType"] !== "CapabilityStatement")
      throw unsupported("it gives no CapabilityStatement");
    const version = text(statement["fhirVersion"]) ?? "";
    if (!/^4\.0\./.test(version)) throw unsupported("it is not FHIR R4");
    const rest = list(statement["rest"]).find(({ mode }) => mode === "server");
    if (!rest) throw unsupported("its CapabilityStatement describes no server");
    this.requests = requests;
    this.kind = kind ?? kindOf(statement);
    this.#takesTransactions = interactions(rest).has("transaction");
    this.#types = new Map(
      list(rest["resource"]).map((resource) => [
        text(resource["type"]) ?? "",
        {
          interactions: interactions(resource),
          conditionalCreate: resource["conditionalCreate"] === true,
          conditionalUpdate: resource["conditionalUpdate"] === true,
        },
      ]),
    );
  }

  /** Whether a bundle is filed as one transaction. Medplum takes it without saying so. */
  get takesTransactions(): boolean {
    return this.kind === "medplum" || (this.kind === "generic" && this.#takesTransactions);
  }

  /** Whether a resource can be created once, however often it is sent. Medplum does so without saying so. */
  createsOnce(type: string): boolean {
    return this.creates(type) && (this.kind === "medplum" || this.#types.get(type)?.conditionalCreate === true);
  }

  creates(type: string): boolean {
    return this.#types.get(type)?.interactions.has("create") === true;
  }

  updatesByIdentifier(type: string): boolean {
    const rules = this.#types.get(type);
    return rules?.interactions.has("update") === true && (this.kind === "medplum" || rules.conditionalUpdate);
  }
}

interface ResourceRules {
  readonly interactions: ReadonlySet<string>;
  readonly conditionalCreate: boolean;
  readonly conditionalUpdate: boolean;
}

export function unsupported(why: string): TesseraError {
  return new TesseraError("RECORD_UNSUPPORTED", `the health record cannot take the message: ${why}`);
}

function interactions(owner: JsonObject): ReadonlySet<string> {
  return new Set(list(owner["interaction"]).flatMap(({ code }) => text(code as Json) ?? []));
}

function kindOf(statement: JsonObject): ServerKind {
  const software = object(statement["software"]);
  const said = [statement["name"], statement["publisher"], software?.["name"]].map((part) => text(part as Json) ?? "");
  const names = said.join(" ").toLowerCase();
  if (names.includes("medplum")) return "medplum";
  if (/\b(cerner|oracle)\b/.test(names)) return "oracle";
  if (names.includes("openmrs")) return "openmrs";
  return "generic";
}
