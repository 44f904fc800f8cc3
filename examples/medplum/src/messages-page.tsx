/** A page of a Medplum app: the messages with a patient, each of which can be filed as Communication. */

import type { Bundle } from "@medplum/fhirtypes";
import { useMedplum } from "@medplum/react-hooks";
import { useState } from "react";
import type { Contact, Message, Portal } from "tessera-portal";
import { recordBody, toTransaction, type Reference } from "tessera-portal/fhir";
import { useMessages } from "tessera-portal/react";

interface MessagesProps {
  readonly portal: Portal;
  readonly contact: Contact;
  /** Who the contact is in the record, as `Patient/<id>`: only the app knows. */
  readonly patient: Reference;
  /** At least 16 bytes, the same for all of the deployment; the app's server gives it to people who are signed in. */
  readonly secret: Uint8Array;
}

export function MessagesPage({ portal, contact, patient, secret }: MessagesProps) {
  const medplum = useMedplum();
  const { items } = useMessages(portal, contact.id);
  const [said, setSaid] = useState("");

  async function file(message: Message): Promise<void> {
    const profile = medplum.getProfile();
    if (profile === undefined) throw new Error("nobody is signed in");
    const user: Reference = { reference: `${profile.resourceType}/${profile.id}` };
    const isIncoming = message.direction === "in";
    const { fingerprint: sender } = isIncoming ? contact : await portal.me();
    if (sender === null) throw new Error("the contact was not found yet");
    const bundle = toTransaction(
      { ...message, sender },
      await recordBody(message),
      { subject: patient, sender: isIncoming ? patient : user, recipient: [isIncoming ? user : patient] },
      { secret, update: !isIncoming },
    );
    await portal.filing.started(message.id);
    const { entry = [] } = await medplum.executeBatch(bundle as unknown as Bundle);
    const [first] = entry;
    const isFiled = entry.length > 0 && entry.every(({ response }) => /^20[01]\b/.test(response?.status ?? ""));
    const [, id, version] = /Communication\/([^/]+)(?:\/_history\/([^/]+))?$/.exec(first?.response?.location ?? "") ?? [];
    if (!isFiled || id === undefined) {
      await portal.filing.failed(message.id, "RECORD_REFUSED");
      throw new Error(first?.response?.status ?? "no answer");
    }
    await portal.filing.filed(message.id, { id, version: version ?? null, filedAs: message.state });
  }

  const act = (message: Message): void =>
    void file(message).then(
      () => setSaid("Filed in the record."),
      (error: Error) => setSaid(`It was not filed: ${error.message}.`),
    );

  return (
    <section aria-label={`Messages with ${contact.name}`}>
      <p role="status">{said}</p>
      <ul>
        {items
          .filter(({ state }) => state !== "held")
          .map((message) => (
            <li key={message.id}>
              {message.text ?? `${message.attachments.length} file(s)`}
              <button type="button" onClick={() => act(message)}>
                {message.filing.state === "filed" ? "File again" : "File"}
              </button>
            </li>
          ))}
      </ul>
    </section>
  );
}
