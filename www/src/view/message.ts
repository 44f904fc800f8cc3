/** One message: what it says, from whom, and its state in words. */

import { h, saveFile, type Child } from "../dom";
import { clock, number, t, type TextKey } from "../i18n";
import type { Session } from "../session";
import { reportTable } from "./report";
import type { Contact, Message } from "tessera-portal";

/** What decides what a message shows besides its state; it is drawn again only when this changes. */
export function messageSignature(message: Message, contact: Contact, session: Session): unknown {
  return [message.state === "held", contact.name, session.attachment(message) !== null];
}

/** Brings the state of a drawn message up to date, so that a screen reader hears the state and not the message again. */
export function updateState(item: HTMLElement, message: Message, contact: Contact, session: Session): void {
  item.dataset["state"] = message.state;
  item.className = `message message-${message.direction} state-${message.state}`;
  const state = item.querySelector(".message-state");
  const text = stateText(message, contact, session);
  if (state && state.textContent !== text) state.textContent = text;
}

export function messageItem(message: Message, contact: Contact, session: Session): HTMLElement {
  const incoming = message.direction === "in";
  const sentAt = new Date(message.sentAt * 1000);
  return h(
    "li",
    {
      class: `message message-${message.direction} state-${message.state}`,
      testid: "message",
      "data-direction": message.direction,
      "data-state": message.state,
      "data-type": message.contentType,
    },
    h(
      "p",
      { class: "message-meta" },
      h("span", { class: "message-from" }, incoming ? t("from_name", { name: contact.name }) : t("from_you")),
      message.session && h("span", { class: "message-label", testid: "message-label" }, message.session),
      h("time", { datetime: sentAt.toISOString() }, clock(sentAt)),
    ),
    ...content(message, session),
    h("p", { class: "message-state", testid: "message-state" }, stateText(message, contact, session)),
  );
}

function content(message: Message, session: Session): Child[] {
  if (message.state === "held") return [];
  if (message.text !== undefined) return [h("p", { class: "message-text", testid: "message-text" }, message.text)];
  const attachment = session.attachment(message);
  if (!attachment) return [];
  const filename = message.filename ?? (message.contentType === "application/fhir+json" ? "result.json" : "file.bin");
  const size = t("bytes", { count: number(message.size) });
  return [
    ...(attachment.reports
      ? attachment.reports.map((report) => reportTable(report))
      : [h("p", { class: "hint" }, `${t("file")}: ${filename}. ${t("not_fhir")}`)]),
    h(
      "button",
      {
        type: "button",
        class: "quiet download",
        testid: "download",
        click: () => saveFile(attachment.bytes, filename, message.contentType),
      },
      t("download", { size }),
    ),
  ];
}

function stateText(message: Message, contact: Contact, session: Session): string {
  if (message.state === "queued" && session.relay === "down") return t("message_queued_down");
  return t(`message_${message.state}` satisfies TextKey, { name: contact.name });
}
