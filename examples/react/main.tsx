// A clinic's page: all messages as one component, with the clinic's logo, colours and telephone numbers.

import "./app.css";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { TesseraPortal } from "tessera-portal/react";

const RELAY = new URLSearchParams(location.search).get("relay") ?? location.origin;

function App() {
  const [unread, setUnread] = useState(0);
  return (
    <>
      <header>
        <h1>Riverside Clinic</h1>
        <p role="status">{unread === 0 ? "No new messages" : `New messages: ${unread}`}</p>
      </header>
      <main>
        <TesseraPortal
          className="messages"
          relay={RELAY}
          organization="Riverside Clinic"
          emergencyNumber="112"
          phone="+1 555 0100"
          inviteUrl={location.pathname + location.search}
          acceptInvitations
          onUnread={({ detail }) => setUnread(detail.count)}
        >
          <img slot="logo" src="logo.svg" alt="" width="32" height="32" />
        </TesseraPortal>
      </main>
    </>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
