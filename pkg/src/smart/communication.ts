/** A message on the EHR's scratchpad. */

import { object, text } from "../arguments.js";
import { invalid } from "../errors.js";
import type { Reference, Resource } from "../fhir/record/resource.js";

export interface Preparation {
  /** The words of the message; files are not put on a scratchpad. */
  readonly text: string;
  readonly subject: Reference;
  readonly recipient: Reference;
  readonly sender?: Reference;
  readonly encounter?: Reference;
}

/** A Communication in `preparation`, as `fromCommunication` of `tessera-portal/fhir` reads it again. */
export function preparedCommunication(preparation: Preparation): Resource {
  const words = text(object(preparation, "preparation")["text"], "preparation.text");
  if (words === "") throw invalid("preparation.text is empty");
  const { sender, encounter } = preparation;
  return {
    resourceType: "Communication",
    status: "preparation",
    subject: reference(preparation.subject, "preparation.subject"),
    ...(encounter === undefined ? {} : { encounter: reference(encounter, "preparation.encounter") }),
    ...(sender === undefined ? {} : { sender: reference(sender, "preparation.sender") }),
    recipient: [reference(preparation.recipient, "preparation.recipient")],
    payload: [{ contentString: words }],
  };
}

function reference(value: Reference, name: string): Reference {
  if (typeof object(value, name)["reference"] !== "string") throw invalid(`${name}.reference is not a string`);
  return value;
}
