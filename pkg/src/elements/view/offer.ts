/** An invitation that came with the page's address and cannot be answered: what is wrong with it, and what to do. */

import { html, type TemplateResult } from "lit";
import { isInvitation } from "../session/invitation-text.js";
import type { TextKey } from "../words/language.js";
import { icon } from "./icons.js";
import { Scanner } from "./scanner.js";
import { Action, View, type Host } from "./view.js";

/** What it is called and what helps, by error code. */
const FAULTS: Readonly<Record<string, readonly [title: TextKey, help: TextKey]>> = {
  INVITATION_INCOMPLETE: ["offer_cut", "offer_cut_help"],
  INVITATION_EXPIRED: ["offer_expired", "offer_expired_help"],
  RELAY_MISMATCH: ["offer_elsewhere", "offer_elsewhere_help"],
  BURNT: ["offer_burnt", "offer_burnt_help"],
};
const CHANGED = ["offer_changed", "offer_changed_help"] as const;

export class RefusedOffer extends View {
  readonly #again: Action;
  readonly #scanner: Scanner;

  constructor(host: Host) {
    super(host);
    this.#again = new Action(host);
    this.#scanner = new Scanner(host);
  }

  get title(): string {
    return this.t(this.#fault[0]);
  }

  get help(): string {
    return this.t(this.#fault[1], { now: this.host.words.dayAndTime(Date.now() / 1000) });
  }

  /** In the place of the first page: nothing is asked but for a link that can be answered. */
  render(): TemplateResult {
    return html`<p class="lock-mark">${icon("warn")}</p>
      <h2 class="title" tabindex="-1">${this.title}</h2>
      ${this.brief()}
      <form @submit=${this.#submit}>
        <label class="field"><span>${this.t("offer_paste")}</span>
          <textarea name="text" rows="2" class="code" required autocomplete="off" spellcheck="false" data-testid="offer-text"
            aria-invalid=${this.#again.hasFailed} aria-describedby="offer-outcome"></textarea></label>
        ${this.#again.render("offer-outcome")}
        <button type="submit" class="primary wide" data-testid="offer-again" aria-disabled=${this.#again.isBusy}>${this.t("offer_use")}</button>
      </form>
      ${this.#scanner.render((text) => void this.#take(text), isInvitation, "offer-file")}
      <button type="button" class="quiet wide" data-testid="offer-drop" @click=${() => this.session.dropOffer()}>${this.t("offer_without")}</button>`;
  }

  /** What helps, in one paragraph. */
  brief(): TemplateResult {
    return html`<p data-testid="offer-fault" data-code=${this.session.offerFault}>${this.help}</p>`;
  }

  override close(): void {
    this.#scanner.stop();
  }

  get #fault(): readonly [TextKey, TextKey] {
    return FAULTS[this.session.offerFault ?? ""] ?? CHANGED;
  }

  #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#take(String(new FormData(event.target as HTMLFormElement).get("text") ?? ""));
  };

  /** Another link, in the place of the one that cannot be answered. */
  async #take(text: string): Promise<void> {
    await this.#again.run(async () => {
      const fault = await this.session.faultOf(text);
      if (fault === null) await this.session.offer(text);
      else this.#again.fail(this.host.words.error(fault), fault);
    });
  }
}
