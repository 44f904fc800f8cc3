/** Adding a contact: make an invitation, or accept one by link, text or QR image. */

import { freshId, h, keyed, section, svgImage } from "../dom";
import { clock, t } from "../i18n";
import { fingerprintIn, invitationLink, readQr } from "../invitation-text";
import type { Invitation, Session } from "../session";
import type { PaneState } from "./pane";
import { Outcome, field, fileButton, ownFingerprint } from "./parts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

export class AddView {
  readonly contactId = null;
  readonly name = "";
  readonly element: HTMLElement;
  readonly #invitations = h("div", { class: "invitations" });
  readonly #inviteOutcome = new Outcome();
  readonly #acceptOutcome = new Outcome();
  readonly #acceptText: HTMLTextAreaElement;
  readonly #fingerprint = h("div");
  readonly #inPersonBox = h("input", { type: "checkbox", id: freshId("in-person"), testid: "accept-in-person" });
  readonly #validity: HTMLSelectElement;

  constructor(
    private readonly session: Session,
    private readonly state: PaneState,
    private readonly opened: (contactId: string) => void,
  ) {
    this.#acceptText = h("textarea", {
      rows: 2,
      class: "code",
      testid: "accept-text",
      autocomplete: "off",
      spellcheck: "false",
      input: () => (state.acceptText = this.#acceptText.value),
    });
    this.#validity = h(
      "select",
      { testid: "validity" },
      ...(
        [
          ["validity_minute", MINUTE],
          ["validity_hour", HOUR],
          ["validity_day", 24 * HOUR],
        ] as const
      ).map(([key, seconds]) => h("option", { value: seconds, selected: seconds === HOUR }, t(key))),
    );
    this.element = h("div", { class: "add-view" }, this.#inviteSection(), this.#acceptSection());
  }

  update(): void {
    for (const button of this.element.querySelectorAll<HTMLButtonElement>("button[data-needs-portal]"))
      button.disabled = !this.session.ready;
    if (this.#acceptText.value !== this.state.acceptText) this.#acceptText.value = this.state.acceptText;
    section(this.#fingerprint, this.session.ready, () => [ownFingerprint(this.session)]);
    keyed(
      this.#invitations,
      this.session.invitations,
      (one) => one.id,
      (one) => one.expected,
      (one) => this.#invitation(one),
    );
  }

  #inviteSection(): HTMLElement {
    const make = (kind: "qr" | "link") => () =>
      this.#inviteOutcome.attempt(() => this.session.invite(kind, Number(this.#validity.value)));
    return h(
      "section",
      { class: "card" },
      h("h3", {}, t("invite_heading")),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          { type: "button", class: "primary", testid: "invite-qr", "data-needs-portal": "", click: make("qr") },
          t("invite_qr"),
        ),
        h(
          "button",
          { type: "button", testid: "invite-link", "data-needs-portal": "", click: make("link") },
          t("invite_link"),
        ),
        field(t("invite_validity"), this.#validity, "field field-inline"),
      ),
      this.#inviteOutcome.element,
      this.#invitations,
    );
  }

  #invitation(invitation: Invitation): HTMLElement {
    const quick = invitation.kind === "qr";
    const text: HTMLTextAreaElement = h("textarea", {
      class: "code",
      readonly: true,
      rows: quick ? 3 : 2,
      testid: "invitation-text",
      "data-kind": invitation.kind,
      focus: () => text.select(),
    });
    text.value = quick ? invitation.uri : invitationLink(invitation.uri);
    const outcome = new Outcome();
    const copy = async (): Promise<void> => {
      await navigator.clipboard.writeText(text.value);
      outcome.say(t("copied"));
    };
    return h(
      "article",
      { class: "invitation", testid: "invitation", "data-kind": invitation.kind },
      h("h4", {}, t(quick ? "qr_title" : "link_title")),
      h(
        "div",
        { class: "invitation-body" },
        quick && svgImage(invitation.qrSvg, t("qr_alt"), "invitation-qr"),
        h(
          "div",
          { class: "invitation-text" },
          h("p", { class: "hint" }, t(quick ? "qr_help" : "link_help")),
          field(t("invitation_text"), text),
          h(
            "div",
            { class: "row" },
            h("button", { type: "button", testid: "copy-invitation", click: copy }, t("copy")),
            h(
              "button",
              {
                type: "button",
                class: "quiet",
                testid: "cancel-invitation",
                click: () => this.#inviteOutcome.attempt(() => this.session.cancelInvitation(invitation.id)),
              },
              t("cancel_invitation"),
            ),
            h("span", { class: "hint" }, t("valid_until", { time: clock(invitation.expiresAt) })),
          ),
          outcome.element,
        ),
      ),
      this.#inPerson(invitation),
    );
  }

  /** Binding the invitation to one fingerprint, scanned from the other person's screen. */
  #inPerson(invitation: Invitation): HTMLElement {
    if (invitation.expected) return h("p", { class: "expected", testid: "expected" }, t("expect_done"));
    const outcome = new Outcome();
    const input = h("input", {
      type: "text",
      class: "code",
      testid: "expect-text",
      autocomplete: "off",
      spellcheck: "false",
    });
    const expect = async (text: string): Promise<void> => {
      const fingerprint = fingerprintIn(text);
      if (fingerprint === null) outcome.fail(t("fingerprint_bad"));
      else await outcome.attempt(() => this.session.expectIdentity(invitation.id, fingerprint));
    };
    const scan = async (file: File): Promise<void> => {
      const text = await outcome.attempt(() => readQr(file));
      if (text === null) outcome.fail(t("qr_unreadable"));
      else if (text !== undefined) await expect(text);
    };
    return h(
      "details",
      { class: "in-person", testid: "in-person" },
      h("summary", {}, t("in_person_heading")),
      h("p", { class: "hint" }, t("in_person_help")),
      field(t("expect_text"), input),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", testid: "expect-button", click: () => expect(input.value) }, t("expect_button")),
        fileButton(t("accept_file"), "image/*", "expect-file", scan),
      ),
      outcome.element,
    );
  }

  #acceptSection(): HTMLElement {
    const submit = (event: Event): void => {
      event.preventDefault();
      void this.#accept(this.#acceptText.value);
    };
    const form = h(
      "form",
      { submit },
      field(t("accept_text"), this.#acceptText),
      h(
        "div",
        { class: "check-field" },
        this.#inPersonBox,
        h("label", { for: this.#inPersonBox.id }, t("accept_in_person")),
      ),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          { type: "submit", class: "primary", testid: "accept-button", "data-needs-portal": "" },
          t("accept_button"),
        ),
        fileButton(t("accept_file"), "image/*", "accept-file", (file) => this.#scan(file)),
      ),
    );
    const offered = this.state.acceptText !== "";
    return h(
      "section",
      { class: offered ? "card card-offered" : "card", testid: "accept-section" },
      h("h3", {}, t(offered ? "offered_heading" : "accept_heading")),
      form,
      this.#acceptOutcome.element,
      h("p", { class: "hint" }, t("accept_hint")),
      this.#fingerprint,
    );
  }

  async #scan(file: File): Promise<void> {
    const text = await this.#acceptOutcome.attempt(() => readQr(file));
    if (text === null) this.#acceptOutcome.fail(t("qr_unreadable"));
    else if (text !== undefined) await this.#accept(text);
  }

  async #accept(text: string): Promise<void> {
    // Text without an invitation goes to the package too: its error says what is wrong.
    const contact = await this.#acceptOutcome.attempt(() => this.session.accept(text, this.#inPersonBox.checked));
    if (!contact) return;
    this.state.acceptText = "";
    this.opened(contact.id);
  }
}
