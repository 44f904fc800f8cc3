/** Checks an invitation before there is a portal: nothing is asked of a person for one that cannot be answered. */

import { text } from "../arguments.js";
import { call } from "../module/core.js";
import { relayClient } from "../relay/client.js";
import type { OpenOptions } from "./types.js";

/**
 * Throws what `accept` would throw of the invitation alone: `INVITATION_INCOMPLETE`, `INVITATION_MALFORMED`, `INVITATION_EXPIRED` by
 * this device's clock, `RELAY_MISMATCH` if a relay is given and the invitation names neither it nor one of its `members`. Takes the
 * same text, needs `init()`, and asks no relay: the members that a relay names, and whether somebody else has answered the invitation
 * meanwhile, are not known here.
 */
export function checkInvitation(uri: string, relay?: OpenOptions["relay"]): void {
  const given = text(uri, "uri");
  const client = relay === undefined ? undefined : relayClient(relay);
  const relays = client === undefined ? [] : [client, ...(client.members ?? [])].map(({ url }) => url);
  call((core) => core.checkInvitation(given, relays, Date.now() / 1000));
}
