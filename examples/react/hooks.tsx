// The hooks: one portal for the page, its contacts, and the messages of the first.

import { StrictMode, useMemo, useState, type FormEvent } from "react";
import { createRoot } from "react-dom/client";
import { Portal, indexedDbStore, type OpenOptions, type TesseraError } from "tessera-portal";
import { useContacts, useMessages, usePortal } from "tessera-portal/react";

const RELAY = new URLSearchParams(location.search).get("relay") ?? location.origin;

function App() {
  const [opening, setOpening] = useState<Pick<OpenOptions, "passphrase" | "name" | "create">>();
  const [refused, setRefused] = useState<TesseraError>();
  const store = useMemo(() => indexedDbStore("portal"), []);
  const options = opening && { relay: RELAY, store, idleMinutes: 10, ...opening };
  const { status, portal, error = refused, unlock } = usePortal(Portal.open, options, [opening]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { name, passphrase } = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    setRefused(undefined);
    if (status === "locked") unlock(passphrase).catch(setRefused);
    else setOpening(name ? { passphrase, name, create: true } : { passphrase });
  };
  if (status === "opening") return <p role="status">Opening…</p>;
  if (status === "open") return <Conversation portal={portal} />;
  return (
    <form onSubmit={submit}>
      {error && <p role="alert">It did not open ({error.code}).</p>}
      {status === "locked" ? (
        <p role="status">Locked</p>
      ) : (
        <label>
          Your name, if this is the first time <input name="name" />
        </label>
      )}
      <label>
        Passphrase <input name="passphrase" type="password" required />
      </label>
      <button>Open</button>
    </form>
  );
}

function Conversation({ portal }: { portal: Portal }) {
  const contacts = useContacts(portal);
  const contact = contacts.items[0];
  const { items, hasEarlier, loadEarlier } = useMessages(portal, contact?.id);
  if (contacts.loading) return <p role="status">Loading…</p>;
  if (contact === undefined) return <p>Nobody here yet.</p>;
  return (
    <section>
      <h1>{contact.name}</h1>
      {hasEarlier && <button onClick={loadEarlier}>Earlier</button>}
      <ul>
        {items.map(({ id, text, state }) => (
          <li key={id}>
            {text ?? "(a file)"} · {state}
          </li>
        ))}
      </ul>
    </section>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
