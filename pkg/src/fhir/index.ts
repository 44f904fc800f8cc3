/**
 * FHIR R4: results in words, messages as they are filed, drafts from the record. Pure, but for filing, which sends requests through the
 * host's `fetch`.
 */

export { fileMessage, fileUnfiled, type FilingPlan, type FilingPortal, type FilingReport } from "./filing/file.js";
export type { RequestOptions } from "./filing/requests.js";
export { HealthRecord, type HealthRecordOptions, type ServerKind } from "./filing/server.js";
export { readResult, type DocumentKind, type ResultDocument } from "./document.js";
export type { Flag, Level } from "./interpretation.js";
export { Foreign, type Phrase } from "./phrase.js";
export type { Form, Report } from "./report.js";
export type { Line, Row } from "./row.js";
export type { ExpectedPatient, ResultOptions } from "./formatter.js";
export type { Status } from "./status.js";
export { resultText } from "./text.js";
export {
  fromCommunication,
  fromDiagnosticReport,
  type ContactOf,
  type Draft,
  type DraftAttachment,
  type DraftContact,
  type FhirSource,
} from "./record/draft.js";
export type {
  AttachmentInfo,
  RecordAttachment,
  RecordBody,
  RecordMap,
  RecordMessage,
  RecordOptions,
} from "./record/input.js";
export { transactionJson } from "./record/passthrough.js";
export { toProvenance, type Filed } from "./record/provenance.js";
export type { CodeableConcept, Coding, Reference, Resource, Transaction, TransactionEntry } from "./record/resource.js";
export { recordBody, toTransaction } from "./record/transaction.js";
