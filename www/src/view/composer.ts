/** Writing: text, an optional label that ties messages of one visit together, and a file. */

import { h, section } from "../dom";
import { t } from "../i18n";
import type { Session } from "../session";
import type { Draft, PaneState } from "./pane";
import { Outcome, field, fileButton } from "./parts";
import type { Contact } from "tessera-portal";

/** Protocol §6: a session label has at most 48 bytes. */
const LABEL_LIMIT = 48;

export class Composer {
  readonly element = h("div", { class: "composer-place" });
  readonly #outcome = new Outcome();
  readonly #draft: Draft;

  constructor(
    private readonly session: Session,
    state: PaneState,
    private readonly contactId: string,
  ) {
    this.#draft = state.drafts.get(contactId) ?? { text: session.drafts.get(contactId) ?? "", label: "", file: null };
    state.drafts.set(contactId, this.#draft);
  }

  update(contact: Contact): void {
    section(this.element, [contact.state, contact.name, this.#draft.file?.name ?? null], () => {
      if (contact.state === "active") return [this.#form(contact), this.#outcome.element];
      return [
        h(
          "p",
          { class: "cannot-write", testid: "cannot-write" },
          t(contact.state === "suspect" ? "cannot_write_suspect" : "cannot_write_pending"),
        ),
      ];
    });
  }

  #form(contact: Contact): HTMLElement {
    const draft = this.#draft;
    const text: HTMLTextAreaElement = h("textarea", {
      rows: 1,
      testid: "compose-text",
      placeholder: t("write_placeholder", { name: contact.name }),
      input: () => this.#write(text.value),
      keydown: (event) => this.#submitOnEnter(event as KeyboardEvent, form),
    });
    text.value = draft.text;
    const label: HTMLInputElement = h("input", {
      type: "text",
      testid: "compose-label",
      placeholder: t("visit_placeholder"),
      value: draft.label,
      autocomplete: "off",
      input: () => (draft.label = label.value),
    });
    const form: HTMLFormElement = h(
      "form",
      { class: "composer", testid: "composer", submit: (event) => this.#send(event, text) },
      field(t("write"), text, "field field-write"),
      draft.file && this.#attachment(draft.file, contact),
      h(
        "div",
        { class: "row composer-row" },
        field(t("visit"), label, "field field-inline"),
        fileButton(
          t("attach"),
          ".json,.pdf,.png,.jpg,.jpeg,.dcm,application/fhir+json,application/json,application/pdf,application/dicom,image/png,image/jpeg",
          "compose-file",
          (file) => {
            draft.file = file;
            this.update(contact);
          },
        ),
        h("button", { type: "submit", class: "primary", testid: "compose-send" }, t("send")),
      ),
    );
    return form;
  }

  #write(text: string): void {
    this.#draft.text = text;
    void this.session.keepDraft(this.contactId, text);
  }

  #attachment(file: File, contact: Contact): HTMLElement {
    const remove = (): void => {
      this.#draft.file = null;
      this.update(contact);
    };
    return h(
      "p",
      { class: "attached", testid: "attached" },
      t("attached", { name: file.name }),
      h("button", { type: "button", class: "quiet", click: remove }, t("detach")),
    );
  }

  #submitOnEnter(event: KeyboardEvent, form: HTMLFormElement): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  }

  async #send(event: Event, textarea: HTMLTextAreaElement): Promise<void> {
    event.preventDefault();
    const { text, label, file } = this.#draft;
    if (text.trim() === "" && !file) return;
    if (new TextEncoder().encode(label).length > LABEL_LIMIT) {
      this.#outcome.fail(t("too_long_label"));
      return;
    }
    const sent = await this.#outcome.attempt(async () => {
      await this.session.send(this.contactId, text.trim(), file, label.trim());
      return true;
    });
    if (!sent) return;
    this.#draft.text = "";
    this.#draft.file = null;
    textarea.value = "";
    const contact = this.session.contact(this.contactId);
    if (contact) this.update(contact);
  }
}
