/** Which session an element belongs to: elements of a page that name the same vault share one portal. */

import { Session, type SessionOptions } from "./session.js";
import type { Portal } from "../../index.js";

const byVault = new Map<string, Session>();
const byPortal = new WeakMap<Portal, Session>();

/** The session on a vault of this browser; made, and begun, with the first element that names it. */
export function sessionOfVault(options: SessionOptions): Session {
  const known = byVault.get(options.vault);
  if (known !== undefined) return known;
  const session = new Session(options);
  byVault.set(options.vault, session);
  void session.begin();
  return session;
}

/** The session on a portal that the host opened. */
export function sessionOfPortal(portal: Portal): Session {
  const known = byPortal.get(portal);
  if (known !== undefined) return known;
  const session = new Session(portal);
  byPortal.set(portal, session);
  return session;
}
