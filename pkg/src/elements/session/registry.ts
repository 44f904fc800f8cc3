/** Which session an element belongs to: elements of a page that name the same vault share one portal. */

import { Session, type SessionOptions } from "./session.js";
import type { Portal } from "../../index.js";
import { remembered } from "../../remembered.js";

const byVault = new Map<string, Session>();
const byPortal = new WeakMap<Portal, Session>();

/** The session on a vault of this browser; made, and begun, with the first element that names it. */
export function sessionOfVault(options: SessionOptions): Session {
  return remembered(byVault, options.vault, () => {
    const session = new Session(options);
    void session.begin();
    return session;
  });
}

/** The session on a portal that the host opened. */
export function sessionOfPortal(portal: Portal): Session {
  return remembered(byPortal, portal, () => new Session(portal));
}
