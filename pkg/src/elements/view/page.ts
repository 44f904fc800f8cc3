/** A page whose code is downloaded when it is opened. */

import { html, type TemplateResult } from "lit";
import type { Dialog } from "./dialog.js";
import { View, type Host } from "./view.js";

export type Loader = () => Promise<new (host: Host, dialog: Dialog) => View>;

export class PageView extends View {
  #view: View | null = null;
  #failure: unknown = null;
  #isClosed = false;

  constructor(host: Host, dialog: Dialog, load: Loader) {
    super(host);
    load().then(
      (Page) => {
        if (!this.#isClosed) this.#view = new Page(host, dialog);
        host.redraw();
      },
      (error: unknown) => {
        this.#failure = error;
        host.redraw();
      },
    );
  }

  render(): TemplateResult {
    if (this.#view !== null) return this.#view.render();
    if (this.#failure !== null) return html`<p class="unreadable" role="alert">${this.t("page_failed")}</p>`;
    return html`<p class="empty">${this.t("loading")}</p>`;
  }

  override updated(): void {
    this.#view?.updated();
  }

  override close(): void {
    this.#isClosed = true;
    this.#view?.close();
  }
}
