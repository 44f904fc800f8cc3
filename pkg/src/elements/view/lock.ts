/** Messages that cannot be read here: locked, open in another tab, cleared, ended, or a first visit. */

import { html, nothing, type TemplateResult } from "lit";
import type { PasskeyOpening } from "../../index.js";
import type { Dialog } from "./dialog.js";
import { icon } from "./icons.js";
import { Restore } from "./restore.js";
import { Action, View, type Host } from "./view.js";

const LEAST_PASSPHRASE = 8;

export class Lock extends View {
  readonly #action: Action;
  readonly #restore: Restore;
  readonly #dialog: Dialog;
  #isFocused = false;

  constructor(host: Host, dialog: Dialog) {
    super(host);
    this.#action = new Action(host);
    this.#restore = new Restore(host);
    this.#dialog = dialog;
  }

  render(): TemplateResult {
    const { access } = this.session;
    return html`<div class="lock" data-testid="lock-view" data-access=${access}>
      ${access === "first" ? this.#first() : this.#locked()}
      <slot name="help"></slot>
      ${access === "first" ? nothing : this.#startOver()}
      <details class="in-person" data-testid="restore-details"><summary>${this.t("restore_title")}</summary>${this.#restore.render()}</details>
    </div>`;
  }

  /** The focus goes where a person goes on, once. */
  override updated(): void {
    if (this.#isFocused) return;
    this.#isFocused = true;
    if (this.session.lockedBy !== null || this.session.offered !== null) this.find("input")?.focus();
  }

  #first(): TemplateResult {
    const { options, offered } = this.session;
    const { organization } = this.host.settings;
    const title =
      offered === null
        ? this.t("first_title")
        : organization === ""
          ? this.t("offered")
          : this.t("offered_by", { organization });
    return html`<h2 class="title" tabindex="-1">${title}</h2>
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
    const { access } = this.session;
    const title = {
      elsewhere: "elsewhere_title",
      gone: "gone_title",
      ended: "ended_title",
      opening: "loading",
      locked: "locked_title",
    } as const;
    const key = title[access as keyof typeof title] ?? "locked_title";
    return html`<p class="lock-mark">${icon(access === "gone" || access === "ended" ? "warn" : "lock")}</p>
      <h2 class="title" tabindex="-1">${this.t(key)}</h2>
      <p role="status" data-testid="lock-reason">${this.#reason()}</p>
      ${access === "locked" || access === "elsewhere" ? this.#unlockForm() : nothing}
      ${access === "ended" ? html`<button type="button" class="primary" @click=${() => location.reload()}>${this.t("reload")}</button>` : nothing}
      ${this.#action.render()}`;
  }

  #unlockForm(): TemplateResult {
    const isElsewhere = this.session.access === "elsewhere";
    return html`<form @submit=${this.#unlock}>
      <label class="field"><span>${this.t("passphrase")}</span>
        <input type="password" name="passphrase" required autocomplete="current-password" data-testid="passphrase" /></label>
      <button type="submit" class="primary wide" data-testid="unlock" aria-disabled=${this.#action.isBusy}>${this.t(isElsewhere ? "move_here" : "unlock")}</button>
      ${this.session.hasPasskey ? html`<button type="button" class="wide" data-testid="unlock-passkey" aria-disabled=${this.#action.isBusy} @click=${() => this.#open({ passkey: true })}>${this.t("unlock_passkey")}</button>` : nothing}
    </form>`;
  }

  #reason(): string {
    const { access, lockedBy, failure } = this.session;
    if (access === "elsewhere") return this.t("elsewhere_help");
    if (access === "gone") return this.t("gone_help");
    if (access === "ended") return this.host.words.error(failure);
    if (access !== "locked") return "";
    return this.t(lockedBy === "idle" ? "locked_idle" : lockedBy === "manual" ? "locked_manual" : "locked_before");
  }

  #startOver(): TemplateResult {
    const { access } = this.session;
    if (access === "opening") return html``;
    const ask = (): void =>
      void this.#dialog.ask({
        title: this.t("start_over"),
        text: this.t("start_over_help"),
        doLabel: this.t("start_over_do"),
        isGrave: true,
        act: () => this.session.destroy(),
      });
    if (access === "gone")
      return html`<button type="button" data-testid="start-over" @click=${ask}>${this.t("start_over")}</button>`;
    return html`<details class="in-person" data-testid="start-over-details">
      <summary>${this.t("start_over_summary")}</summary>
      <p>${this.t("start_over_help")}</p>
      <button type="button" class="danger" data-testid="start-over" @click=${ask}>${this.t("start_over")}</button>
    </details>`;
  }

  #create = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const { session } = this;
    const name = session.options?.name ?? String(form.get("name") ?? "").trim();
    await this.#action.run(async () => {
      await session.create(name, String(form.get("passphrase") ?? ""));
      const { offered } = session;
      if (offered === null) return;
      session.offered = null;
      const contact = await session.act((portal) => portal.accept(offered));
      this.host.go({ name: "thread", contactId: contact.id });
    });
  };

  #unlock = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    await this.#open(String(new FormData(form).get("passphrase") ?? ""));
    form.reset();
    if (!this.session.isOpen) this.find("input")?.focus();
  };

  async #open(opening: string | PasskeyOpening): Promise<void> {
    await this.#action.run(() => this.session.unlock(opening));
  }
}
