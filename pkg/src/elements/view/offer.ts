/** An invitation that came with the page's address and cannot be answered: what is wrong with it, and what to do. */

import { html, nothing, type TemplateResult } from "lit";
import { isInvitation } from "../session/invitation-text.js";
import { icon } from "./icons.js";
import { Scanner } from "./scanner.js";
import { Action, submitted, View } from "./view.js";

export class RefusedOffer extends View {
  readonly #again = new Action(this.host);
  readonly #scanner = new Scanner(this.host);

  get title(): string {
    return this.t("offer_refused");
  }

  /** In the place of the first page: nothing is asked but for a link that can be answered. */
  render(): TemplateResult {
    return html`<p class="lock-mark">${icon("warn")}</p>
      <h2 class="title" tabindex="-1">${this.title}</h2>
      ${this.brief()}
      <form @submit=${this.#submit}>
        <label class="field"><span>${this.t("accept_text")}</span>
          <textarea name="text" rows="2" class="code" required autocomplete="off" spellcheck="false" data-testid="offer-text"
            aria-invalid=${this.#again.hasFailed} aria-describedby="accept-outcome"></textarea></label>
        ${this.#again.render("accept-outcome")}
        <button type="submit" class="primary wide" data-testid="offer-again" aria-disabled=${this.#again.isBusy}>${this.t("try_again")}</button>
      </form>
      ${this.#scanner.render((text) => void this.#take(text), isInvitation, "offer-file")}
      <button type="button" class="quiet wide" data-testid="offer-drop" @click=${() => this.session.dropOffer()}>${this.t("offer_without")}</button>`;
  }

  /** What is wrong, and what helps. The clock of this device may be wrong, and then the invitation is not. */
  brief(): TemplateResult {
    const { words, session } = this.host;
    const { offerFault } = session;
    const fault = offerFault === "BURNT" ? this.t("offer_burnt") : words.error(offerFault);
    const now = words.dayAndTime(Date.now() / 1000);
    return html`<p data-testid="offer-fault" data-code=${offerFault}>${fault}${offerFault === "INVITATION_EXPIRED" ? ` ${this.t("offer_clock", { now })}` : nothing}</p>`;
  }

  override close(): void {
    this.#scanner.stop();
  }

  #submit = (event: SubmitEvent): void => {
    void this.#take(submitted(event)("text"));
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
