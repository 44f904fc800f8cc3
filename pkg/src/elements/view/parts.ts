/** Small pieces that several views share. */

import { html, nothing, type TemplateResult } from "lit";
import type { Contact, Message } from "../../index.js";
import type { Alert } from "../session/alerts.js";
import type { Question } from "./dialog.js";
import { icon } from "./icons.js";
import { nameOf, type Host } from "./view.js";

/** A code as an image: an image runs no script and needs no inline style. */
export function qrImage(svg: string, alt: string, testid: string): TemplateResult {
  return html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(svg)}`} alt=${alt} data-testid=${testid} />`;
}

/** Calls the number that the host gave. */
export function callButton(host: Host): TemplateResult | typeof nothing {
  const { phone } = host.settings;
  if (phone === null) return nothing;
  return html`<a class="button" data-testid="call" href="tel:${phone.replace(/[^\d+*#,]/g, "")}">${icon("phone")} ${host.words.t("call", { number: phone })}</a>`;
}

/** A warning where it happened in a conversation. */
export function alertHere({ kind, count }: Alert, { words: { t } }: Host): string {
  return t(kind === "missing" ? "missing_here" : kind === "contactDevice" ? "device_here" : "blocked_here", { count });
}

/** What deletes also what the health record does not have. */
type Deletion = (options: { readonly discardUnfiled: boolean }) => Promise<unknown>;

/** A question before something is deleted for good; a second one, if the health record does not have all of it yet. */
export function deletion({ words: { t } }: Host, question: Omit<Question, "act" | "isGrave">, act: Deletion): Question {
  const anyway: Question = {
    title: t("unfiled_title"),
    text: t("unfiled_help"),
    doLabel: t("unfiled_do"),
    isGrave: true,
    act: () => act({ discardUnfiled: true }),
  };
  return {
    ...question,
    isGrave: true,
    act: () => act({ discardUnfiled: false }),
    otherwise: (code) => (code === "MESSAGE_UNFILED" ? anyway : null),
  };
}

/** Asks before a person is removed; `next` is the page to go on with. */
export function askToRemove(host: Host, contact: Contact, next: "inbox" | "connect" = "inbox"): void {
  const { t } = host.words;
  const question = {
    title: t("remove_title", { name: nameOf(contact, host) }),
    text: t("remove_help"),
    doLabel: t("remove_contact"),
  };
  void host.dialog.ask(
    deletion(host, question, async (options) => {
      await host.session.act((portal) => portal.removeContact(contact.id, options));
      host.go({ name: next });
    }),
  );
}

/** Asks before a message is deleted here. */
export function askToDelete(host: Host, { id, contactId }: Message): void {
  const { t } = host.words;
  const question = { title: t("delete_title"), text: t("delete_help"), doLabel: t("delete_here") };
  void host.dialog.ask(
    deletion(host, question, (options) =>
      host.session.act(async (portal) => {
        await portal.deleteMessage(id, options);
        host.session.threads.get(contactId)?.drop(id);
      }, contactId),
    ),
  );
}

/** Prints one part of the page and nothing else, once its pictures are there. Resolves when the browser has what it prints. */
export async function print(sheet: Element, from: ShadowRoot): Promise<void> {
  putPaperAway();
  const paper = document.createElement("div");
  paper.className = "tessera-paper";
  const root = paper.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [...from.adoptedStyleSheets];
  root.append(sheet.cloneNode(true));
  const page = new CSSStyleSheet();
  page.replaceSync(PAPER);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, page];
  document.body.append(paper);
  const isOver = new Promise<void>((resolve) => {
    stopPrinting = () => {
      stopPrinting = null;
      removeEventListener("afterprint", putPaperAway);
      paper.remove();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== page);
      resolve();
    };
  });
  addEventListener("afterprint", putPaperAway);
  // One that cannot be shown leaves its place empty.
  await Promise.allSettled([...root.querySelectorAll("img")].map((image) => image.decode()));
  if (paper.isConnected) window.print();
  return isOver;
}

let stopPrinting: (() => void) | null = null;

/** Takes off the page what is or was printed. A browser on a phone may never say that printing is over, so a lock does this too. */
export function putPaperAway(): void {
  stopPrinting?.();
}

const PAPER = `
.tessera-paper { display: none; }
@page { margin: 20mm; }
@media print {
  body > :not(.tessera-paper) { display: none !important; }
  .tessera-paper { display: block; }
}`;
