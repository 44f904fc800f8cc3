/** `<tessera-text>`: notes for WhatsApp, Telegram or e-mail, sealed into a line of text to copy, and opened again. */

import { html, nothing, type CSSResultGroup, type TemplateResult } from "lit";
import type { medcrypt } from "../sdk.js";
import { TesseraElement } from "./element.js";
import { pages } from "./styles/pages.js";
import { qrImage } from "./view/parts.js";
import { Scanner } from "./view/scanner.js";
import { Action, submitted } from "./view/view.js";

const SECRET_BYTES = 32;

export class TesseraText extends TesseraElement {
  static override styles: CSSResultGroup = [...(TesseraElement.styles as []), pages];

  static override properties = {
    ...TesseraElement.properties,
    secret: { attribute: false },
    alias: { attribute: false },
  };

  /** The secret that the two people share since their visit; scanned or made here if the host passes none. Never an attribute, because pages keep attributes. */
  declare secret: string | null;
  /** What the messenger sees in the place of a patient's name; random if left out. */
  declare alias: string | null;

  #conversation: medcrypt.Conversation | null = null;
  #usedSecret: string | null = null;
  /** The code of a secret that was made here, for the other person to scan. */
  #picture: string | null = null;
  #sealed: readonly string[] = [];
  #opened: string | null = null;
  readonly #setUp = new Action(this);
  readonly #seal = new Action(this);
  readonly #open = new Action(this);
  readonly #scanner = new Scanner(this);

  constructor() {
    super();
    this.secret = null;
    this.alias = null;
  }

  go(): void {}

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#scanner.stop();
    this.#conversation?.dispose();
    this.#conversation = null;
    this.#opened = null;
  }

  protected override render(): TemplateResult {
    const { t } = this.words;
    return html`<div class="page text" data-testid="text">
      <h2 class="title" tabindex="-1">${t("text_title")}</h2>
      <p class="hint">${t("text_limits")}</p>
      ${this.announcer()}
      ${this.secret === null ? this.#secretPart() : this.#notes()}
    </div>`;
  }

  #secretPart(): TemplateResult {
    const { t } = this.words;
    return html`<section class="card"><h3>${t("text_secret_title")}</h3><p>${t("text_secret_help")}</p>
      ${this.#scanner.render(
        (text) => this.#use(text),
        () => true,
        "text-file",
      )}
      <form @submit=${this.#paste}>
        <label class="field"><span>${t("text_secret")}</span><input name="secret" type="password" required autocomplete="off" data-testid="text-secret" /></label>
        <div class="row"><button type="submit" data-testid="text-use">${t("text_use")}</button>
          <button type="button" data-testid="text-new" @click=${this.#make}>${t("text_new")}</button></div>
      </form>${this.#setUp.render()}</section>`;
  }

  #notes(): TemplateResult {
    const { t } = this.words;
    return html`
      ${
        this.#picture !== null
          ? html`<section class="card"><p>${t("text_show_secret")}</p>${qrImage(this.#picture, t("text_secret_title"), "text-qr")}
              <button type="button" class="quiet" @click=${this.#hideSecret}>${t("put_away")}</button></section>`
          : nothing
      }
      <section class="card"><h3>${t("text_write")}</h3>
        <form @submit=${this.#sealNote}>
          <label class="field"><span>${t("write")}</span><textarea name="note" rows="4" dir="auto" required data-testid="text-note"></textarea></label>
          <button type="submit" class="primary" data-testid="text-seal">${t("text_seal")}</button>
        </form>
        ${this.#sealed.map(
          (
            text,
            index,
          ) => html`<label class="field"><span>${t("text_part", { number: index + 1, of: this.#sealed.length })}</span>
            <textarea readonly rows="3" class="code" data-testid="text-sealed" .value=${text}></textarea></label>
            <div class="row"><button type="button" class="primary" data-testid="text-copy" @click=${() => this.#copy(text)}>${t("text_copy")}</button>
            ${navigator.canShare?.({ text }) ? html`<button type="button" @click=${() => void navigator.share({ text }).catch(() => {})}>${t("share")}</button>` : nothing}</div>`,
        )}${this.#seal.render()}</section>
      <section class="card"><h3>${t("text_read")}</h3>
        <form @submit=${this.#openText}>
          <label class="field"><span>${t("text_paste")}</span><textarea name="text" rows="3" class="code" required data-testid="text-paste"></textarea></label>
          <button type="submit" data-testid="text-open">${t("text_open")}</button>
        </form>
        ${this.#opened === null ? nothing : html`<p class="opened" dir="auto" data-testid="text-opened">${this.#opened}</p>`}${this.#open.render()}</section>`;
  }

  #paste = (event: SubmitEvent): void => {
    this.#use(submitted(event)("secret").trim());
  };

  #use(secret: string): void {
    this.#picture = null;
    this.secret = secret;
  }

  #make = async (): Promise<void> => {
    const secret = newSecret();
    await this.#setUp.run(async () => {
      const { qrSvg } = await import("../qr.js");
      this.#picture = qrSvg(secret);
      this.secret = secret;
    });
  };

  #hideSecret = (): void => {
    this.#picture = null;
    this.requestUpdate();
  };

  #sealNote = async (event: SubmitEvent): Promise<void> => {
    const note = submitted(event)("note");
    this.#sealed = (await this.#seal.run(async () => (await this.#with(null)).seal(note))) ?? [];
    this.requestUpdate();
  };

  #openText = async (event: SubmitEvent): Promise<void> => {
    const text = submitted(event)("text").trim();
    this.#opened = null;
    const opened = await this.#open.run(async () => (await this.#with(text)).open(text));
    if (opened?.text !== undefined) this.#opened = opened.text;
    else if (opened !== undefined && opened.missing.length > 0)
      this.#open.say(this.words.t("text_missing", { count: opened.missing.length }));
    this.requestUpdate();
  };

  /** The conversation under the secret; the one who reads first takes the alias from the text. */
  async #with(text: string | null): Promise<medcrypt.Conversation> {
    const {
      init,
      medcrypt: { Conversation, readAlias },
    } = await import("../sdk.js");
    await init();
    if (this.#conversation !== null && this.#usedSecret === this.secret) return this.#conversation;
    this.#conversation?.dispose();
    this.alias ??= text === null ? null : readAlias(text);
    this.#usedSecret = this.secret;
    this.#conversation = new Conversation(this.secret ?? "", this.alias === null ? {} : { alias: this.alias });
    this.alias = this.#conversation.alias;
    return this.#conversation;
  }

  async #copy(text: string): Promise<void> {
    await this.#seal.run(() => navigator.clipboard.writeText(text));
    if (!this.#seal.hasFailed) this.#seal.say(this.words.t("copied"));
  }
}

/** 32 random bytes in base64: the format wants text. */
function newSecret(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))));
}
