/** A page whose code is downloaded when it is opened. */

import { html, type TemplateResult } from "lit";
import { View, type Host } from "./view.js";

export type PageName = "safety" | "audit" | "privacy";

/** Pages that most people open rarely are downloaded when they do. */
const PAGES: Readonly<Record<PageName, () => Promise<new (host: Host) => View>>> = {
  safety: async () => (await import("./rare.js")).Safety,
  audit: async () => (await import("./rare.js")).Audit,
  privacy: async () => (await import("./rare.js")).Privacy,
};

export class PageView extends View {
  #view: View | null = null;
  #failure: unknown = null;
  #isClosed = false;

  constructor(host: Host, name: PageName) {
    super(host);
    PAGES[name]().then(
      (Page) => {
        if (!this.#isClosed) this.#view = new Page(host);
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
