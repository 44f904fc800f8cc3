// The packed package in pages, with a strict Content-Security-Policy: as a module, inline, in a service worker, in React.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRelay } from "../node/relay.mjs";
import { EXPECTED } from "./fixtures/converse.js";
import { found, launch } from "./lib/browser.mjs";
import { CLASSIC, RELAY, startSite } from "./lib/site.mjs";

let browser, relay, site;
before(async () => {
  relay = await startRelay();
  browser = await launch();
  site = await startSite({ react: "^19.0.0", "react-dom": "^19.0.0" });
});
after(async () => {
  await browser?.close();
  site?.stop();
  await relay?.end();
});

const bundle = (name, contents, options = {}) => site.bundle(name, contents, { relay, ...options });

test("a bundle whose host serves the module itself", async () => {
  const url = await bundle(
    "served",
    `import { Portal, init, memoryStore } from "tessera-portal";
     import { converse } from "./converse.js";
     globalThis.found = init({ wasm: "/assets/core.wasm" }).then(() =>
       converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY}));`,
  );
  assert.equal(await found(browser, url), EXPECTED);
});

test("inline, as a classic script", async () => {
  const url = await bundle(
    "inline",
    `import { Portal, memoryStore } from "tessera-portal/inline";
     import { converse } from "./converse.js";
     globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});`,
    CLASSIC,
  );
  assert.equal(await found(browser, url), EXPECTED);
});

test("inline, in a service worker", async () => {
  await bundle(
    "service",
    `import { Portal, memoryStore } from "tessera-portal/inline";
     import { converse } from "./converse.js";
     self.addEventListener("message", ({ data, ports: [port] }) => {
       converse({ open: (options) => Portal.open(options), memoryStore }, data).then(
         (text) => port.postMessage(text), (error) => port.postMessage(String(error)));
     });`,
    CLASSIC,
  );
  const url = await bundle(
    "registers",
    `globalThis.found = (async () => {
       await navigator.serviceWorker.register("/service.js");
       const { active } = await navigator.serviceWorker.ready;
       const { port1, port2 } = new MessageChannel();
       active.postMessage(${RELAY}, [port2]);
       return new Promise((resolve) => (port1.onmessage = ({ data }) => resolve(data)));
     })();`,
  );
  assert.equal(await found(browser, url), EXPECTED);
});

test("React in StrictMode: one portal at a time, contacts and messages follow, and leave while it is locked", async () => {
  const url = await bundle(
    "react",
    `import { StrictMode, createElement as h, useEffect, useState } from "react";
     import { createRoot } from "react-dom/client";
     import { Portal, init, memoryStore } from "tessera-portal";
     import { useContacts, useMessages, usePortal } from "tessera-portal/react";
     const relay = ${RELAY};
     let [opened, most, live] = [0, 0, 0];
     const open = async (options) => {
       const portal = await Portal.open(options);
       opened += 1;
       most = Math.max(most, ++live);
       const dispose = portal.dispose.bind(portal);
       portal.dispose = () => dispose().finally(() => { live -= 1; });
       return portal;
     };
     const options = (name) => ({ relay, store: stores[name], passphrase: "a passphrase", name, create: true });
     let holder;
     const held = () => { const store = memoryStore(); return { ...store, place: "react", lock: async ({ takeOver, onLost }) => {
       if (holder && !takeOver) return null;
       const mine = {}; holder = mine; return () => { if (holder === mine) holder = undefined; };
     } }; };
     const stores = { Ana: held() };
     let show; globalThis.found = new Promise((resolve) => (show = resolve));
     const seen = new Set();
     function Thread({ portal }) {
       const contacts = useContacts(portal);
       const contact = contacts.items[0];
       const messages = useMessages(portal, contact?.id);
       useEffect(() => { if (contact?.sas) void portal.confirmSas(contact.id); }, [portal, contact?.id, contact?.sas]);
       const last = messages.items.at(-1);
       useEffect(() => {
         if (contacts.error) seen.add(contacts.error.code);
         if (last?.state === "verified") void lockOnce(portal, last.text);
       });
       return h("p", null, last?.text ?? "nothing yet");
     }
     // Stays on the page through locks.
     const listed = [];
     function Names({ portal }) {
       const { items, error } = useContacts(portal);
       useEffect(() => { listed.push([items.map(({ name }) => name).join(), error?.code].join(" ")); });
       return h("p", null, items.length);
     }
     const shows = async (wanted) => { while (listed.at(-1) !== wanted) await new Promise((resolve) => setTimeout(resolve, 10)); };
     const status = () => document.querySelector("p").textContent;
     let locks = 0;
     async function lockOnce(portal, text) {
       if (locks++ > 0) return;
       await shows("Ben ");
       await portal.vault.lock();
       await shows(" LOCKED");
       const locked = status();
       await portal.vault.unlock("a passphrase");
       await shows("Ben ");
       show({ text, opened, most, live, locked, statuses: [...seen] });
     }
     function App() {
       const portal = usePortal(open, options("Ana"));
       useEffect(() => { seen.add(portal.status); if (portal.status === "failed") show(portal.error.code + portal.error.message); });
       useEffect(() => { if (portal.status === "open") void other(portal.portal); }, [portal.portal]);
       return h("div", null,
         portal.status === "open" ? h(Thread, { portal: portal.portal }) : h("p", null, portal.status),
         portal.portal && h(Names, { portal: portal.portal }));
     }
     async function other(ana) {
       const ben = await Portal.open({ relay, store: memoryStore(), passphrase: "b", name: "Ben", create: true });
       ben.addEventListener("contact", ({ detail }) => {
         if (detail.sas) void ben.confirmSas(detail.id);
         if (detail.state === "active") void ben.send(detail.id, { text: "From Ben" }).then(() => ben.sync({ flush: true }));
       });
       const { uri } = await ana.invite({ kind: "qr" });
       await ben.accept(uri);
       await ben.start();
     }
     init({ wasm: "/assets/core.wasm" }).then(() =>
       createRoot(document.getElementById("root")).render(h(StrictMode, null, h(App))));`,
  );
  const { text, most, live, locked, statuses } = await found(browser, url);
  assert.deepEqual({ text, most, live, locked }, { text: "From Ben", most: 1, live: 1, locked: "locked" });
  assert.deepEqual(statuses, ["opening", "open", "locked"]);
});

test("React: the elements as components, with properties and events", async () => {
  const url = await bundle(
    "elements",
    `import { StrictMode, createElement as h } from "react";
     import { createRoot } from "react-dom/client";
     import { Portal, init, memoryStore } from "tessera-portal";
     import { TesseraPortal } from "tessera-portal/react";
     globalThis.found = (async () => {
       await init({ wasm: "/assets/core.wasm" });
       const portal = await Portal.open({ relay: ${RELAY}, store: memoryStore(), passphrase: "a", name: "Ana", create: true });
       let unread;
       const heard = new Promise((resolve) => (unread = ({ detail }) => resolve(detail.count)));
       const root = createRoot(document.getElementById("root"));
       root.render(h(StrictMode, null, h(TesseraPortal, { portal, emergencyNumber: "112", className: "here", lang: "es", onUnread: unread })));
       const count = await heard;
       const element = document.querySelector("tessera-portal.here");
       const { lang, emergencyNumber } = element;
       root.unmount();
       await portal.dispose();
       return { count, same: element.portal === portal, lang, emergencyNumber, shadow: element.shadowRoot !== null };
     })();`,
  );
  assert.deepEqual(await found(browser, url), {
    count: 0,
    same: true,
    lang: "es",
    emergencyNumber: "112",
    shadow: true,
  });
});
