/** Contacts and messages that follow the portal's events. */

import { useCallback, useEffect, useState } from "react";
import { asTesseraError, type TesseraError } from "../errors.js";
import type { PortalEvents } from "../portal/events.js";
import type { Portal } from "../portal/portal.js";
import type { Contact, Message } from "../portal/types.js";

export interface Listed<T> {
  /** What was read last; empty at first. */
  readonly items: readonly T[];
  /** Whether nothing was read yet. */
  readonly loading: boolean;
  /** Why the last reading failed; what was read before stays in `items`, except with `LOCKED`, while the vault is locked. */
  readonly error: TesseraError | undefined;
}

export interface ListedMessages extends Listed<Message> {
  /** Whether older messages may be there: `loadEarlier` then reads a page more. */
  readonly hasEarlier: boolean;
  readonly loadEarlier: () => void;
}

/** All contacts, the oldest first. */
export function useContacts(portal: Portal | undefined): Listed<Contact> {
  const read = useCallback((from: Portal) => from.contacts(), []);
  return useReading(portal, read, CONTACT_EVENTS);
}

/** The newest messages with a contact, the newest last. */
export function useMessages(
  portal: Portal | undefined,
  contactId: string | undefined,
  options: { readonly pageSize?: number } = {},
): ListedMessages {
  const { pageSize = 50 } = options;
  const [shown, setShown] = useState({ contactId, limit: pageSize });
  const limit = shown.contactId === contactId ? shown.limit : pageSize;
  const read = useCallback(
    async (from: Portal) => (contactId === undefined ? [] : from.messages(contactId, { limit })),
    [contactId, limit],
  );
  const listed = useReading(portal, read, MESSAGE_EVENTS);
  const loadEarlier = useCallback(
    () => setShown({ contactId, limit: Math.min(limit + pageSize, 10_000) }),
    [contactId, limit, pageSize],
  );
  return { ...listed, hasEarlier: listed.items.length >= limit && limit < 10_000, loadEarlier };
}

const CONTACT_EVENTS = [
  "contact",
  "message",
  "storage",
  "locked",
  "unlocked",
] as const satisfies (keyof PortalEvents)[];
const MESSAGE_EVENTS = ["message", "state", "contact", "locked", "unlocked"] as const satisfies (keyof PortalEvents)[];

/** Reads at first, and after each of the events; several at once are one reading. */
function useReading<T>(
  portal: Portal | undefined,
  read: (portal: Portal) => Promise<T[]>,
  events: readonly (keyof PortalEvents)[],
): Listed<T> {
  const [result, setResult] = useState<{ of: typeof read | undefined; items: T[]; error: TesseraError | undefined }>({
    of: undefined,
    items: [],
    error: undefined,
  });
  useEffect(() => {
    if (portal === undefined) {
      setResult({ of: undefined, items: [], error: undefined });
      return;
    }
    let [gone, reading, changed] = [false, false, false];
    const refresh = async (): Promise<void> => {
      changed = true;
      if (reading) return;
      reading = true;
      while (changed && !gone) {
        changed = false;
        try {
          const items = await read(portal);
          if (!gone) setResult({ of: read, items, error: undefined });
        } catch (cause) {
          const error = asTesseraError(cause);
          const isLocked = error.code === "LOCKED";
          if (!gone) setResult((before) => ({ of: read, items: isLocked ? [] : before.items, error }));
        }
      }
      reading = false;
    };
    const onEvent = (): void => void refresh();
    for (const event of events) portal.addEventListener(event, onEvent);
    void refresh();
    return () => {
      gone = true;
      for (const event of events) portal.removeEventListener(event, onEvent);
    };
  }, [portal, read, events]);
  return { items: result.items, loading: portal !== undefined && result.of === undefined, error: result.error };
}
