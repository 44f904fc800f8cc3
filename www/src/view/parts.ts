/** Small pieces that several views share. */

import { freshId, h, svgImage } from "../dom";
import { codeOf, codeSentence } from "../errors";
import { t } from "../i18n";
import type { Session } from "../session";
import type { Contact } from "tessera-portal";

export function avatar(initials: string): HTMLElement {
  return h("span", { class: "avatar", "aria-hidden": "true" }, initials);
}

/** A contact's state in words. */
export function contactState(contact: Contact): string {
  if (contact.state === "suspect") return t("state_suspect");
  if (contact.state === "pending")
    return t(contact.verified || contact.sas === null ? "state_waiting" : "state_pending");
  if (contact.verified === "digits") return t("state_digits");
  return t(contact.verified === "expected" ? "state_expected" : "state_active");
}

/** The outcome of the last action; errors are announced at once, other outcomes politely. */
export class Outcome {
  readonly element = h("p", { class: "outcome", role: "status", testid: "outcome" });

  say(text: string): void {
    this.#show("done", "", text);
  }

  fail(text: string, code = ""): void {
    this.#show("failed", code, text);
  }

  /** Runs an action and shows in words why it failed, if it failed. */
  async attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    this.#show("", "", "");
    try {
      return await action();
    } catch (error) {
      const code = codeOf(error);
      this.fail(codeSentence(code), code);
      return undefined;
    }
  }

  #show(state: string, code: string, text: string): void {
    this.element.dataset["state"] = state;
    this.element.dataset["code"] = code;
    this.element.textContent = text;
  }
}

/** A button that opens the file dialogue. */
export function fileButton(label: string, accept: string, testid: string, chosen: (file: File) => void): HTMLElement {
  const id = freshId("file");
  const input = h("input", {
    type: "file",
    id,
    accept,
    class: "file-input",
    testid,
    change: () => {
      const file = input.files?.[0];
      input.value = "";
      if (file) chosen(file);
    },
  });
  return h("span", { class: "file-button" }, input, h("label", { for: id, class: "button" }, label));
}

/** A labelled control. */
export function field(label: string, control: HTMLElement, className = "field"): HTMLElement {
  control.id ||= freshId("field");
  return h("div", { class: className }, h("label", { for: control.id }, label), control);
}

/** The person's fingerprint as a QR code, for the inviter to scan in person. */
export function ownFingerprint(session: Session): HTMLElement | null {
  if (session.fingerprintQrSvg === null) return null;
  return h(
    "details",
    { class: "in-person", testid: "my-fingerprint" },
    h("summary", {}, t("my_fingerprint")),
    h("p", { class: "hint" }, t("my_fingerprint_help")),
    svgImage(session.fingerprintQrSvg, t("fingerprint_alt"), "fingerprint-qr"),
  );
}
