/** The laboratory's contacts: invited, accepted, and checked by a person at a terminal. */

import { TesseraError, invalid, isTesseraError } from "../errors.js";
import type { Portal } from "../portal/portal.js";
import type { Contact } from "../portal/types.js";

const PAUSE_MS = 1000;

/** Prints an invitation and waits for its answer. */
export async function invite(
  portal: Portal,
  expected: string | undefined,
  print: (line: string) => void,
): Promise<void> {
  const before = new Set((await portal.contacts()).map(({ id }) => id));
  const { id, uri } = await portal.invite({ kind: "link" });
  if (expected !== undefined) await portal.expectIdentity(id, fingerprint(expected));
  print(uri);
  await settled(portal, ({ id: contact }) => !before.has(contact), print);
}

/** Answers an invitation: prints the contact as it is now, and again when it is settled. */
export async function accept(
  portal: Portal,
  uri: string,
  inPerson: boolean,
  print: (line: string) => void,
): Promise<void> {
  const accepted = await portal.accept(uri, { inPerson });
  print(contactLine(accepted));
  await settled(portal, ({ id }) => id === accepted.id, print);
}

export function contactLine({ id, state, verified, sas, reason, fingerprint: print, name }: Contact): string {
  const fingerprintHex = print === null ? "-" : Buffer.from(print).toString("hex");
  const digits = sas === null ? "" : ` digits ${sas}`;
  return `${id} ${state} ${verified ?? "unchecked"} ${fingerprintHex}${digits}${reason === null ? "" : ` ${reason}`} ${name}`;
}

export async function confirm(portal: Portal, id: string, digits: string): Promise<void> {
  const contact = (await portal.contacts()).find((known) => known.id === id);
  if (!contact) throw new TesseraError("CONTACT_UNKNOWN", "no contact has this id");
  if (contact.sas === null) throw new TesseraError("SAS_NOT_READY", "there are no digits to compare");
  if (digits.replaceAll(/\s/g, "") !== contact.sas)
    throw invalid("the digits differ: compare again, and if they still differ do not confirm");
  await portal.confirmSas(id);
  await portal.sync({ flush: true });
}

/** Rounds by hand until the contact is active, or its digits are to be compared. */
async function settled(
  portal: Portal,
  is: (contact: Contact) => boolean,
  print: (line: string) => void,
): Promise<void> {
  for (;;) {
    await portal.sync({ flush: true }).catch((error: unknown) => {
      if (!isTesseraError(error) || !error.retryable) throw error;
    });
    const contact = (await portal.contacts()).find(is);
    if (contact?.state === "suspect") throw new TesseraError("CONTACT_SUSPECT", "the contact cannot be trusted");
    if (contact?.state === "active" || contact?.sas) {
      print(contactLine(contact));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function fingerprint(text: string): Uint8Array {
  const digits = text.replace(/^tessera-fingerprint:/, "");
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw invalid("--expect is not 64 hex digits");
  return new Uint8Array(Buffer.from(digits, "hex"));
}
