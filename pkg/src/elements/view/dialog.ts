/** A question before something that cannot be undone: the browser's own modal dialog. */

import { html, nothing, type TemplateResult } from "lit";
import { codeOf } from "../words/language.js";
import { Action, Part } from "./view.js";

export interface Question {
  readonly title: string;
  readonly text: string;
  /** What the button that does it says. */
  readonly doLabel: string;
  readonly isGrave?: boolean;
  /** Whether the passphrase is asked for again. */
  readonly needsPassphrase?: boolean;
  act(): Promise<unknown>;
  /** What is asked in its place if it fails with this code; null, and the dialog says why it failed. */
  otherwise?(code: string): Question | null;
}

export class Dialog extends Part {
  readonly #action = new Action(this.host);
  #question: Question | null = null;

  get isOpen(): boolean {
    return this.#question !== null;
  }

  async ask(question: Question): Promise<void> {
    this.#question = question;
    this.#action.clear();
    this.host.redraw();
    await this.host.updateComplete;
    this.#element()?.showModal();
  }

  close(): void {
    this.#element()?.close();
  }

  render(): TemplateResult | typeof nothing {
    const question = this.#question;
    if (question === null) return nothing;
    const { t } = this;
    // A host that opens the portal itself answers for the person.
    const asksAgain = question.needsPassphrase === true && this.session.vault !== null;
    return html`<dialog class="dialog" data-testid="dialog" aria-labelledby="dialog-title" @close=${this.#closed}>
      <form @submit=${this.#submit}>
        <h2 id="dialog-title">${question.title}</h2>
        <p>${question.text}</p>
        ${
          asksAgain
            ? html`<label class="field"><span>${t("passphrase")}</span>
                <input type="password" name="passphrase" autocomplete="current-password" required aria-invalid=${this.#action.hasFailed} aria-describedby="dialog-outcome" data-testid="dialog-passphrase" /></label>`
            : nothing
        }
        ${this.#action.render("dialog-outcome")}
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
    const outcome = await this.#action.run(async () => {
      if (typeof passphrase === "string" && (await this.session.vault?.isPassphrase(passphrase)) === false)
        return "wrong";
      return this.#try(question);
    });
    if (outcome === "done") this.close();
    else if (outcome === "wrong") this.#action.fail(this.host.words.error("WRONG_PASSPHRASE"), "WRONG_PASSPHRASE");
    else if (outcome !== undefined) this.#askInstead(outcome);
  };

  async #try(question: Question): Promise<"done" | Question> {
    try {
      await question.act();
      return "done";
    } catch (error) {
      const next = question.otherwise?.(codeOf(error)) ?? null;
      if (next === null) throw error;
      return next;
    }
  }

  /** The dialog stays open: the focus goes to the way out, not to the button that was just pressed. */
  #askInstead(question: Question): void {
    this.#question = question;
    this.host.redraw();
    void this.host.updateComplete.then(() => {
      this.#element()?.querySelector<HTMLElement>("[data-testid=dialog-cancel]")?.focus();
      this.host.announce(question.title);
    });
  }

  #closed = async (): Promise<void> => {
    this.#question = null;
    this.host.redraw();
    await this.host.updateComplete;
    // The browser returns the focus to what opened the dialog, which may be gone by now.
    if (document.activeElement === document.body) this.host.restoreFocus();
  };

  #element(): HTMLDialogElement | null {
    return this.find<HTMLDialogElement>("dialog.dialog");
  }
}
