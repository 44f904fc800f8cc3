/** Before a vault is made in a frame of another site: its messages would be apart from a tab's, and may be cleared. */

import { html, nothing, type TemplateResult } from "lit";
import { codeOf } from "../words/language.js";
import { icon } from "./icons.js";
import { View } from "./view.js";

export class Framed extends View {
  /** Whether this has to be answered before anything is kept here. Where the browser refuses to keep anything, only a tab is left. */
  get isNeeded(): boolean {
    const { access, isStorageApart, isFrameAccepted } = this.session;
    return isStorageApart && ((access === "first" && !isFrameAccepted) || this.#isRefused);
  }

  get #isRefused(): boolean {
    return this.session.access === "ended" && codeOf(this.session.failure) === "STORE_FAILED";
  }

  render(): TemplateResult {
    return html`<section data-testid="framed" role="alert">
      <p class="lock-mark">${icon("warn")}</p>
      <h2 class="title" tabindex="-1">${this.t("framed_title")}</h2>
      <p>${this.t(this.#isRefused ? "framed_refused" : "framed_help")}</p>
      <a class="button primary wide" href=${this.#tab()} target="_blank" rel="noopener noreferrer" data-testid="framed-open-tab">${this.t("framed_open_tab")}</a>
      ${this.#isRefused ? nothing : html`<button type="button" class="wide" data-testid="framed-accept" @click=${this.#accept}>${this.t("framed_accept")}</button>`}
    </section>`;
  }

  /** This page by itself, with the invitation that it was opened with. */
  #tab(): string {
    const page = new URL(location.href);
    page.hash = this.session.offered ?? "";
    return page.href;
  }

  #accept = (): void => {
    this.session.isFrameAccepted = true;
    this.session.changed();
  };
}
