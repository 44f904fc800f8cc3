/** One contact: how it was checked, its ID code, and removing it. */

import { html, nothing, type TemplateResult } from "lit";
import { foreign, View, type Host } from "./view.js";
import type { Dialog } from "./dialog.js";
import { initials } from "./inbox.js";

export class Person extends View {
  readonly #contactId: string;
  readonly #dialog: Dialog;

  constructor(host: Host, dialog: Dialog, contactId: string) {
    super(host);
    this.#dialog = dialog;
    this.#contactId = contactId;
  }

  render(): TemplateResult {
    const contact = this.session.contact(this.#contactId);
    if (contact === undefined) return html``;
    const name = contact.name || this.t("new_person");
    const how =
      contact.state === "suspect"
        ? "how_blocked"
        : contact.verified === null
          ? "how_unchecked"
          : `how_${contact.verified}`;
    return html`<div class="page person" data-testid="person">
      <p class="avatar large" aria-hidden="true">${initials(contact.name)}</p>
      <h2 class="title" tabindex="-1">${foreign(name)}</h2>
      <p data-testid="how-checked">${this.t(how as "how_digits", { name })}</p>
      ${contact.fingerprint === null ? nothing : html`<h3>${this.t("id_code")}</h3><p class="code id-code">${grouped(contact.fingerprint)}</p><p class="hint">${this.t("id_code_help", { name })}</p>`}
      <button type="button" class="danger" data-testid="remove-person" @click=${() => this.#ask(name)}>${this.t("remove_contact")}</button>
    </div>`;
  }

  #ask(name: string): void {
    void this.#dialog.ask({
      title: this.t("remove_title", { name }),
      text: this.t("remove_help"),
      doLabel: this.t("remove_contact"),
      isGrave: true,
      act: async () => {
        await this.session.act((portal) => portal.removeContact(this.#contactId));
        this.host.go({ name: "inbox" });
      },
    });
  }
}

/** Hex digits in fours. */
function grouped(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.match(/.{4}/g)?.join(" ") ?? hex;
}
