/** Verifies evidence of who wrote a message: for anyone who has both, without a vault. */

import { bytes } from "../arguments.js";
import { call } from "../module/core.js";
import type { Evidence } from "../portal/types.js";

/**
 * What `evidence` says, if it proves who wrote `body`, which is a message's `body()`. `NOT_AUTHENTIC` if it does not, `MALFORMED` for
 * what is no evidence. Needs `init()`.
 */
export function verifyEvidence(evidence: Uint8Array, body: Uint8Array): Evidence {
  const [given, written] = [bytes(evidence, "evidence"), bytes(body, "body")];
  return call((core) => core.verifyEvidence(given, written)) as Evidence;
}
