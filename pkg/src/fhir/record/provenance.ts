/** The evidence of who wrote a message, as a Provenance; posted after the message, when its place is known. */

import { bytes, object, text } from "../../arguments.js";
import { base64 } from "../../bytes.js";
import { invalid } from "../../errors.js";
import { CONTENT_DIGEST } from "../sid.js";
import { list, requireMessage, requireSecret } from "./checks.js";
import { contentDigest, entryUrl } from "./identifier.js";
import { concept, instant } from "./resource.js";
import type { Reference, Resource, Transaction } from "./resource.js";
import { keyOf } from "./transaction.js";
import type { RecordMap, RecordMessage, RecordOptions } from "./input.js";

export interface Filed {
  /** `Communication/<id>`, as the server named it. */
  readonly communication: string;
  /** `DocumentReference/<id>` of each body that is not text. */
  readonly documents?: readonly string[];
}

const AGENT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const MESSAGE_TYPE = "application/vnd.tessera.message+cbor";
const EVIDENCE_TYPE = "application/vnd.tessera.evidence+cbor";

/**
 * A Provenance of a filed message that came in: its author, the device that verified it, the digest of its content, and
 * `evidence` as the signature's data. R4 gives a Provenance no identifier, so it is found by its target.
 */
export function toProvenance(
  message: RecordMessage,
  body: Uint8Array,
  filed: Filed,
  evidence: Uint8Array,
  map: Pick<RecordMap, "sender"> & { readonly device: Reference },
  options: Pick<RecordOptions, "secret">,
): Transaction {
  requireMessage(message);
  requireSecret(options);
  object(object(map, "map")["sender"], "map.sender");
  object(map.device, "map.device");
  text(object(filed, "filed")["communication"], "filed.communication");
  for (const [index, document] of list(filed.documents ?? [], "filed.documents").entries())
    text(document, `filed.documents[${index}]`);
  if (message.direction !== "in" || message.state !== "verified" || message.receivedAt === null)
    throw invalid("message is not one that came in and is verified");
  if (!/^Communication\/[A-Za-z0-9\-.]{1,64}$/.test(filed.communication))
    throw invalid("filed.communication is not Communication/<id>");
  const recorded = instant(message.receivedAt);
  const resource: Resource = {
    resourceType: "Provenance",
    target: [filed.communication, ...(filed.documents ?? [])].map((reference) => ({ reference })),
    recorded,
    activity: concept("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "CREATE"),
    agent: [
      { type: concept(AGENT, "author"), who: map.sender },
      { type: concept(AGENT, "verifier"), who: map.device },
    ],
    entity: [
      { role: "source", what: { identifier: { system: CONTENT_DIGEST, value: contentDigest(bytes(body, "body")) } } },
    ],
    signature: [
      {
        type: [
          { system: "urn:iso-astm:E1762-95:2013", code: "1.2.840.10065.1.12.1.5", display: "Verification Signature" },
        ],
        when: recorded,
        who: map.sender,
        targetFormat: message.attachments?.length ? MESSAGE_TYPE : "text/plain; charset=utf-8",
        sigFormat: EVIDENCE_TYPE,
        data: base64(bytes(evidence, "evidence")),
      },
    ],
  };
  return {
    resourceType: "Bundle",
    type: "transaction",
    entry: [
      {
        fullUrl: entryUrl(keyOf(message, options), "provenance"),
        resource,
        request: { method: "POST", url: "Provenance", ifNoneExist: `target=${filed.communication}` },
      },
    ],
  };
}
