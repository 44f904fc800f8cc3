/** The messages in a patient's chart. The patient whom the chart shows stays in this page; the relay never gets it. */

import { useConfig } from "@openmrs/esm-framework";
import { createElement, useEffect, useRef, useState } from "react";
import { Portal, indexedDbStore, type Contact } from "tessera-portal";
import "tessera-portal/elements";
import { patientName } from "./patient.js";
import { fileResults } from "./results.js";

interface Config {
  readonly relay: string;
  readonly emergencyNumber: string;
  readonly filingSecret: string;
}

/** The slot passes the uuid of the patient whose chart is open. */
export default function Messages({ patientUuid }: { readonly patientUuid: string }) {
  const { relay, emergencyNumber, filingSecret } = useConfig<Config>();
  const [portal, setPortal] = useState<Portal | null>(null);
  const [name, setName] = useState("");
  const [said, setSaid] = useState("");
  const explain = (error: unknown): void => setSaid(`It did not work: ${(error as Error).message}.`);

  useEffect(() => {
    const control = new AbortController();
    setName("");
    patientName(patientUuid, control).then(setName, (error) => control.signal.aborted || explain(error));
    return () => control.abort();
  }, [patientUuid]);

  useEffect(() => () => void portal?.dispose(), [portal]);

  async function open(form: HTMLFormElement): Promise<void> {
    const passphrase = String(new FormData(form).get("passphrase"));
    const opened = await Portal.open({ relay, store: indexedDbStore("messages"), passphrase, idleMinutes: 10 });
    await opened.changeSettings({ filing: true });
    await opened.start();
    opened.addEventListener("locked", () => setPortal(null)); // no name stays in the chart
    setPortal(opened);
  }

  if (portal === null)
    return (
      <form
        onSubmit={(event) => {
          event.preventDefault();
          open(event.currentTarget).catch(explain);
        }}
      >
        <p role="status">{said}</p>
        <label>
          Passphrase of your messages <input name="passphrase" type="password" required autoComplete="current-password" />
        </label>
        <button type="submit">Open</button>
      </form>
    );
  // Another patient is another conversation: nothing of the former one stays.
  return (
    <Conversation
      key={patientUuid}
      portal={portal}
      patientUuid={patientUuid}
      name={name}
      emergencyNumber={emergencyNumber}
      filingSecret={filingSecret}
    />
  );
}

interface ConversationProps {
  readonly portal: Portal;
  readonly patientUuid: string;
  readonly name: string;
  readonly emergencyNumber: string;
  readonly filingSecret: string;
}

function Conversation({ portal, patientUuid, name, emergencyNumber, filingSecret }: ConversationProps) {
  const [contacts, setContacts] = useState<readonly Contact[]>([]);
  const [contact, setContact] = useState<Contact | null>(null);
  const [said, setSaid] = useState("");
  const thread = useRef<HTMLElement>(null);

  useEffect(() => {
    portal.contacts().then(
      (all) => setContacts(all.filter(({ state }) => state === "active")),
      (error: Error) => setSaid(error.message),
    );
  }, [portal]);

  useEffect(() => {
    if (thread.current !== null) Object.assign(thread.current, { portal, emergencyNumber });
  }, [portal, contact, emergencyNumber]);

  async function file(from: Contact): Promise<void> {
    const secret = Uint8Array.from(atob(filingSecret), (char) => char.charCodeAt(0));
    const filed = await fileResults(portal, from, patientUuid, secret);
    setSaid(`${filed} results were filed for ${name}.`);
  }

  if (contact === null)
    return (
      <section aria-label="Messages">
        <p>Whose conversation is that of {name}?</p>
        <ul>
          {contacts.map((candidate) => (
            <li key={candidate.id}>
              <button type="button" onClick={() => setContact(candidate)}>
                {candidate.name}
              </button>
            </li>
          ))}
        </ul>
      </section>
    );
  return (
    <section aria-label={`Messages with ${name}`}>
      <p role="status">{said}</p>
      <button type="button" onClick={() => file(contact).catch((error: Error) => setSaid(error.message))}>
        File the results of a laboratory
      </button>
      {createElement("tessera-thread", { ref: thread, contact: contact.id })}
    </section>
  );
}
