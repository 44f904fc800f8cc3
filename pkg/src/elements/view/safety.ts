/** Against loss: a backup, a recovery sheet, and emergency cards for people one trusts. */

import { html, nothing, type TemplateResult } from "lit";
import { shareQrSvg, type Device, type EmergencyAccess, type PortalVault } from "../../index.js";
import { saveFile } from "../media/files.js";
import type { TextKey } from "../words/language.js";
import { icon } from "./icons.js";
import { print, qrImage } from "./parts.js";
import { Restore } from "./restore.js";
import { Action, foreign, submitted, View, type Host } from "./view.js";

const MOST_CARDS = 7;
const LETTERS_IN_A_GROUP = 4;

interface Known {
  readonly device: Device;
  readonly hasCode: boolean;
  readonly passkeys: readonly Uint8Array[];
  readonly accesses: readonly EmergencyAccess[];
}

interface Cards {
  readonly texts: readonly string[];
  readonly threshold: number;
}

export class Safety extends View {
  readonly #action = new Action(this.host);
  readonly #restore = new Restore(this.host);
  #known: Known | null = null;
  #code: string | null = null;
  #cards: Cards | null = null;

  constructor(host: Host) {
    super(host);
    void this.#read();
  }

  render(): TemplateResult {
    return html`<div class="page safety" data-testid="safety-view">
      <h2 class="title" tabindex="-1">${this.t("safety")}</h2>
      <p class="hint" role="status" data-testid="device-line">${this.#deviceLine()}</p>
      ${this.#action.render()}
      <section class="card"><h3>${this.t("backup_title")}</h3><p>${this.t("backup_help")}</p>
        <button type="button" class="primary" data-testid="backup" @click=${this.#backup}>${this.t("backup_do")}</button></section>
      <section class="card"><h3>${this.t("code_title")}</h3><p>${this.t("code_help")}</p>${this.#codePart()}</section>
      <section class="card"><h3>${this.t("cards_title")}</h3><p>${this.t("cards_help")}</p>${this.#cardsPart()}</section>
      <section class="card"><h3>${this.t("passkeys_title")}</h3><p>${this.t("passkeys_help")}</p>${this.#passkeysPart()}</section>
      ${this.#accessesPart()}
      ${this.session.options === null ? nothing : html`<details class="in-person" data-testid="restore-details"><summary>${this.t("restore_title")}</summary>${this.#restore.render()}</details>`}
    </div>`;
  }

  #deviceLine(): string {
    const device = this.#known?.device;
    if (device === undefined) return "";
    const key =
      device.supersededBy !== null
        ? "condition_DEVICE_SUPERSEDED"
        : device.restored
          ? "device_restored"
          : "device_first";
    return this.t(key, { index: device.index + 1 });
  }

  #codePart(): TemplateResult {
    if (this.#code !== null) return this.#codeSheet(this.#code);
    const hasCode = this.#known?.hasCode === true;
    return html`<div class="row">
      <button type="button" data-testid="create-code" @click=${() => this.#confirm("code_title", hasCode ? "code_again_help" : "code_help", "code_do", this.#createCode)}>${this.t(hasCode ? "code_again" : "code_do")}</button>
      ${hasCode ? html`<button type="button" class="quiet" data-testid="remove-code" @click=${() => this.#confirm("code_remove", "code_remove_help", "code_remove", () => this.#changed((vault) => vault.removeRecoveryCode()))}>${this.t("code_remove")}</button>` : nothing}
    </div>`;
  }

  #codeSheet(code: string): TemplateResult {
    const groups = code.split("-");
    return html`<div class="sheets"><section class="sheet" data-testid="code-sheet">
        ${this.#sheetHead()}
        <h4>${this.t("code_sheet", { name: this.session.name })}</h4>
        <p class="code" data-testid="recovery-code">${groups.map((group, index) => html`<span>${group}</span>${index < groups.length - 1 ? "-" : nothing}`)}</p>
        <p>${this.t("code_sheet_help")}</p>
        ${this.#sheetFoot()}
      </section></div>
      ${this.#sheetButtons(() => {
        this.#code = null;
      })}`;
  }

  #cardsPart(): TemplateResult {
    if (this.#cards !== null) return this.#cardSheets(this.#cards);
    const number = (name: string, label: TextKey, value: number, testid: string): TemplateResult =>
      html`<label class="field"><span>${this.t(label)}</span><input type="number" name=${name} min="2" max=${MOST_CARDS} value=${value} required data-testid=${testid} /></label>`;
    return html`<form @submit=${this.#createCards}>
      <div class="row">${number("threshold", "cards_needed", 2, "share-threshold")}${number("shares", "cards_count", 3, "share-count")}</div>
      <button type="submit" data-testid="create-shares">${this.t("cards_do")}</button>
    </form>`;
  }

  #cardSheets({ texts, threshold }: Cards): TemplateResult {
    return html`<div class="sheets" data-testid="share-sheet">${texts.map(
      (text, index) => html`<section class="sheet share" data-testid="share">
        ${this.#sheetHead()}
        ${qrImage(shareQrSvg(text), this.t("card_alt", { number: index + 1 }), "share-qr")}
        <div>
          <h4>${this.t("card_sheet", { number: index + 1, of: texts.length, name: this.session.name })}</h4>
          <p class="code" data-testid="share-text">${(text.match(new RegExp(`.{1,${LETTERS_IN_A_GROUP}}`, "g")) ?? []).join(" ")}</p>
          <p>${this.t("card_sheet_help", { threshold })}</p>
          ${this.#sheetFoot()}
        </div>
      </section>`,
    )}</div>
    ${this.#sheetButtons(() => {
      this.#cards = null;
    })}`;
  }

  #sheetHead(): TemplateResult {
    return html`<p class="sheet-head">${this.host.settings.organization}</p>`;
  }

  #sheetFoot(): TemplateResult {
    return html`<p>${this.t("sheet_keep")}</p><p class="hint">${this.host.words.day(Date.now() / 1000)}</p>`;
  }

  #sheetButtons(clear: () => void): TemplateResult {
    const printSheets = (event: Event): void => {
      const sheets = (event.target as HTMLElement).closest(".card")?.querySelector(".sheets");
      const root = this.host.view;
      if (sheets && root instanceof ShadowRoot) void print(sheets, root);
    };
    const away = (): void => {
      clear();
      this.host.redraw();
    };
    return html`<div class="row">
      <button type="button" class="primary" data-testid="print" @click=${printSheets}>${icon("print")} ${this.t("print")}</button>
      <button type="button" class="quiet" data-testid="clear-sheet" @click=${away}>${this.t("put_away")}</button>
    </div>`;
  }

  #passkeysPart(): TemplateResult {
    const passkeys = this.#known?.passkeys ?? [];
    return html`${passkeys.map(
      (id, index) => html`<p>${this.t("passkey_number", { number: index + 1 })}
        <button type="button" class="quiet" @click=${() => this.#change((vault) => vault.removePasskey(id))}>${this.t("remove")}</button></p>`,
    )}<button type="button" data-testid="add-passkey" @click=${() => this.#change((vault) => vault.addPasskey())}>${this.t("passkey_add")}</button>`;
  }

  #accessesPart(): TemplateResult | typeof nothing {
    const accesses = this.#known?.accesses ?? [];
    if (accesses.length === 0) return nothing;
    const { words } = this.host;
    return html`<section class="card"><h3>${this.t("accesses_title")}</h3><ul data-testid="accesses">${accesses.map(
      ({ beganAt, minutes, endedAt, reason }) =>
        html`<li><strong>${words.dayAndTime(beganAt)}</strong> · ${endedAt === null ? this.t("access_open", { minutes }) : this.t("access_closed", { minutes, end: words.dayAndTime(endedAt) })}
          <p>${reason === "" ? this.t("no_reason") : foreign(reason)}</p></li>`,
    )}</ul></section>`;
  }

  /** Before something grave the passphrase is asked for again: the device may be in other hands. */
  #confirm(title: TextKey, text: TextKey, doLabel: TextKey, act: () => Promise<unknown>): void {
    void this.host.dialog.ask({
      title: this.t(title),
      text: this.t(text),
      doLabel: this.t(doLabel),
      needsPassphrase: true,
      act,
    });
  }

  #backup = (): void =>
    this.#confirm("backup_title", "backup_help", "backup_do", async () => {
      const bundle = await this.session.portal.vault.backup();
      saveFile(bundle, `tessera-${new Date().toISOString().slice(0, 10)}.backup`, "application/octet-stream");
      this.#action.say(this.t("backup_done"));
    });

  #createCode = (): Promise<void> =>
    this.#changed(async (vault) => {
      this.#code = await vault.createRecoveryCode();
    });

  #createCards = (event: SubmitEvent): void => {
    const field = submitted(event);
    const [threshold, shares] = [Number(field("threshold")), Number(field("shares"))];
    if (threshold > shares) {
      this.#action.fail(this.t("cards_too_few"));
      return;
    }
    this.#confirm("cards_title", "cards_help", "cards_do", async () => {
      this.#cards = { texts: await this.session.portal.emergency.createShares({ threshold, shares }), threshold };
      this.host.redraw();
    });
  };

  #change(change: (vault: PortalVault) => Promise<unknown>): void {
    void this.#action.run(() => this.#changed(change));
  }

  async #changed(change: (vault: PortalVault) => Promise<unknown>): Promise<void> {
    await change(this.session.portal.vault);
    await this.#read();
  }

  async #read(): Promise<void> {
    if (!this.session.isOpen) return;
    const { portal } = this.session;
    try {
      const [device, hasCode, passkeys, accesses] = await Promise.all([
        portal.device(),
        portal.vault.hasRecoveryCode(),
        portal.vault.passkeys(),
        portal.emergency.accesses(),
      ]);
      this.#known = { device, hasCode, passkeys, accesses };
      if (this.session.vault !== null) this.session.vault.hasPasskey = passkeys.length > 0; // for the lock screen
      this.host.redraw();
    } catch {
      // Locked meanwhile; the page shows that.
    }
  }
}
