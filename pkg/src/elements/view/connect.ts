/** Connecting two people: an invitation to scan or to send, or one to answer. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { remembered } from "../../remembered.js";
import { fingerprintIn, isInvitation } from "../session/invitation-text.js";
import type { Invitation } from "../../index.js";
import { RefusedOffer } from "./offer.js";
import { qrImage } from "./parts.js";
import { Scanner } from "./scanner.js";
import { Action, offerTitle, submitted, View, type Host } from "./view.js";

export class Connect extends View {
  readonly #invite = new Action(this.host);
  readonly #accept = new Action(this.host);
  readonly #refused = new RefusedOffer(this.host);
  readonly #scanner = new Scanner(this.host);
  readonly #expects = new Map<string, Action>();
  readonly #unwatch = this.session.watch(() => this.#advance());
  #known: ReadonlySet<string> = new Set(this.session.contacts.map(({ id }) => id));
  /** The invitations that were open when this was drawn last. */
  #open = byId(this.session.invitations);
  /** Ids of those that were made on this page, the newest first. */
  #made: readonly string[] = [];
  readonly #pictures = new Map<string, string>();
  /** Draws codes, once it is here. */
  #qrSvg: ((text: string) => string) | null = null;
  #text = "";
  #isInPerson = false;
  #isClosed = false;
  #fingerprintSvg: string | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(host: Host) {
    super(host);
    this.#count();
    void import("../../qr.js").then(({ qrSvg }) => {
      this.#qrSvg = qrSvg;
      host.redraw();
    });
    const { offered, isOfferAccepted } = this.session;
    this.session.isOfferAccepted = false;
    if (offered !== null && isOfferAccepted) void this.#answer(offered);
    if (this.session.isOpen)
      void this.session.portal.me().then(({ fingerprintQrSvg }) => {
        this.#fingerprintSvg = fingerprintQrSvg;
        host.redraw();
      });
  }

  render(): TemplateResult {
    const { session } = this;
    const { offered } = session;
    return html`<div class="page connect" data-testid="connect">
      <h2 class="title" tabindex="-1">${this.t("connect")}</h2>
      ${offered === null || session.offerFault === undefined ? nothing : this.#offer(offered)}
      <section class="card" aria-labelledby="invite-title">
        <h3 id="invite-title">${this.t("invite_title")}</h3>
        <ol class="steps"><li>${this.t("step_scan")}</li><li>${this.t("step_open")}</li><li>${this.t("step_digits")}</li></ol>
        <div class="row">
          <button type="button" class="primary" data-testid="invite-qr" @click=${() => this.#make("qr")} ?disabled=${!session.isOpen}>${this.t("invite_qr")}</button>
          <button type="button" data-testid="invite-link" @click=${() => this.#make("link")} ?disabled=${!session.isOpen}>${this.t("invite_link")}</button>
        </div>
        ${this.#invite.render()}
        ${repeat(
          this.#sorted(),
          ({ id }) => id,
          (invitation) => this.#invitation(invitation),
        )}
      </section>
      <section class="card" aria-labelledby="accept-title">
        <h3 id="accept-title">${this.t("accept_title")}</h3>
        ${this.#scanner.render((text) => void this.#answer(text), isInvitation, "accept-file")}
        <form @submit=${this.#submit}>
          <label class="field"><span>${this.t("accept_text")}</span>
            <textarea rows="2" class="code" autocomplete="off" spellcheck="false" data-testid="accept-text" .value=${this.#text}
              aria-invalid=${this.#accept.hasFailed} aria-describedby="accept-outcome" @input=${this.#type}></textarea></label>
          <label class="check-field"><input type="checkbox" data-testid="accept-in-person" .checked=${this.#isInPerson}
            @change=${(event: Event) => {
              this.#isInPerson = (event.target as HTMLInputElement).checked;
            }} /> <span>${this.t("accept_in_person")}</span></label>
          <button type="submit" class="primary" data-testid="accept-button" ?disabled=${!session.isOpen} aria-disabled=${this.#accept.isBusy}>${this.t("connect")}</button>
        </form>
        ${offered === null ? this.#accept.render("accept-outcome") : nothing}
        <p class="hint">${this.t("accept_hint")}</p>
        ${this.#ownCode()}
      </section>
    </div>`;
  }

  override close(): void {
    this.#isClosed = true;
    this.#unwatch();
    clearInterval(this.#timer);
    this.#scanner.stop();
  }

  #offer(offered: string): TemplateResult {
    if (this.session.offerFault)
      return html`<section class="card offered" data-testid="offer" aria-labelledby="offer-title">
        <h3 id="offer-title">${this.#refused.title}</h3>
        ${this.#refused.brief()}
        <div class="row"><button type="button" data-testid="offer-refuse" @click=${() => this.session.dropOffer()}>${this.t("put_away")}</button></div>
      </section>`;
    return html`<section class="card offered" data-testid="offer" aria-labelledby="offer-title">
      <h3 id="offer-title">${offerTitle(this.host)}</h3>
      <p>${this.t("offered_help")}</p>
      <div class="row">
        <button type="button" class="primary" data-testid="offer-accept" @click=${() => this.#answer(offered)} aria-disabled=${this.#accept.isBusy}>${this.t("connect")}</button>
        <button type="button" data-testid="offer-refuse" @click=${() => this.session.dropOffer()}>${this.t("not_now")}</button>
      </div>
      ${this.#accept.render()}
    </section>`;
  }

  /** The one made last comes first; after a reload the code to scan does. */
  #sorted(): Invitation[] {
    const rank = ({ id, kind }: Invitation): number => {
      const place = this.#made.indexOf(id);
      return place >= 0 ? place : this.#made.length + (kind === "qr" ? 0 : 1);
    };
    return [...this.session.invitations].sort((one, other) => rank(one) - rank(other));
  }

  #invitation(invitation: Invitation): TemplateResult {
    const { id, kind, uri, expiresAt, expectsIdentity } = invitation;
    // The secret is in the fragment, which no server sees.
    const link = `${this.host.settings.invitePage()}#${uri}`;
    const left = Math.max(0, expiresAt - Date.now() / 1000);
    const minutes = Math.floor(left / 60);
    const time =
      left < 3600 ? `${minutes}:${String(Math.floor(left % 60)).padStart(2, "0")}` : this.host.words.span(left);
    const share = { url: link };
    return html`<article class="invitation" data-testid="invitation" data-kind=${kind} aria-label=${this.t(kind === "qr" ? "qr_title" : "link_title")}>
      ${kind === "qr" && this.#qrSvg !== null ? qrImage(this.#picture(id, link, this.#qrSvg), this.t("qr_alt"), "invitation-qr") : nothing}
      <div>
        <p>${this.t(kind === "qr" ? "qr_help" : "link_help")}</p>
        <p class="countdown">${this.t("valid_for", { time })}</p>
        <label class="field"><span>${this.t("invitation_text")}</span>
          <input type="text" class="code" readonly data-testid="invitation-text" data-kind=${kind} .value=${link} @focus=${(event: FocusEvent) => (event.target as HTMLInputElement).select()} /></label>
        <div class="row">
          <button type="button" data-testid="copy-invitation" @click=${() => this.#invite.run(() => this.#copy(link))}>${this.t("copy")}</button>
          ${navigator.canShare?.(share) ? html`<button type="button" @click=${() => void navigator.share(share).catch(() => {})}>${this.t("share")}</button>` : nothing}
          <button type="button" class="quiet" data-testid="cancel-invitation" @click=${() => this.#withdraw(id)}>${this.t("withdraw")}</button>
        </div>
        ${expectsIdentity ? html`<p data-testid="expected">${this.t("expecting")}</p>` : this.#inPerson(id)}
      </div>
    </article>`;
  }

  /** Binding the invitation to one ID code, scanned from the other person's screen. */
  #inPerson(id: string): TemplateResult {
    const action = remembered(this.#expects, id, () => new Action(this.host));
    const expect = (text: string): void => {
      const fingerprint = fingerprintIn(text);
      if (fingerprint === null) action.fail(this.t("id_code_bad"));
      else
        void action.run(async () => {
          await this.session.act((portal) => portal.expectIdentity(id, fingerprint));
        });
    };
    return html`<details class="in-person" data-testid="in-person">
      <summary>${this.t("in_person_title")}</summary>
      <p>${this.t("in_person_help")}</p>
      ${this.#scanner.fileButton(expect, "expect-file", action)}
      <form @submit=${(event: SubmitEvent) => expect(submitted(event)("code"))}>
        <label class="field"><span>${this.t("their_id_code")}</span><input type="text" name="code" class="code" autocomplete="off" spellcheck="false" data-testid="expect-text" /></label>
        <button type="submit" data-testid="expect-button">${this.t("expect_person")}</button>
      </form>
      ${action.render()}
    </details>`;
  }

  #ownCode(): TemplateResult | typeof nothing {
    if (this.#fingerprintSvg === null) return nothing;
    return html`<details class="in-person" data-testid="my-fingerprint">
      <summary>${this.t("my_id_code")}</summary>
      <p>${this.t("my_id_code_help")}</p>
      ${qrImage(this.#fingerprintSvg, this.t("my_id_code_alt"), "fingerprint-qr")}
    </details>`;
  }

  async #make(kind: "qr" | "link"): Promise<void> {
    const { session } = this;
    await this.#invite.run(async () => {
      await session.act(async (portal) => {
        const { id } = await portal.invite({ kind });
        this.#made = [id, ...this.#made];
      });
    });
    await this.host.updateComplete;
    this.find("[data-testid=copy-invitation]")?.focus({ preventScroll: true });
    this.find(".invitation")?.scrollIntoView({ block: "start" });
  }

  #picture(id: string, link: string, qrSvg: (text: string) => string): string {
    return remembered(this.#pictures, id, () => qrSvg(link));
  }

  /** Counts the seconds down as long as there is something to count. */
  #count(): void {
    if (this.session.invitations.length > 0) this.#timer ??= setInterval(() => this.#tick(), 1000);
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #tick(): void {
    const isOver = this.session.invitations.some(({ expiresAt }) => expiresAt * 1000 <= Date.now());
    if (isOver) void this.session.refresh();
    else this.host.redraw();
  }

  async #copy(link: string): Promise<void> {
    await navigator.clipboard.writeText(link);
    this.#invite.say(this.t("copied"));
  }

  async #withdraw(id: string): Promise<void> {
    await this.#invite.run(() => this.session.act((portal) => portal.cancelInvitation(id)));
    this.find("[data-testid=invite-qr]")?.focus();
  }

  /** What was pasted is checked at once, what is typed when it is sent. */
  #type = async (event: InputEvent): Promise<void> => {
    const text = (event.target as HTMLTextAreaElement).value;
    this.#text = text;
    this.#accept.clear();
    if (event.inputType !== "insertFromPaste") return;
    const fault = await this.session.faultOf(text);
    if (fault !== null && this.#text === text) this.#accept.fail(this.host.words.error(fault), fault);
  };

  #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.#answer(this.#text);
  };

  async #answer(text: string): Promise<void> {
    const { session } = this;
    const contact = await this.#accept.run(() =>
      // Text without an invitation goes to the package too: its error says what is wrong.
      session.act((portal) => portal.accept(text, { inPerson: this.#isInPerson })),
    );
    if (contact === undefined) return;
    this.#text = "";
    session.dropOffer();
    // Who has gone to another page meanwhile stays there.
    if (!this.#isClosed) this.host.go({ name: "thread", contactId: contact.id });
  }

  /** Somebody answered: on to the six digits, here as on the other screen. */
  #advance(): void {
    const { contacts, invitations } = this.session;
    const before = this.#open;
    this.#open = byId(invitations);
    this.#count();
    const isAnswered = [...before.values()].some(
      ({ id, expiresAt }) => !this.#open.has(id) && expiresAt * 1000 > Date.now(),
    );
    const fresh = contacts.find(({ id }) => !this.#known.has(id));
    this.#known = new Set(contacts.map(({ id }) => id));
    if (fresh === undefined || !isAnswered || !this.session.isOpen) return;
    this.host.announce(this.t("somebody_answered"));
    this.host.go({ name: "thread", contactId: fresh.id });
  }
}

function byId(invitations: readonly Invitation[]): ReadonlyMap<string, Invitation> {
  return new Map(invitations.map((invitation) => [invitation.id, invitation]));
}
