/** Messages that cannot be read here: locked, open in another tab, cleared, ended, or a first visit. */

import { html, nothing, type TemplateResult } from "lit";
import type { PasskeyOpening } from "../../index.js";
import { codeOf } from "../words/language.js";
import { Framed } from "./framed.js";
import { icon } from "./icons.js";
import { RefusedOffer } from "./offer.js";
import { deletion } from "./parts.js";
import { Restore } from "./restore.js";
import { Action, offerTitle, submitted, View } from "./view.js";

const LEAST_PASSPHRASE = 8;
/** The passphrase is not to blame, and what this page becomes says what happened and what to do. */
const OWN_PAGE = new Set(["VAULT_IN_USE", "VAULT_EVICTED"]);

export class Lock extends View {
  readonly #action = new Action(this.host);
  readonly #restore = new Restore(this.host);
  readonly #framed = new Framed(this.host);
  readonly #refused = new RefusedOffer(this.host);
  #isFocused = false;

  render(): TemplateResult {
    const { access, vault, wasOpen } = this.session;
    const alone = this.#alone();
    // Where the page is to blame, and not what is kept on this device, nothing here is to be deleted or replaced. Nor is a host's own portal.
    const isAlone = alone !== null || vault === null || (access === "ended" && !wasOpen);
    return html`<div class="lock" data-testid="lock-view" data-access=${access}>
      ${alone ?? (access === "first" ? this.#first() : this.#locked())}
      <slot name="help"></slot>
      ${isAlone ? nothing : this.#others()}
    </div>`;
  }

  /** What has to be seen before anything is asked for; null if nothing has. */
  #alone(): TemplateResult | null {
    const { access, offered, offerFault } = this.session;
    if (access === "first" && offered !== null) {
      if (offerFault === undefined) return html`<h2 class="title" tabindex="-1">${this.t("loading")}</h2>`;
      if (offerFault !== null) return this.#refused.render();
    }
    return this.#framed.isNeeded ? this.#framed.render() : null;
  }

  /** What else can be done with what is on this device. */
  #others(): TemplateResult {
    return html`${this.session.access === "first" ? nothing : this.#startOver()}
      <details class="in-person" data-testid="restore-details"><summary>${this.t("restore_title")}</summary>${this.#restore.render()}</details>`;
  }

  /** The focus goes where a person goes on, once. */
  override updated(): void {
    const { lockedBy, offered, offerFault } = this.session;
    if (this.#isFocused || offerFault === undefined) return;
    this.#isFocused = true;
    if (offerFault !== null) this.find(".title")?.focus();
    else if (lockedBy !== null || offered !== null) this.find("input")?.focus();
  }

  override close(): void {
    this.#refused.close();
  }

  #first(): TemplateResult {
    const { options, offered } = this.session;
    return html`<h2 class="title" tabindex="-1">${offered === null ? this.t("first_title") : offerTitle(this.host)}</h2>
      <p>${this.t("first_help")}</p>
      <form @submit=${this.#create}>
        ${
          options?.name
            ? nothing
            : html`<label class="field"><span>${this.t("your_name")}</span><input name="name" required maxlength="64" autocomplete="name" data-testid="first-name" /></label>`
        }
        <label class="field"><span>${this.t("new_passphrase")}</span>
          <input type="password" name="passphrase" required minlength=${LEAST_PASSPHRASE} autocomplete="new-password" aria-describedby="passphrase-help" data-testid="first-passphrase" /></label>
        <p class="hint" id="passphrase-help">${this.t("passphrase_help", { count: LEAST_PASSPHRASE })}</p>
        <button type="submit" class="primary wide" data-testid="first-create" aria-disabled=${this.#action.isBusy}>${this.t(offered === null ? "begin" : "connect")}</button>
      </form>
      ${this.#action.render()}`;
  }

  #locked(): TemplateResult {
    const { access, vault } = this.session;
    const isReloaded = access === "ended" || (access === "elsewhere" && vault === null); // a host opens its own portal
    const title = {
      elsewhere: "elsewhere_title",
      gone: "gone_title",
      ended: this.session.wasOpen ? "ended_title" : "not_opened_title",
      opening: "loading",
      locked: "locked_title",
    } as const;
    const key = title[access as keyof typeof title] ?? "locked_title";
    return html`<p class="lock-mark">${icon(access === "gone" || access === "ended" ? "warn" : "lock")}</p>
      <h2 class="title" tabindex="-1">${this.t(key)}</h2>
      <p id="lock-reason" data-testid="lock-reason">${this.#reason()}</p>
      ${this.session.offerFault && access !== "ended" ? html`<section class="banner" part="banner" data-level="warn">${icon("warn")}<div><strong>${this.#refused.title}</strong>${this.#refused.brief()}</div></section>` : nothing}
      ${access === "locked" || (access === "elsewhere" && !isReloaded) ? this.#unlockForm() : nothing}
      ${isReloaded ? html`<button type="button" class="primary" @click=${() => location.reload()}>${this.t("reload")}</button>` : nothing}
      ${this.#action.render("unlock-outcome")}`;
  }

  #unlockForm(): TemplateResult {
    const isElsewhere = this.session.access === "elsewhere";
    return html`<form @submit=${this.#unlock}>
      <label class="field"><span>${this.t("passphrase")}</span>
        <input type="password" name="passphrase" required autocomplete="current-password" aria-invalid=${this.#action.hasFailed} aria-describedby="lock-reason unlock-outcome" data-testid="passphrase" /></label>
      <button type="submit" class="primary wide" data-testid="unlock" aria-disabled=${this.#action.isBusy}>${this.t(isElsewhere ? "move_here" : "unlock")}</button>
      ${this.session.vault?.hasPasskey ? html`<button type="button" class="wide" data-testid="unlock-passkey" aria-disabled=${this.#action.isBusy} @click=${() => this.#open({ passkey: true })}>${this.t("unlock_passkey")}</button>` : nothing}
    </form>`;
  }

  #reason(): string {
    const { access, lockedBy, failure } = this.session;
    if (access === "elsewhere") return this.t("elsewhere_help");
    if (access === "gone") return this.t("gone_help");
    if (access === "ended") return this.host.words.error(failure);
    if (access !== "locked") return "";
    return this.t(`locked_${lockedBy ?? "before"}`);
  }

  #startOver(): TemplateResult {
    const { access } = this.session;
    if (access === "opening") return html``;
    const question = {
      title: this.t("start_over"),
      text: this.t("start_over_help"),
      doLabel: this.t("start_over_do"),
    };
    const ask = (): void =>
      void this.host.dialog.ask(deletion(this.host, question, (options) => this.session.destroy(options)));
    if (access === "gone")
      return html`<button type="button" data-testid="start-over" @click=${ask}>${this.t("start_over")}</button>`;
    return html`<details class="in-person" data-testid="start-over-details">
      <summary>${this.t("start_over_summary")}</summary>
      <p>${this.t("start_over_help")}</p>
      <button type="button" class="danger" data-testid="start-over" @click=${ask}>${this.t("start_over")}</button>
    </details>`;
  }

  #create = async (event: SubmitEvent): Promise<void> => {
    const field = submitted(event);
    const { session } = this;
    const name = session.options?.name ?? field("name").trim();
    // The page that connects people answers the invitation, and says what is wrong with it.
    session.isOfferAccepted = session.offered !== null;
    await this.#action.run(() => session.create(name, field("passphrase")));
  };

  #unlock = async (event: SubmitEvent): Promise<void> => {
    const form = event.target as HTMLFormElement;
    const { access } = this.session;
    await this.#open(submitted(event)("passphrase"));
    // Who finds out now that another tab has it does not type the passphrase again to move it here.
    if (access === this.session.access) form.reset();
    if (!this.session.isOpen) this.find("input")?.focus();
  };

  async #open(opening: string | PasskeyOpening): Promise<void> {
    await this.#action.run(async () => {
      try {
        await this.session.unlock(opening);
      } catch (error) {
        if (!OWN_PAGE.has(codeOf(error))) throw error;
      }
    });
  }
}
