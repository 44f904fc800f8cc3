// Elements in an empty page, on portals that give whatever a test wants them to give: far more than a relay would carry.

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const PORTAL = fileURLToPath(new URL("../../../www/", import.meta.url));

/** The elements as one script, built once for all pages of a test file. */
let script = null;

/** Opens a page in which the elements are defined and `window.drawThread` draws a conversation. */
export async function openElements(browser, options = {}) {
  script ??= bundle();
  const content = await script;
  const context = await browser.newContext({ viewport: { width: 900, height: 700 }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.setContent('<!doctype html><html lang="en"><title>Elements</title><body></body></html>');
  await page.addScriptTag({ content });
  await page.evaluate(defineHelpers);
  return { page, complaints, close: () => context.close() };
}

async function bundle() {
  const { build } = await import(createRequire(`${PORTAL}package.json`).resolve("vite"));
  const built = await build({
    configFile: false,
    root: PORTAL,
    logLevel: "error",
    build: {
      write: false,
      target: "es2022",
      lib: {
        entry: createRequire(`${PORTAL}package.json`).resolve("tessera-portal/elements"),
        formats: ["iife"],
        name: "elements",
      },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const { output } = Array.isArray(built) ? built[0] : built;
  return output.find(({ type }) => type === "chunk").code;
}

/** In a page that has the elements. */
export function defineHelpers() {
  /** A portal with one contact, or with those given, and these messages of each. */
  window.portalWith = (messages, contacts = [window.lab]) => {
    const messagesOf = (id) => messages.filter(({ contactId }) => contactId === id);
    return Object.assign(new EventTarget(), {
      me: async () => ({ name: "Ana Gómez", fingerprintQrSvg: "" }),
      contacts: async () => contacts,
      messages: async (id, { before, limit = 50 } = {}) => {
        const all = messagesOf(id);
        const end = before === undefined ? all.length : all.findIndex((message) => message.id === before);
        return all.slice(Math.max(0, end - limit), end);
      },
      draft: async () => "",
      draftFiles: async () => [],
      draftSession: async () => "",
      setDraftSession: async () => {},
      setDraftFiles: async () => {},
      invitations: async () => [],
      setDraft: async () => {},
      markRead: async () => {},
      vault: { touch: () => {} },
      transfers: async () => [],
      device: async () => ({ supersededBy: null }),
      limits: async () => ({ maxMessageBytes: 262_144, epochSeconds: 3, cellsPerBucket: 4 }),
      audit: { entries: async () => [] },
    });
  };
  window.lab = {
    id: "c",
    name: "Lab",
    fingerprint: null,
    state: "active",
    verified: "digits",
    sas: null,
    reason: null,
    device: 0,
  };
  window.messageOf = (id, { text = null, file = null, ...more }) => ({
    id,
    contactId: "c",
    direction: "in",
    text,
    problem: null,
    attachments:
      file === null
        ? []
        : [
            {
              contentType: file.contentType,
              filename: file.filename ?? null,
              size: file.bytes.length,
              body: async () => file.bytes,
            },
          ],
    sentAt: 1_700_000_000,
    receivedAt: 1_700_000_000,
    session: null,
    state: "verified",
    read: true,
    ...more,
  });
  /** Draws a conversation, and gives its root once everything in it is drawn. */
  window.drawThread = async (messages, lang = "en") => {
    const thread = document.createElement("tessera-thread");
    Object.assign(thread, { portal: window.portalWith(messages), contact: "c", lang });
    thread.style.height = "600px";
    document.body.replaceChildren(thread);
    const root = thread.shadowRoot;
    const drawn = () => root.querySelectorAll('[data-testid="message"]').length;
    const isLoading = () => /^\s*(Loading|Cargando)/m.test(root.textContent);
    for (let turn = 0; turn < 400 && (drawn() < messages.length || isLoading()); turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      await thread.updateComplete;
    }
    return root;
  };
}
