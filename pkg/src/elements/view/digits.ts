/**
 * Whether it is really this person: the one who was invited reads six digits aloud, the one who invited types them. What
 * is typed cannot be waved through.
 */

import { html, nothing, type TemplateResult } from "lit";
import type { Contact } from "../../index.js";
import { icon } from "./icons.js";
import { Action, View, type Host } from "./view.js";

const LENGTH = 6;

export class DigitCheck extends View {
  readonly #contactId: string;
  readonly #action: Action;
  #typed = "";
  #isWrong = false;
  #announced: string | null = null;

  constructor(host: Host, contactId: string) {
    super(host);
    this.#contactId = contactId;
    this.#action = new Action(host);
  }

  render(): TemplateResult {
    const contact = this.session.contact(this.#contactId);
    if (contact === undefined || contact.state !== "pending") return html``;
    const title = this.t("check_title", { name: contact.name || this.t("this_person") });
    return html`<section class="card check-card" data-testid="check">
      <h3>${title}</h3>
      ${this.#body(contact)}
      ${this.#action.render()}
      <button type="button" class="quiet" data-testid="remove-contact" @click=${this.#remove}>${this.t("remove_contact")}</button>
    </section>`;
  }

  #body(contact: Contact): TemplateResult {
    if (contact.reason !== null)
      return html`<p class="unreadable" role="alert" data-testid="reason">${icon("warn")} ${this.host.words.error(contact.reason)}</p>`;
    if (contact.verified !== null)
      return html`<p role="status" data-testid="sas-wait">${this.t("check_wait_other", { name: contact.name || this.t("this_person") })}</p>`;
    if (contact.sas === null) return html`<p role="status" data-testid="sas-wait">${this.t("check_wait")}</p>`;
    if (this.#announced !== contact.sas) {
      this.#announced = contact.sas;
      this.host.announce(this.t("check_ready"));
    }
    return this.session.alerts.accepted(this.#contactId)
      ? this.#show(contact.sas, contact)
      : this.#type(contact.sas, contact);
  }

  /** The side that reads aloud. */
  #show(sas: string, contact: Contact): TemplateResult {
    return html`<p>${this.t("check_read_aloud", { name: contact.name || this.t("this_person") })}</p>
      <p class="digits" role="img" aria-label=${this.t("six_digits", { digits: [...sas].join(" ") })} data-testid="sas" data-digits=${sas}><span>${sas.slice(0, 3)}</span><span>${sas.slice(3)}</span></p>
      <p class="hint">${this.t("check_ask")}</p>
      <div class="equal">
        <button type="button" data-testid="sas-match" @click=${this.#match}>${this.t("same_number")}</button>
        <button type="button" data-testid="sas-differ" @click=${this.#differ}>${this.t("different_number")}</button>
      </div>`;
  }

  /** The side that types what it hears. */
  #type(sas: string, contact: Contact): TemplateResult {
    return html`<p>${this.t("check_type_help", { name: contact.name || this.t("this_person") })}</p>
      <label class="field"><span>${this.t("digits_label")}</span>
        <input class="digits-input" inputmode="numeric" autocomplete="off" maxlength="7" data-testid="sas-input" .value=${this.#typed}
          aria-invalid=${this.#isWrong ? "true" : "false"} aria-describedby="digits-error" @input=${(event: InputEvent) => this.#enter(event, sas)} /></label>
      <p class="error" id="digits-error" role="alert" data-testid="sas-error">${this.#isWrong ? this.t("digits_wrong") : nothing}</p>
      <button type="button" data-testid="sas-differ" @click=${this.#differ}>${this.t("different_number")}</button>`;
  }

  #enter(event: InputEvent, sas: string): void {
    this.#typed = (event.target as HTMLInputElement).value;
    const digits = this.#typed.replace(/\D/g, "");
    this.#isWrong = digits.length >= LENGTH && digits !== sas;
    this.host.redraw();
    if (digits === sas) void this.#match();
  }

  #match = (): Promise<void> => this.#answer((portal) => portal.confirmSas(this.#contactId), "checked_now");

  #differ = (): Promise<void> => this.#answer((portal) => portal.rejectSas(this.#contactId), "suspect_title");

  #remove = (): void => {
    void this.#action
      .run(() => this.session.act((portal) => portal.removeContact(this.#contactId)))
      .then(() => {
        if (this.session.contact(this.#contactId) === undefined) this.host.go({ name: "inbox" });
      });
  };

  async #answer(action: Parameters<typeof this.session.act>[0], said: "checked_now" | "suspect_title"): Promise<void> {
    const isDone = await this.#action.run(async () => {
      await this.session.act(action, this.#contactId);
      return true;
    });
    if (isDone !== true) return;
    this.host.announce(this.t(said));
    // The card is gone: go on where a person goes on.
    await this.host.updateComplete;
    (this.find("textarea") ?? this.find("[data-testid=thread-title]"))?.focus();
  }
}
