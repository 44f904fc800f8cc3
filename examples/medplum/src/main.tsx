import { MedplumClient } from "@medplum/core";
import { MedplumProvider } from "@medplum/react-hooks";
import { StrictMode, useEffect, useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";
import { Portal, indexedDbStore, type TesseraError } from "tessera-portal";
import { useContacts, usePortal, type UsePortal } from "tessera-portal/react";
import { MessagesPage } from "./messages-page.js";

/** What the app's server gives to people who are signed in. */
interface Settings {
  readonly medplum: string;
  readonly relay: string;
  readonly filingSecret: string;
  /** References in the record by the contact's id. */
  readonly patients: Readonly<Record<string, string>>;
}

function App({ settings, passphrase }: { readonly settings: Settings; readonly passphrase: string }) {
  const options = { relay: settings.relay, store: indexedDbStore("messages"), passphrase, idleMinutes: 10 };
  const { status, portal, unlock } = usePortal(Portal.open, options, [passphrase]);
  const { items: contacts } = useContacts(portal);
  // What is not in the record yet is not deleted by mistake.
  useEffect(() => void portal?.changeSettings({ filing: true }), [portal]);
  if (status === "locked") return <Locked unlock={unlock} />;
  if (status !== "open") return <p role="status">{status}</p>;
  const secret = Uint8Array.from(atob(settings.filingSecret), (char) => char.charCodeAt(0));
  return contacts.map((contact) => {
    const reference = settings.patients[contact.id];
    if (reference === undefined) return <p key={contact.id}>{contact.name}: not a patient of this record</p>;
    return <MessagesPage key={contact.id} portal={portal} contact={contact} patient={{ reference }} secret={secret} />;
  });
}

function Locked({ unlock }: Pick<UsePortal, "unlock">) {
  const [refused, setRefused] = useState<TesseraError>();
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    unlock(String(new FormData(event.currentTarget).get("passphrase"))).catch(setRefused);
  };
  return (
    <form onSubmit={submit}>
      <p role="status">{refused === undefined ? "Locked" : `It did not open (${refused.code}).`}</p>
      <label>
        Passphrase <input name="passphrase" type="password" required autoComplete="current-password" />
      </label>
      <button type="submit">Open</button>
    </form>
  );
}

export async function start(root: HTMLElement, passphrase: string): Promise<void> {
  const settings = (await (await fetch("settings.json")).json()) as Settings;
  const medplum = new MedplumClient({ baseUrl: settings.medplum });
  createRoot(root).render(
    <StrictMode>
      <MedplumProvider medplum={medplum}>
        <App settings={settings} passphrase={passphrase} />
      </MedplumProvider>
    </StrictMode>,
  );
}
