/** A notice one minute before the portal locks itself. */

import { html, nothing, type TemplateResult } from "lit";
import { Part } from "./view.js";

const WARNING_MS = 60_000;

export class Idle extends Part {
  #lastUse = Date.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isWarning = false;

  /** The person is here. */
  used(): void {
    this.#lastUse = Date.now();
  }

  /** Starts watching once the portal is open; too short an idle time is not worth a warning. */
  watch(): void {
    const { session } = this;
    const minutes = session.options?.idleMinutes ?? 0;
    if (!session.isOpen || minutes * 60_000 <= 2 * WARNING_MS) {
      this.close();
      if (this.#isWarning) this.#show(false);
      return;
    }
    if (this.#timer === undefined) {
      this.used();
      this.#wait(minutes * 60_000 - WARNING_MS);
    }
  }

  render(): TemplateResult | typeof nothing {
    if (!this.#isWarning) return nothing;
    const { t } = this;
    return html`<dialog class="dialog idle" data-testid="idle-dialog" aria-labelledby="idle-title" @close=${this.#stay}>
      <form method="dialog">
        <h2 id="idle-title">${t("idle_title")}</h2>
        <p>${t("idle_help")}</p>
        <div class="row end"><button type="submit" class="primary" data-testid="stay">${t("stay")}</button></div>
      </form>
    </dialog>`;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(quietMs: number): void {
    const left = this.#lastUse + quietMs - Date.now();
    if (left <= 0) {
      this.#show(true);
      this.#timer = setTimeout(() => this.#wait(quietMs), WARNING_MS);
    } else this.#timer = setTimeout(() => this.#wait(quietMs), left);
  }

  #stay = (): void => {
    this.used();
    this.session.touch();
    this.#show(false);
  };

  #show(isWarning: boolean): void {
    if (this.#isWarning === isWarning) return;
    this.#isWarning = isWarning;
    this.host.redraw();
    if (isWarning) void this.host.updateComplete.then(() => this.find<HTMLDialogElement>("dialog.idle")?.showModal());
  }
}
