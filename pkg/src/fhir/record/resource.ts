/** The parts of FHIR R4 that are written here. */

export interface Coding {
  readonly system?: string;
  readonly code?: string;
  readonly display?: string;
}

export interface CodeableConcept {
  readonly coding?: readonly Coding[];
  readonly text?: string;
}

export interface Reference {
  readonly reference?: string;
  readonly type?: string;
  readonly display?: string;
  readonly identifier?: { readonly system?: string; readonly value?: string };
}

export interface Resource {
  readonly resourceType: string;
  readonly [element: string]: unknown;
}

export interface TransactionEntry {
  readonly fullUrl: string;
  readonly resource: Resource;
  readonly request: {
    readonly method: "POST" | "PUT";
    readonly url: string;
    readonly ifNoneExist?: string;
  };
}

/** A Bundle of type `transaction`: all of it is filed, or nothing. */
export interface Transaction {
  readonly resourceType: "Bundle";
  readonly type: "transaction";
  readonly entry: readonly TransactionEntry[];
}

export function concept(system: string, code: string): CodeableConcept {
  return { coding: [{ system, code }] };
}

export function instant(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
