/** The patient of the chart, as the FHIR service has them. */

import { fhirBaseUrl, openmrsFetch } from "@openmrs/esm-framework";

interface Patient {
  readonly name?: readonly { readonly text?: string; readonly given?: readonly string[]; readonly family?: string }[];
}

export async function patientName(uuid: string, control: AbortController): Promise<string> {
  const { data } = await openmrsFetch<Patient>(`${fhirBaseUrl}/Patient/${uuid}`, { signal: control.signal });
  const [name] = data.name ?? [];
  return name?.text ?? [...(name?.given ?? []), name?.family ?? ""].join(" ").trim();
}
