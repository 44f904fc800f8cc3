// The packed package in pages, with a strict Content-Security-Policy: as a module, inline, in workers, in React.

import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import { startRelay } from "../node/relay.mjs";
import { EXPECTED } from "./fixtures/converse.js";
import { found, launch, serve } from "./lib/browser.mjs";
import { project } from "./lib/project.mjs";

const page = (scripts) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Consumer</title><link rel="icon" href="data:,"><div id="root"></div>${scripts}</html>`;
const RELAY = `new URLSearchParams(location.search).get("relay")`;

describe("in a page", () => {
  let consumer, browser, relay, site;

  /** Bundles a script and puts it into the site. */
  const bundle = async (name, contents, options = {}) => {
    await build({
      stdin: { contents, resolveDir: consumer.folder, sourcefile: `${name}.js`, loader: "js" },
      bundle: true,
      format: "esm",
      outfile: join(consumer.folder, `site/${name}.js`),
      define: { "process.env.NODE_ENV": '"development"' },
      logLevel: "error",
      ...options,
    });
    const type = options.format === "iife" ? "" : ' type="module"';
    writeFileSync(join(consumer.folder, `site/${name}.html`), page(`<script${type} src="${name}.js"></script>`));
    return `${site.url}/${name}.html?relay=${relay.url}`;
  };
  const copied = (from, to) =>
    cpSync(join(consumer.folder, "node_modules/tessera-portal/dist", from), join(consumer.folder, "site", to));

  before(async () => {
    relay = await startRelay();
    browser = await launch();
    consumer = await project({
      dependencies: { react: "^19.0.0", "react-dom": "^19.0.0" },
      files: { "converse.js": null, "site/index.html": page("<p>The start page") },
    });
    site = await serve(join(consumer.folder, "site"));
  });
  after(async () => {
    await browser?.close();
    site?.stop();
    await relay?.end();
    consumer?.remove();
  });

  test("a bundle whose host serves the module itself", async () => {
    copied("core/core.wasm", "assets/core.wasm");
    const url = await bundle(
      "served",
      `import { Portal, init, memoryStore } from "tessera-portal";
       import { converse } from "./converse.js";
       globalThis.found = init({ wasm: "/assets/core.wasm" }).then(() =>
         converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY}));`,
    );
    assert.equal(await found(browser, url), EXPECTED);
  });

  test("a bundle without its module: the error names the address and what was answered", async () => {
    const url = await bundle(
      "missing",
      `import { init } from "tessera-portal";
       globalThis.found = init().then(() => "loaded", ({ code, message }) => ({ code, message }));`,
    );
    const { code, message } = await found(browser, url);
    assert.equal(code, "WASM_UNAVAILABLE");
    assert.match(message, /core\/core\.wasm was answered with status 200 and text\/html/);
    assert.match(message, /docs\/bundlers/);
  });

  test("a policy without wasm-unsafe-eval is named", async () => {
    const strict = await serve(join(consumer.folder, "site"), { policy: "script-src 'self'" });
    try {
      copied("core/sdk.wasm", "assets/sdk.wasm");
      await bundle(
        "policy",
        `import { init } from "tessera-portal/sdk";
         globalThis.found = init({ wasm: "/assets/sdk.wasm" }).then(() => "loaded", ({ message }) => message);`,
      );
      assert.match(await found(browser, `${strict.url}/policy.html`), /lacks 'wasm-unsafe-eval'/);
    } finally {
      strict.stop();
    }
  });

  test("inline, as a classic script", async () => {
    const url = await bundle(
      "inline",
      `import { Portal, memoryStore } from "tessera-portal/inline";
       import { converse } from "./converse.js";
       globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});`,
      { format: "iife", logOverride: { "empty-import-meta": "silent" } },
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
      { format: "iife", logOverride: { "empty-import-meta": "silent" } },
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

  describe("in a worker", () => {
    const prelude = `import { openInWorker, indexedDbStore, isTesseraError } from "tessera-portal/worker";
       import { memoryStore } from "tessera-portal";
       import { converse } from "./converse.js";
       const worker = () => new Worker("/host.js", { type: "module" });
       const open = (options) => openInWorker({ ...options, worker: worker(), wasm: "/assets/core.wasm" });
       const options = (more) => ({ relay: ${RELAY}, store: memoryStore(), passphrase: "a passphrase", name: "A", create: true, ...more });
       const codeOf = (promise) => promise.then(() => null, (error) => [isTesseraError(error), error.code, error.retryable]);
       `;
    before(async () => {
      copied("core/core.wasm", "assets/core.wasm");
      await bundle("host", `import "tessera-portal/worker-host";`);
    });

    test("two people meet, with stores of the page", async () => {
      const url = await bundle("worker", `${prelude} globalThis.found = converse({ open, memoryStore }, ${RELAY});`);
      assert.equal(await found(browser, url), EXPECTED);
    });

    test("the database is opened in the worker, and the surface is the portal's", async () => {
      const url = await bundle(
        "surface",
        `${prelude} import { Portal } from "tessera-portal";
         const databases = [];
         const real = indexedDB.open.bind(indexedDB);
         indexedDB.open = (...words) => (databases.push(words[0]), real(...words));
         globalThis.found = (async () => {
           const store = indexedDbStore("surface");
           const portal = await open(options({ store }));
           const names = (object) => Object.getOwnPropertyNames(object).filter((name) => name !== "constructor" && !name.startsWith("_"));
           const missing = names(Portal.prototype).filter((name) => typeof portal[name] !== "function");
           const parts = Object.keys(portal);
           const seen = [];
           portal.addEventListener("locked", ({ detail }) => seen.push(detail.reason));
           const stream = portal.events();
           await portal.vault.lock();
           let streamed;
           do streamed = (await stream.next()).value.type; while (streamed !== "locked");
           const locked = await codeOf(portal.contacts());
           const wrong = await codeOf(portal.vault.unlock("wrong"));
           await portal.vault.unlock("a passphrase");
           portal.vault.touch();
           let log = "";
           for await (const piece of portal.audit.stream("ndjson")) log += piece;
           const { intact } = await portal.audit.verify();
           const misuse = await codeOf(portal.send(7, { text: "x" }));
           const disposed = [await portal.dispose(), await codeOf(portal.me())];
           return { missing, parts, seen, locked, wrong, intact, log: log.length > 100, misuse, disposed, databases };
         })();`,
      );
      assert.deepEqual(await found(browser, url), {
        missing: [],
        parts: ["vault", "audit", "emergency"],
        seen: ["manual"],
        locked: [true, "LOCKED", false],
        wrong: [true, "WRONG_PASSPHRASE", false],
        intact: true,
        log: true,
        misuse: [true, "INVALID_ARGUMENT", false],
        disposed: [undefined, [true, "DISPOSED", false]],
        databases: [],
      });
    });

    test("a signal, a failing store and a missing script end the opening with their codes", async () => {
      const url = await bundle(
        "failures",
        `${prelude} globalThis.found = (async () => ({
           aborted: await codeOf(open(options({ signal: AbortSignal.abort() }))),
           failing: await codeOf(open(options({ store: { ...memoryStore(), list: () => Promise.reject(new Error("no disk")) } }))),
           quota: await codeOf(open(options({ store: { ...memoryStore(), commit: () => Promise.reject(new DOMException("full", "QuotaExceededError")) } }))),
           unknown: await codeOf(open(options({ passphrse: "x" }))),
           script: await codeOf(openInWorker(options({ worker: new Worker("/nowhere/host.js", { type: "module" }) }))),
         }))();`,
      );
      assert.deepEqual(await found(browser, url), {
        aborted: [true, "ABORTED", true],
        failing: [true, "STORE_FAILED", true],
        quota: [true, "STORE_FULL", true],
        unknown: [true, "INVALID_ARGUMENT", false],
        script: [true, "WASM_UNAVAILABLE", true],
      });
    });

    test("a defect ends the worker as INTERNAL, and a fresh one opens the vault again", async () => {
      await bundle(
        "trapping",
        `import { Portal } from "tessera-portal";
         import "tessera-portal/worker-host";
         const { me } = Portal.prototype;
         let calls = 0;
         // What a trap of the module looks like to its caller.
         Portal.prototype.me = function () {
           calls += 1;
           if (calls > 1) (() => { throw new WebAssembly.RuntimeError("unreachable"); })();
           return me.call(this);
         };`,
      );
      const url = await bundle(
        "defect",
        `${prelude} globalThis.found = (async () => {
           const store = memoryStore();
           const trapping = new Worker("/trapping.js", { type: "module" });
           const portal = await openInWorker({ ...options({ store }), worker: trapping, wasm: "/assets/core.wasm" });
           const { publicKey } = await portal.me();
           const waiting = codeOf(portal.vault.backup());
           const trapped = await codeOf(portal.me());
           const later = await codeOf(portal.contacts());
           await waiting;
           const again = await open(options({ store, create: false }));
           const same = (await again.me()).publicKey.join() === publicKey.join();
           await again.dispose();
           return { trapped, later, same };
         })();`,
      );
      assert.deepEqual(await found(browser, url), {
        trapped: [true, "INTERNAL", false],
        later: [true, "INTERNAL", false],
        same: true,
      });
    });
  });

  test("React in StrictMode: one portal at a time, contacts and messages follow", async () => {
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
           if (last) show({ text: last.text, opened, most, live, statuses: [...seen] });
         });
         return h("p", null, last?.text ?? "nothing yet");
       }
       function App() {
         const portal = usePortal(open, options("Ana"));
         useEffect(() => { seen.add(portal.status); if (portal.status === "failed") show(portal.error.code + portal.error.message); });
         useEffect(() => { if (portal.status === "open") void other(portal.portal); }, [portal.portal]);
         return portal.status === "open" ? h(Thread, { portal: portal.portal }) : h("p", null, portal.status);
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
    const { text, most, live, statuses } = await found(browser, url);
    assert.deepEqual({ text, most, live }, { text: "From Ben", most: 1, live: 1 });
    assert.deepEqual(statuses, ["opening", "open"]);
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
});
