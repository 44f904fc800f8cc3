/** Replaces the vault by a backup. */

import { h } from "../dom";
import { t } from "../i18n";
import type { Session } from "../session";
import { Outcome, field, fileButton } from "./parts";

export class RestoreForm {
  readonly element: HTMLElement;
  readonly #outcome = new Outcome();
  readonly #chosen = h("p", { class: "hint", role: "status", testid: "restore-chosen" });
  readonly #secret = h("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    testid: "restore-secret",
    required: true,
  });
  readonly #isCode = h("input", { type: "checkbox", testid: "restore-by-code", change: () => this.#update() });
  readonly #new = h("input", { type: "password", autocomplete: "new-password", testid: "restore-new-passphrase" });
  readonly #newField = field(t("restore_new_passphrase"), this.#new);
  readonly #label: HTMLElement | null;
  readonly #button = h(
    "button",
    { type: "submit", class: "danger", testid: "restore", disabled: true },
    t("restore_button"),
  );
  #bundle: Uint8Array | null = null;

  constructor(private readonly session: Session) {
    const secretField = field(t("restore_passphrase"), this.#secret);
    this.#label = secretField.querySelector("label");
    this.element = h(
      "form",
      { class: "restore-form", testid: "restore-form", submit: (event) => this.#restore(event) },
      h("p", { class: "hint" }, t("restore_help")),
      h(
        "div",
        { class: "row" },
        fileButton(t("restore_file"), ".backup", "restore-file", (file) => this.#choose(file)),
        this.#chosen,
      ),
      h("label", { class: "check-field" }, this.#isCode, t("restore_by_code")),
      secretField,
      this.#newField,
      h("div", { class: "row" }, this.#button),
      this.#outcome.element,
    );
    this.#update();
  }

  #update(): void {
    const byCode = this.#isCode.checked;
    this.#label?.replaceChildren(t(byCode ? "restore_code" : "restore_passphrase"));
    this.#secret.type = byCode ? "text" : "password";
    this.#newField.hidden = !byCode;
    this.#new.required = byCode;
  }

  async #choose(file: File): Promise<void> {
    this.#bundle = new Uint8Array(await file.arrayBuffer());
    this.#chosen.textContent = file.name;
    this.#button.disabled = false;
  }

  async #restore(event: Event): Promise<void> {
    event.preventDefault();
    const bundle = this.#bundle;
    if (bundle === null) return;
    const key = this.#isCode.checked
      ? { recoveryCode: this.#secret.value, newPassphrase: this.#new.value }
      : { passphrase: this.#secret.value };
    this.#button.disabled = true;
    await this.#outcome.attempt(() => this.session.restore(bundle, key));
    this.#button.disabled = false;
  }
}
