/**
 * Whether it is really this person: the one who was invited reads six digits aloud, the one who invited types them. What
 * is typed cannot be waved through.
 */

import { html, nothing, type TemplateResult } from "lit";
import type { Contact } from "../../index.js";
import { icon } from "./icons.js";
import { askToRemove } from "./parts.js";
import { Action, nameOf, View, type Host } from "./view.js";

const LENGTH = 6;

export class DigitCheck extends View {
  readonly #contactId: string;
  readonly #action = new Action(this.host);
  #typed = "";
  #isWrong = false;
  #announced: string | null = null;

  constructor(host: Host, contactId: string) {
    super(host);
    this.#contactId = contactId;
  }

  render(): TemplateResult {
    const contact = this.session.contact(this.#contactId);
    if (contact === undefined || contact.state !== "pending") return html``;
    // Who answered is not known before the first answer came.
    const isWaiting = contact.sas === null && contact.verified === null && contact.reason === null;
    const isUnknown = isWaiting && contact.name === "";
    const title = isUnknown ? this.t("check_wait_title") : this.t("check_title", { name: nameOf(contact, this.host) });
    return html`<section class="card check-card" data-testid="check">
      <h3>${title}</h3>
      ${this.#body(contact)}
      ${this.#action.render()}
      <button type="button" class="quiet" data-testid="remove-contact" @click=${() => askToRemove(this.host, contact)}>${this.t("remove_contact")}</button>
    </section>`;
  }

  #body(contact: Contact): TemplateResult {
    if (contact.reason !== null)
      return html`<p class="unreadable" role="alert" data-testid="reason">${icon("warn")} ${this.host.words.error(contact.reason)}</p>`;
    if (contact.verified !== null)
      return this.#wait(this.t("check_wait_other", { name: nameOf(contact, this.host) }), "check_wait_other");
    if (contact.sas === null) return this.#wait(this.t("check_wait"), "check_wait");
    this.#announce(this.t("check_ready"), contact.sas);
    return this.session.alerts.accepted(this.#contactId)
      ? this.#show(contact.sas, contact)
      : this.#type(contact.sas, contact);
  }

  #wait(text: string, step: string): TemplateResult {
    this.#announce(text, step);
    return html`<p data-testid="sas-wait">${text}</p>`;
  }

  /** Each step once, however often it is drawn and in whatever language. */
  #announce(text: string, step: string): void {
    if (this.#announced === step) return;
    this.#announced = step;
    this.host.announce(text);
  }

  /** The side that reads aloud. */
  #show(sas: string, contact: Contact): TemplateResult {
    return html`<p>${this.t("check_read_aloud", { name: nameOf(contact, this.host) })}</p>
      <p class="digits" role="img" aria-label=${this.t("six_digits", { digits: [...sas].join(" ") })} data-testid="sas" data-digits=${sas}><span>${sas.slice(0, 3)}</span><span>${sas.slice(3)}</span></p>
      <p class="hint">${this.t("check_ask")}</p>
      <div class="equal">
        <button type="button" data-testid="sas-match" @click=${this.#match}>${this.t("same_number")}</button>
        <button type="button" data-testid="sas-differ" @click=${this.#differ}>${this.t("different_number")}</button>
      </div>`;
  }

  /** The side that types what it hears. */
  #type(sas: string, contact: Contact): TemplateResult {
    return html`<p>${this.t("check_type_help", { name: nameOf(contact, this.host) })}</p>
      <label class="field"><span>${this.t("digits_label")}</span>
        <input class="digits-input" inputmode="numeric" autocomplete="off" maxlength="7" data-testid="sas-input" .value=${this.#typed}
          aria-invalid=${this.#isWrong} aria-describedby="digits-error" @input=${(event: InputEvent) => this.#enter(event, sas)} /></label>
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

  /** The warning that follows says it. */
  #differ = (): Promise<void> => this.#answer((portal) => portal.rejectSas(this.#contactId), null);

  async #answer(action: Parameters<typeof this.session.act>[0], said: "checked_now" | null): Promise<void> {
    const isDone = await this.#action.run(async () => {
      await this.session.act(action, this.#contactId);
      return true;
    });
    if (isDone !== true) return;
    if (said !== null) this.host.announce(this.t(said));
    // The card is gone: go on where a person goes on.
    await this.host.updateComplete;
    (this.find("textarea") ?? this.find("[data-testid=thread-title]"))?.focus();
  }
}
