"use client";

// Imported on the server too, where nothing of it runs: the module is loaded when the portal opens in the browser.
import { useMemo, useState } from "react";
import { Portal, indexedDbStore } from "tessera-portal";
import { useContacts, usePortal } from "tessera-portal/react";

export default function Page() {
  const [opening, setOpening] = useState();
  const store = useMemo(() => indexedDbStore("portal"), []);
  const options = opening && { store, relay: new URLSearchParams(location.search).get("relay") ?? "/relay", ...opening };
  const { status, portal, error } = usePortal(Portal.open, options, [opening]);
  const contacts = useContacts(portal);
  const open = (form) => setOpening({ passphrase: form.get("passphrase"), name: form.get("name"), create: true });
  if (status === "open") return <p role="status">Open, {contacts.items.length} contacts</p>;
  return (
    <form action={open}>
      {error && <p role="alert">{error.code}</p>}
      <input name="name" aria-label="Your name" required />
      <input name="passphrase" type="password" aria-label="Passphrase" required />
      <button>{status === "opening" ? "Opening…" : "Open"}</button>
    </form>
  );
}
