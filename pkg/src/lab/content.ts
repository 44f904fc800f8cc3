/** What a laboratory's file is: FHIR that is valid and whole, or HL7 v2, which is carried as it is. */

import { fromDiagnosticReport } from "../fhir/record/draft.js";
import { isHl7v2 } from "../fhir/document.js";
import { list, object, text } from "../fhir/json.js";
import { Resources } from "../fhir/reference.js";
import { scan, type JsonObject } from "../fhir/scanner.js";
import { REPORT_STATUSES, ROW_STATUSES } from "../fhir/status.js";
import { invalid } from "../errors.js";

export const FHIR = "application/fhir+json";
export const HL7_V2 = "application/hl7-v2+er7";

/** The content type of a file. Anything but a whole result is refused with the reason. */
export function contentTypeOf(body: Uint8Array): typeof FHIR | typeof HL7_V2 {
  if (isHl7v2(body)) return HL7_V2;
  fromDiagnosticReport(body, "");
  const resources = new Resources(object(scan(new TextDecoder().decode(body)).root) ?? {});
  for (const resource of resources.all) requireValid(resource);
  return FHIR;
}

/** What R4 requires of a report and of an observation, and what readers take meaning from. */
function requireValid(resource: JsonObject): void {
  const type = text(resource["resourceType"]);
  const statuses = type === "DiagnosticReport" ? REPORT_STATUSES : type === "Observation" ? ROW_STATUSES : null;
  if (statuses === null) return;
  if (!statuses.has(text(resource["status"]) ?? "")) throw invalid(`${type}.status is missing or not one of FHIR R4`);
  if (object(resource["code"]) === null) throw invalid(`${type}.code is missing`);
  const values = Object.keys(resource).filter((field) => /^value[A-Z]/.test(field));
  if (values.length > 1) throw invalid(`${type} has more than one value`);
  for (const field of ["result", "hasMember", "specimen", "subject"])
    for (const link of list(resource[field]))
      if (link["reference"] !== undefined && text(link["reference"]) === null)
        throw invalid(`${type}.${field} has a reference that is not text`);
}
