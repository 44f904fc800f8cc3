/** An invitation in the address of the page, given to the session that answers it. */

import { takeOfferedInvitation } from "./invitation-text.js";
import type { Session } from "./session.js";

/** Takes it out of the address; false if there is none. */
export function takeOffer(session: Session): boolean {
  const { text, burnt } = takeOfferedInvitation();
  if (burnt) session.offerBurnt();
  else if (text !== null) void session.offer(text);
  return burnt || text !== null;
}
