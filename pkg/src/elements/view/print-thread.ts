/** A whole conversation on paper: every message with its full date and time, and what is missing in its place. */

import { html, nothing, render, type TemplateResult } from "lit";
import type { Attachment, Contact, Message, Portal } from "../../index.js";
import type { Alert } from "../session/alerts.js";
import { kindOf, saveName, timeOf } from "../session/content.js";
import { alertHere, print } from "./parts.js";
import { foreign, nameOf, type Host } from "./view.js";

const PAGE = 500;

export async function printThread(host: Host, contact: Contact): Promise<void> {
  const messages = await allMessages(host.session.portal, contact.id);
  const oldest = messages[0];
  if (oldest !== undefined) await host.session.alerts.reachBack(host.session.portal.audit, timeOf(oldest));
  const files = await readFiles(messages, host);
  const root = host.view;
  if (!(root instanceof ShadowRoot)) throw new Error("the conversation is in no element");
  const page = document.createElement("div");
  render(sheet(host, contact, messages, files), page);
  void print(page, root).then(() => {
    for (const { url } of files.values()) if (url !== undefined) URL.revokeObjectURL(url);
  });
}

async function allMessages(portal: Portal, contactId: string): Promise<Message[]> {
  const pages: Message[][] = [];
  for (let before: string | undefined; ; before = pages[0]?.[0]?.id) {
    const page = await portal.messages(contactId, { limit: PAGE, ...(before === undefined ? {} : { before }) });
    pages.unshift(page);
    if (page.length < PAGE) break;
  }
  return pages.flat().sort((one, other) => timeOf(one) - timeOf(other));
}

/** What stands under the name of a file: the text of a result, or a photo. */
interface Printed {
  readonly text?: string;
  readonly url?: string;
}

/** Of files that can be read; the others stand there by their names. */
async function readFiles(messages: readonly Message[], host: Host): Promise<ReadonlyMap<Attachment, Printed>> {
  const files = new Map<Attachment, Printed>();
  for (const { attachments, state } of messages)
    for (const file of attachments) {
      const kind = kindOf(file);
      if (state === "held" || (kind !== "result" && kind !== "photo")) continue;
      try {
        const body = await file.body();
        files.set(
          file,
          kind === "result"
            ? { text: (await import("../../fhir/text.js")).resultText(body, { lang: host.words.tag }) }
            : { url: URL.createObjectURL(new Blob([body as BlobPart], { type: file.contentType })) },
        );
      } catch {
        // By its name.
      }
    }
  return files;
}

function sheet(
  host: Host,
  contact: Contact,
  messages: readonly Message[],
  files: ReadonlyMap<Attachment, Printed>,
): TemplateResult {
  const { words, session, settings } = host;
  const { t } = words;
  const alerts = [...session.alerts.history(contact.id)].sort((one, other) => one.time - other.time);
  const rows: TemplateResult[] = [];
  for (const message of messages) {
    while (alerts[0] !== undefined && alerts[0].time <= timeOf(message)) rows.push(gap(alerts.shift() as Alert, host));
    rows.push(row(message, contact, files, host));
  }
  rows.push(...alerts.map((alert) => gap(alert, host)));
  return html`<article class="paper-thread" lang=${words.tag}>
    <header><p class="sheet-head">${settings.organization}</p>
      <h1>${t("messages_with", { name: nameOf(contact, host) })}</h1>
      <p>${t("printed_by", { name: session.name, when: words.dayAndTime(Date.now() / 1000) })}</p></header>
    ${rows}
  </article>`;
}

function row(message: Message, contact: Contact, files: ReadonlyMap<Attachment, Printed>, host: Host): TemplateResult {
  const { words, session } = host;
  const { t } = words;
  const name = nameOf(contact, host);
  // Paper is read by others, to whom "you" would mean nothing.
  const from = message.direction === "out" ? session.name : name;
  const state = message.state === "verified" ? "" : t(`state_${message.state}`, { name });
  const isShown = message.state !== "held";
  return html`<section class="paper-message">
    <p><strong>${foreign(from)}</strong> · ${words.fullTime(message.sentAt)}${state === "" ? nothing : html` · ${state}`}${message.session ? html` · ${t("visit")}: ${foreign(message.session)}` : nothing}</p>
    ${message.problem === null ? nothing : html`<p>${t(`problem_${message.problem}`)}</p>`}
    ${isShown && message.text ? html`<p class="text" dir="auto">${message.text}</p>` : nothing}
    ${
      isShown
        ? message.attachments.map((file) => {
            const { text, url } = files.get(file) ?? {};
            return html`<p>${t(`kind_${kindOf(file)}`)}: ${foreign(saveName(file))} (${words.size(file.size)})</p>
              ${text === undefined ? nothing : html`<p class="text" dir="auto">${text}</p>`}
              ${url === undefined ? nothing : html`<img class="paper-photo" src=${url} alt="" />`}`;
          })
        : nothing
    }
  </section>`;
}

function gap(alert: Alert, host: Host): TemplateResult {
  return html`<p class="paper-gap">! ${alertHere(alert, host)} · ${host.words.fullTime(alert.time)}</p>`;
}
