/** A question before something that cannot be undone: the browser's own modal dialog. */

import { html, nothing, type TemplateResult } from "lit";
import { Action, type Host } from "./view.js";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly doLabel: string;
  readonly isGrave?: boolean;
  /** Whether the passphrase is asked for again. */
  readonly needsPassphrase?: boolean;
  act(): Promise<unknown>;
}

export class Dialog {
  readonly #host: Host;
  readonly #action: Action;
  #question: Question | null = null;

  constructor(host: Host) {
    this.#host = host;
    this.#action = new Action(host);
  }

  get isOpen(): boolean {
    return this.#question !== null;
  }

  async ask(question: Question): Promise<void> {
    this.#question = question;
    this.#action.clear();
    this.#host.redraw();
    await this.#host.updateComplete;
    this.#element()?.showModal();
  }

  close(): void {
    this.#element()?.close();
  }

  render(): TemplateResult | typeof nothing {
    const question = this.#question;
    if (question === null) return nothing;
    const { t } = this.#host.words;
    const asksAgain = question.needsPassphrase === true && this.#host.session.canConfirm;
    return html`<dialog class="dialog" data-testid="dialog" aria-labelledby="dialog-title" @close=${this.#closed}>
      <form @submit=${this.#submit}>
        <h2 id="dialog-title">${question.title}</h2>
        <p>${question.text}</p>
        ${
          asksAgain
            ? html`<label class="field"><span>${t("passphrase")}</span>
                <input type="password" name="passphrase" autocomplete="current-password" required data-testid="dialog-passphrase" /></label>`
            : nothing
        }
        ${this.#action.render()}
        <div class="row end">
          <button type="button" data-testid="dialog-cancel" @click=${this.close.bind(this)}>${t("cancel")}</button>
          <button type="submit" class=${question.isGrave === true ? "danger" : "primary"} data-testid="dialog-do" aria-disabled=${this.#action.isBusy}>
            ${question.doLabel}
          </button>
        </div>
      </form>
    </dialog>`;
  }

  #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const question = this.#question;
    if (question === null) return;
    const passphrase = new FormData(event.target as HTMLFormElement).get("passphrase");
    const isDone = await this.#action.run(async () => {
      if (typeof passphrase === "string" && !(await this.#host.session.isPassphrase(passphrase))) return false;
      await question.act();
      return true;
    });
    if (isDone === true) this.close();
    else if (isDone === false) this.#action.fail(this.#host.words.error("WRONG_PASSPHRASE"), "WRONG_PASSPHRASE");
  };

  #closed = (): void => {
    this.#question = null;
    this.#host.redraw();
  };

  #element(): HTMLDialogElement | null {
    return this.#host.view.querySelector<HTMLDialogElement>("dialog.dialog");
  }
}
