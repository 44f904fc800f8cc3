/** Copies and emergencies: backup, recovery code, emergency shares, and past emergency accesses. */

import { h, saveFile, section, svgImage } from "../dom";
import { currentLanguage, t } from "../i18n";
import type { Safety, Session } from "../session";
import { Outcome, field } from "./parts";
import { printButton } from "./print";
import { RestoreForm } from "./restore";
import { shareQrSvg, type Device, type EmergencyAccess } from "tessera-portal";

/** Stands for this page in place of a contact's id. */
export const SAFETY = "safety";

const MOST_SHARES = 7;
const LETTERS_IN_A_GROUP = 4;

interface Known {
  readonly device: Device;
  readonly hasCode: boolean;
  readonly accesses: readonly EmergencyAccess[];
}

export class SafetyView {
  readonly element: HTMLElement;
  readonly contactId = SAFETY;
  readonly name = "";
  readonly #outcome = new Outcome();
  readonly #device = h("p", { class: "hint", role: "status", testid: "device-line" });
  readonly #code = h("div", { class: "sheet-place" });
  readonly #codeButtons = h("div", { class: "row" });
  readonly #shares = h("div", { class: "sheet-place" });
  readonly #accesses = h("div", {});
  readonly #threshold = h("input", {
    type: "number",
    min: 2,
    max: MOST_SHARES,
    value: 2,
    testid: "share-threshold",
    required: true,
  });
  readonly #count = h("input", {
    type: "number",
    min: 2,
    max: MOST_SHARES,
    value: 3,
    testid: "share-count",
    required: true,
  });

  constructor(private readonly session: Session) {
    this.element = h(
      "div",
      { class: "safety-view", testid: "safety-view" },
      h("h3", {}, t("safety")),
      this.#device,
      this.#outcome.element,
      card(
        t("backup_heading"),
        t("backup_help"),
        h(
          "div",
          { class: "row" },
          h(
            "button",
            { type: "button", class: "primary", testid: "backup", click: () => this.#backup() },
            t("backup_button"),
          ),
        ),
      ),
      card(t("code_heading"), t("code_help"), this.#codeButtons, this.#code),
      card(
        t("shares_heading"),
        t("shares_help"),
        h(
          "form",
          { submit: (event) => this.#createShares(event) },
          h(
            "div",
            { class: "row" },
            field(t("shares_threshold"), this.#threshold),
            field(t("shares_count"), this.#count),
          ),
          h("div", { class: "row" }, h("button", { type: "submit", testid: "create-shares" }, t("shares_button"))),
        ),
        this.#shares,
      ),
      this.#accesses,
      h(
        "details",
        { class: "in-person", testid: "restore-details" },
        h("summary", {}, t("restore_heading")),
        new RestoreForm(session).element,
      ),
    );
  }

  update(): void {
    void this.#read();
  }

  async #read(): Promise<void> {
    const { safety } = this.session;
    if (safety === null) return;
    try {
      const [device, hasCode, accesses] = await Promise.all([
        safety.device(),
        safety.vault.hasRecoveryCode(),
        safety.emergency.accesses(),
      ]);
      this.#show({ device, hasCode, accesses });
    } catch {
      // Locked or disposed of meanwhile; the page shows that elsewhere.
    }
  }

  #show({ device, hasCode, accesses }: Known): void {
    section(this.#device, device, () => [
      t(device.supersededBy !== null ? "device_superseded" : device.restored ? "device_restored" : "device_first", {
        index: device.index + 1,
      }),
    ]);
    section(this.#codeButtons, hasCode, () => [
      h(
        "button",
        { type: "button", testid: "create-code", click: () => this.#createCode() },
        t(hasCode ? "code_again" : "code_button"),
      ),
      hasCode &&
        h(
          "button",
          { type: "button", class: "quiet", testid: "remove-code", click: () => this.#removeCode() },
          t("code_remove"),
        ),
    ]);
    section(this.#accesses, accesses, () =>
      accesses.length === 0
        ? []
        : [
            card(
              t("accesses_heading"),
              t("accesses_help"),
              h("ul", { class: "access-list", testid: "accesses" }, ...accesses.map(accessItem)),
            ),
          ],
    );
  }

  async #backup(): Promise<void> {
    const bundle = await this.#outcome.attempt(() => this.#safety().vault.backup());
    if (bundle === undefined) return;
    const date = new Date().toISOString().slice(0, 10);
    saveFile(bundle, `tessera-${this.session.person.role}-${date}.backup`, "application/octet-stream");
    this.#outcome.say(t("backup_done"));
  }

  async #createCode(): Promise<void> {
    const code = await this.#outcome.attempt(() => this.#safety().vault.createRecoveryCode());
    if (code === undefined) return;
    const lines = code.split("-");
    const sheet = h(
      "section",
      { class: "sheet", testid: "code-sheet" },
      h("h4", {}, t("code_sheet", { name: this.session.person.name })),
      h(
        "p",
        { class: "code", testid: "recovery-code" },
        ...lines.flatMap((group, i) => [h("span", {}, group), i < lines.length - 1 ? "-" : null]),
      ),
      h("p", {}, t("code_sheet_help")),
      h("p", { class: "hint" }, today()),
    );
    this.#code.replaceChildren(sheet, h("div", { class: "row" }, printButton(sheet), this.#clear(this.#code)));
    this.update();
  }

  async #removeCode(): Promise<void> {
    await this.#outcome.attempt(() => this.#safety().vault.removeRecoveryCode());
    this.#code.replaceChildren();
    this.update();
  }

  async #createShares(event: Event): Promise<void> {
    event.preventDefault();
    const [threshold, shares] = [this.#threshold.valueAsNumber, this.#count.valueAsNumber];
    const texts = await this.#outcome.attempt(() => this.#safety().emergency.createShares({ threshold, shares }));
    if (texts === undefined) return;
    const sheet = h(
      "div",
      { testid: "share-sheet" },
      ...texts.map((share, i) => this.#share(share, i + 1, texts.length, threshold)),
    );
    this.#shares.replaceChildren(h("div", { class: "row" }, printButton(sheet), this.#clear(this.#shares)), sheet);
  }

  #share(share: string, number: number, of: number, threshold: number): HTMLElement {
    const groups = share.match(new RegExp(`.{1,${LETTERS_IN_A_GROUP}}`, "g")) ?? [];
    return h(
      "section",
      { class: "sheet share", testid: "share" },
      svgImage(shareQrSvg(share), t("share_alt", { number }), "share-qr"),
      h(
        "div",
        {},
        h("h4", {}, t("share_sheet", { number, of, name: this.session.person.name })),
        h("p", { class: "code", testid: "share-text" }, groups.join(" ")),
        h("p", {}, t("share_sheet_help", { threshold })),
        h("p", { class: "hint" }, today()),
      ),
    );
  }

  #clear(place: HTMLElement): HTMLElement {
    return h(
      "button",
      { type: "button", class: "quiet", testid: "clear-sheet", click: () => place.replaceChildren() },
      t("sheet_clear"),
    );
  }

  #safety(): Safety {
    const { safety } = this.session;
    if (safety === null) throw new Error("the portal is not open");
    return safety;
  }
}

function card(heading: string, help: string, ...children: HTMLElement[]): HTMLElement {
  return h("section", { class: "card" }, h("h4", {}, heading), h("p", { class: "hint" }, help), ...children);
}

function accessItem(access: EmergencyAccess): HTMLElement {
  const { reason } = access;
  const when = time(access.beganAt);
  return h(
    "li",
    {},
    h("strong", {}, when),
    ` · ${accessSpan(access)}`,
    h("p", {}, reason === "" ? t("access_no_reason") : `“${reason}”`),
  );
}

/** How long the access lasts, and whether it has ended. */
export function accessSpan({ minutes, endedAt }: EmergencyAccess): string {
  return endedAt === null ? t("access_open", { minutes }) : t("access_closed", { minutes, end: time(endedAt) });
}

export function time(seconds: number): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(seconds * 1000),
  );
}

function today(): string {
  return new Intl.DateTimeFormat(currentLanguage(), { dateStyle: "long" }).format(new Date());
}
