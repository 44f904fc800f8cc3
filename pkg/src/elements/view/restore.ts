/** Puts a backup in the place of what is on this device. */

import { html, nothing, type TemplateResult } from "lit";
import { deletion } from "./parts.js";
import { Action, submitted, View } from "./view.js";

export class Restore extends View {
  readonly #action = new Action(this.host);
  #file: File | null = null;
  #isByCode = false;

  render(): TemplateResult {
    return html`<form class="restore" data-testid="restore-form" @submit=${this.#restore}>
      <p>${this.t("restore_help")}</p>
      <label class="button">${this.t("restore_file")}
        <input type="file" class="file-input" data-testid="restore-file" aria-label=${this.t("restore_file")} @change=${this.#choose} /></label>
      <p role="status" data-testid="restore-chosen">${this.#file?.name ?? nothing}</p>
      <label class="check-field"><input type="checkbox" data-testid="restore-by-code" .checked=${this.#isByCode} @change=${this.#toggle} /> <span>${this.t("restore_by_code")}</span></label>
      <label class="field"><span>${this.t(this.#isByCode ? "recovery_code" : "restore_passphrase")}</span>
        <input name="secret" type=${this.#isByCode ? "text" : "password"} required autocomplete="off" spellcheck="false" data-testid="restore-secret" /></label>
      ${
        this.#isByCode
          ? html`<label class="field"><span>${this.t("new_passphrase")}</span><input name="next" type="password" required autocomplete="new-password" data-testid="restore-new-passphrase" /></label>`
          : nothing
      }
      <div class="row">
        <button type="submit" class="danger" data-testid="restore" ?disabled=${this.#file === null || this.#action.isBusy}>${this.t("restore_do")}</button>
        ${this.session.isOpen ? html`<button type="submit" value="test" data-testid="restore-test" ?disabled=${this.#file === null || this.#action.isBusy}>${this.t("restore_test")}</button>` : nothing}
      </div>
      ${this.#action.render()}
    </form>`;
  }

  #choose = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    this.#file = input.files?.[0] ?? this.#file;
    this.host.redraw();
  };

  #toggle = (event: Event): void => {
    this.#isByCode = (event.target as HTMLInputElement).checked;
    this.host.redraw();
  };

  #restore = async (event: SubmitEvent): Promise<void> => {
    const field = submitted(event);
    const file = this.#file;
    if (file === null) return;
    const [secret, next] = [field("secret"), field("next")];
    const key = this.#isByCode ? { recoveryCode: secret, newPassphrase: next } : { passphrase: secret };
    const { session } = this;
    const replace = await this.#action.run(async () =>
      session.tryBackup(new Uint8Array(await file.arrayBuffer()), key),
    );
    if (replace === undefined) return;
    if ((event.submitter as HTMLButtonElement | null)?.value === "test") {
      this.#action.say(this.t("restore_tested"));
      return;
    }
    if (session.access === "first" || session.access === "gone") {
      await this.#action.run(() => replace({ discardUnfiled: false }));
      return;
    }
    const question = {
      title: this.t("restore_title"),
      text: this.t("restore_replaces"),
      doLabel: this.t("restore_do"),
    };
    void this.host.dialog.ask(deletion(this.host, question, replace));
  };
}
