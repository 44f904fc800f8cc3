/** A vault that cannot be read here: locked, open in another tab, or cleared. */

import { h, section } from "../dom";
import { t } from "../i18n";
import { DEMO_PASSPHRASE, type Session } from "../session";
import { Outcome, field } from "./parts";
import { RestoreForm } from "./restore";

export class LockView {
  readonly contactId = null;
  readonly name = "";
  readonly element = h("div", { class: "lock-view", testid: "lock-view" });
  readonly #outcome = new Outcome();
  readonly #passphrase = h("input", {
    type: "password",
    testid: "passphrase",
    autocomplete: "current-password",
    required: true,
  });

  constructor(private readonly session: Session) {}

  update(): void {
    const { access, lockedBy } = this.session;
    section(this.element, [access, lockedBy], () => [
      h("p", { class: "lock-mark", "aria-hidden": "true" }),
      h(
        "h3",
        {},
        t(access === "elsewhere" ? "elsewhere_heading" : access === "gone" ? "gone_heading" : "locked_heading"),
      ),
      h("p", { class: "hint", role: "status", testid: "lock-reason" }, this.#reason()),
      access === "gone" ? null : this.#form(),
      this.#outcome.element,
      this.#startOver(),
      h(
        "details",
        { class: "in-person", testid: "restore-details" },
        h("summary", {}, t("restore_heading")),
        new RestoreForm(this.session).element,
      ),
    ]);
  }

  #reason(): string {
    const { access, lockedBy, idleMinutes } = this.session;
    if (access === "elsewhere") return t("elsewhere_help");
    if (access === "gone") return t("gone_help");
    if (lockedBy === "idle") return t(idleMinutes < 2 ? "locked_idle_soon" : "locked_idle", { minutes: idleMinutes });
    return t(lockedBy === "manual" ? "locked_manual" : "locked_before");
  }

  #form(): HTMLElement {
    const elsewhere = this.session.access === "elsewhere";
    const button = h(
      "button",
      { type: "submit", class: "primary", testid: "unlock" },
      t(elsewhere ? "move_here" : "unlock"),
    );
    const submit = async (event: Event): Promise<void> => {
      event.preventDefault();
      button.disabled = true;
      await this.#outcome.attempt(() => this.session.unlock(this.#passphrase.value, elsewhere));
      button.disabled = false;
      this.#passphrase.value = "";
      if (!this.session.ready) this.#passphrase.focus();
    };
    return h(
      "form",
      { submit },
      field(t("passphrase"), this.#passphrase),
      h("div", { class: "row" }, button),
      h("p", { class: "hint" }, t("demo_passphrase", { passphrase: DEMO_PASSPHRASE })),
    );
  }

  #startOver(): HTMLElement {
    const start = h(
      "button",
      {
        type: "button",
        class: "danger",
        testid: "start-over",
        click: () => this.#outcome.attempt(() => this.session.startOver()),
      },
      t("start_over"),
    );
    if (this.session.access === "gone") return start;
    return h(
      "details",
      { class: "in-person", testid: "start-over-details" },
      h("summary", {}, t("start_over_heading")),
      h("p", { class: "hint" }, t("start_over_help")),
      start,
    );
  }
}
