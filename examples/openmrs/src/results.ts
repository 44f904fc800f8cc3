/** Results of a laboratory in the record: OpenMRS takes DiagnosticReport and Observation, and no message. */

import { fhirBaseUrl } from "@openmrs/esm-framework";
import type { Contact, Portal } from "tessera-portal";
import { HealthRecord, fileMessage } from "tessera-portal/fhir";

/** OpenMRS's session is in a cookie of this web origin. */
const sameOrigin = (url: string, init: RequestInit): Promise<Response> =>
  fetch(url, { ...init, credentials: "same-origin" });

const isResult = ({ contentType }: { readonly contentType: string }): boolean => /\bfhir\+json\b/.test(contentType);

/**
 * Files every verified result of the contact for the patient of the chart; gives how many messages. Results without an identifier of
 * their laboratory stay in the message: they could not be filed once.
 */
export async function fileResults(portal: Portal, from: Contact, patientUuid: string, secret: Uint8Array): Promise<number> {
  const base = new URL(`${window.openmrsBase}${fhirBaseUrl}`, location.origin);
  const record = await HealthRecord.open({ base, kind: "openmrs", fetch: sameOrigin });
  const patient = { reference: `Patient/${patientUuid}` };
  const plan = {
    secret,
    passthrough: true,
    map: { subject: patient, sender: { display: from.name }, recipient: [{ display: "This clinic" }] },
    device: { display: "Tessera portal" },
  };
  let filed = 0;
  for (const message of await portal.messages(from.id)) {
    if (message.state !== "verified" || message.filing.state === "filed" || !message.attachments.some(isResult)) continue;
    await fileMessage(portal, record, message, plan);
    filed += 1;
  }
  return filed;
}
