/** One message: what it says, from whom, and its state in words. */

import { readResult } from "tessera-portal/fhir";
import { h, saveFile, type Child } from "../dom";
import { currentLanguage, dayAndTime, number, t, type TextKey } from "../i18n";
import type { AttachmentBody, Session } from "../session";
import { resultView } from "./report";
import type { Attachment, Contact, Message } from "tessera-portal";

/** What decides what a message shows besides its state; it is drawn again only when this changes. */
export function messageSignature(message: Message, contact: Contact, session: Session): unknown {
  const read = message.attachments.map((_, index) => session.attachment(message, index) !== null);
  return [message.state === "held", contact.name, ...read];
}

/** Brings the state of a drawn message up to date, so that a screen reader hears the state and not the message again. */
export function updateState(item: HTMLElement, message: Message, contact: Contact, session: Session): void {
  item.dataset["state"] = message.state;
  item.className = `message message-${message.direction} state-${message.state}`;
  const state = item.querySelector(".message-state");
  const text = stateText(message, contact, session);
  if (state && state.textContent !== text) state.textContent = text;
}

/**
 * A message as a list item. What it holds was written elsewhere: if it cannot be drawn, a sentence stands in its
 * place, so that nothing one person sent hides what others sent.
 */
export function messageItem(message: Message, contact: Contact, session: Session): HTMLElement {
  const incoming = message.direction === "in";
  return h(
    "li",
    {
      class: `message message-${message.direction} state-${message.state}`,
      testid: "message",
      "data-direction": message.direction,
      "data-state": message.state,
    },
    h(
      "p",
      { class: "message-meta" },
      h("span", { class: "message-from" }, incoming ? t("from_name", { name: contact.name }) : t("from_you")),
      message.session && h("bdi", { class: "message-label", testid: "message-label" }, message.session),
      sentTime(message.sentAt),
    ),
    ...content(message, session),
    h("p", { class: "message-state", testid: "message-state" }, stateText(message, contact, session)),
  );
}

/** The time of sending as the sender gave it; a number of seconds that no calendar has is shown as it is. */
function sentTime(seconds: number): HTMLElement {
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) return h("span", {}, String(seconds));
  return h("time", { datetime: time.toISOString() }, dayAndTime(time));
}

function content(message: Message, session: Session): Child[] {
  if (message.state === "held") return [];
  return [
    ...(message.text === null ? [] : typedText(message.text)),
    ...(message.problem === null ? [] : [unreadable(message.problem === "damaged" ? "text_damaged" : "cannot_show")]),
    ...message.attachments.flatMap((attachment, index) => file(attachment, session.attachment(message, index))),
  ];
}

function unreadable(why: TextKey): HTMLElement {
  return h("p", { class: "unreadable", testid: "unreadable" }, t(why));
}

function file({ contentType, size, ...named }: Attachment, bytes: AttachmentBody | null): Child[] {
  if (bytes === null) return [];
  if (bytes === "damaged") return [unreadable("attachment_damaged")];
  const filename = named.filename ?? (contentType === "application/fhir+json" ? "result.json" : "file.bin");
  return [
    ...attached(bytes, filename, contentType),
    h(
      "button",
      {
        type: "button",
        class: "quiet download",
        testid: "download",
        click: () => saveFile(bytes, filename, contentType),
      },
      t("download", { size: t("bytes", { count: number(size) }) }),
    ),
  ];
}

/** More text than this would hold up the page. */
const MOST_TEXT = 50_000;

function typedText(text: string): Child[] {
  const shown = h("p", { class: "message-text", dir: "auto", testid: "message-text" }, text.slice(0, MOST_TEXT));
  if (text.length <= MOST_TEXT) return [shown];
  const save = (): void => saveFile(new TextEncoder().encode(text), "message.txt", "text/plain");
  return [
    shown,
    h("p", { class: "unreadable" }, t("text_goes_on")),
    h("button", { type: "button", class: "quiet download", testid: "download", click: save }, t("save_text")),
  ];
}

/** Types that a result may come as. */
const MAY_BE_RESULT = /json|xml|hl7/i;

/** What an attachment says, if that can be shown. */
function attached(bytes: Uint8Array, filename: string, contentType: string): HTMLElement[] {
  const name = h("p", { class: "hint" }, `${t("file")}: `, h("bdi", {}, filename));
  if (!MAY_BE_RESULT.test(contentType)) return [name];
  try {
    const result = readResult(bytes, { lang: currentLanguage() });
    return [...(result.kind === "results" ? [] : [name]), resultView(result)];
  } catch {
    // The error may quote the document, so it goes nowhere.
    return [name, unreadable("cannot_show")];
  }
}

function stateText(message: Message, contact: Contact, session: Session): string {
  if (message.state === "queued" && session.relay === "down") return t("message_queued_down");
  return t(`message_${message.state}` satisfies TextKey, { name: contact.name });
}
