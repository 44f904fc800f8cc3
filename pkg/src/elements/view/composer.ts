/** Writing: text, photos and files as one message, and when a large one may leave. */

import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { Pace, Portal } from "../../index.js";
import { remembered } from "../../remembered.js";
import { FileTooLarge, PHOTO_TYPE, prepare, type PreparedFile } from "../media/prepare.js";
import { icon } from "./icons.js";
import { Action, foreign, View, type Host } from "./view.js";

/** Protocol §6: a session label has at most 48 bytes. */
const LABEL_LIMIT = 48;
/** What takes longer to leave quietly is for the person to decide. */
const LONG_S = 3600;
/** What a message costs besides its files. */
const OVERHEAD = 1024;

/** A picture that this browser cannot draw again: it is sent with all that a camera wrote into it. */
function isAsTaken({ contentType }: PreparedFile): boolean {
  return contentType.startsWith("image/") && contentType !== PHOTO_TYPE;
}

export class Composer extends View {
  readonly #contactId: string;
  readonly #action = new Action(this.host);
  readonly #previews = new Map<PreparedFile, string>();
  #text: string | null = null;
  #limit: number | null = null;
  /** Seconds until the message has left quietly, if that is long. */
  #wait: number | null = null;
  #pace: Pace = "steady";
  /** The size of which the time was asked last. */
  #estimated = -1;
  #dragging = false;
  #turn: Promise<unknown> = Promise.resolve();
  /** Messages that were sent here and are not in the vault yet: the draft there is theirs. */
  #leaving = 0;

  constructor(host: Host, contactId: string) {
    super(host);
    this.#contactId = contactId;
  }

  render(): TemplateResult {
    const { session } = this;
    const thread = session.thread(this.#contactId);
    if (thread.isSettled) this.#text ??= thread.draft;
    const files = session.drafts.files(this.#contactId);
    return html`<form class="composer" part="composer" data-testid="composer" ?data-dragging=${this.#dragging}
      @submit=${this.#submit} @paste=${this.#pasted} @dragover=${this.#dragOver} @dragleave=${this.#dragLeave} @drop=${this.#dropped}>
      <div class="about">
        ${files.length > 0 ? html`<ul class="picked" aria-label=${this.t("attached")}>${files.map((file) => this.#picked(file))}</ul>` : nothing}
        ${this.#wait === null ? nothing : this.#paceChoice(this.#wait)}
        ${this.host.settings.hasLabels ? this.#label() : nothing}
      </div>
      ${this.#action.render()}
      <div class="write">
        <textarea rows="1" dir="auto" data-testid="compose-text" aria-label=${this.t("write_to", { name: session.contact(this.#contactId)?.name ?? "" })}
          placeholder=${this.t("write")} ?readonly=${!thread.isSettled} .value=${this.#text ?? ""} @input=${this.#typed} @keydown=${this.#key}></textarea>
        <div class="tools">
          <label class="button attach" title=${this.t("attach")}>
            ${icon("clip")}<span class="hidden-text">${this.t("attach")}</span>
            <input type="file" multiple class="file-input" data-testid="compose-file" aria-label=${this.t("attach")} @change=${this.#chosen} />
          </label>
          <label class="button attach" title=${this.t("take_photo")}>
            ${icon("camera")}<span class="hidden-text">${this.t("take_photo")}</span>
            <input type="file" accept="image/*" capture="environment" class="file-input" data-testid="compose-camera" aria-label=${this.t("take_photo")} @change=${this.#chosen} />
          </label>
          <button type="submit" class="primary send" data-testid="compose-send" aria-label=${this.t("send")} aria-disabled=${this.#action.isBusy}>${icon("send")}<span>${this.t("send")}</span></button>
        </div>
      </div>
    </form>`;
  }

  override updated(): void {
    void this.#estimate();
  }

  override close(): void {
    for (const url of this.#previews.values()) URL.revokeObjectURL(url);
    this.#previews.clear();
  }

  #label(): TemplateResult {
    const { session } = this;
    const typed = (event: InputEvent): void => {
      const { value } = event.target as HTMLInputElement;
      this.#kept(session.drafts.keepLabel(this.#contactId, value, session.portal));
    };
    const known = new Set(session.thread(this.#contactId).messages.map((message) => message.session));
    return html`<label class="visit"><span>${this.t("visit_optional")}</span>
      <input type="text" autocomplete="off" list="visits" data-testid="compose-label" placeholder=${this.t("visit_example")} .value=${live(session.drafts.label(this.#contactId))} @input=${typed} />
      <datalist id="visits">${[...known].flatMap((label) => (label ? html`<option value=${label}></option>` : []))}</datalist></label>`;
  }

  #picked(file: PreparedFile): TemplateResult {
    const size = this.host.words.size(file.blob.size);
    const remove = (): void => {
      const others = (): PreparedFile[] => this.session.drafts.files(this.#contactId).filter((other) => other !== file);
      void this.#inTurn(() => this.#keep(others()));
      this.find("textarea")?.focus();
    };
    return html`<li data-testid="attached">
      ${file.kind === "photo" ? html`<img src=${this.#preview(file)} alt=${this.t("your_photo")} />` : icon("file")}
      <span>${foreign(file.filename)} <span class="hint">${size}</span>${isAsTaken(file) ? html`<span class="hint note" data-testid="as-taken">${this.t("photo_as_taken")}</span>` : nothing}</span>
      <button type="button" class="quiet" data-testid="detach" @click=${remove}>${this.t("remove")}<span class="hidden-text"> ${file.filename}</span></button>
    </li>`;
  }

  #preview(file: PreparedFile): string {
    return remembered(this.#previews, file, () => URL.createObjectURL(file.blob));
  }

  #paceChoice(seconds: number): TemplateResult {
    const choice = (pace: Pace, label: string): TemplateResult =>
      html`<label class="check-field"><input type="radio" name="pace" data-testid="pace-${pace}" .checked=${this.#pace === pace} @change=${() => {
        this.#pace = pace;
      }} /> ${label}</label>`;
    return html`<fieldset class="field" data-testid="pace"><legend>${this.t("pace_question")}</legend>
      ${choice("steady", this.t("pace_quietly", { time: this.host.words.span(seconds) }))}
      ${choice("prompt", this.t("pace_now"))}</fieldset>`;
  }

  /** Asks how long the message takes whenever its size changes. */
  async #estimate(): Promise<void> {
    const files = this.session.drafts.files(this.#contactId);
    const bytes = files.reduce((sum, { blob }) => sum + blob.size, 0);
    if (bytes === this.#estimated || !this.session.isOpen) return;
    this.#estimated = bytes;
    let wait: number | null = null;
    if (bytes > 0) {
      // Without an answer from the message service, the person is not asked.
      const found = await this.session.portal.estimate(bytes, "steady").catch(() => null);
      wait = found !== null && found.seconds > LONG_S ? found.seconds : null;
    }
    if (wait === this.#wait) return;
    this.#wait = wait;
    if (wait === null) this.#pace = "steady";
    this.host.redraw();
  }

  #typed = (event: InputEvent): void => {
    this.#write((event.target as HTMLTextAreaElement).value);
  };

  /** Kept sealed on every key, so that a lock or a closed page loses nothing. */
  #write(text: string): void {
    const thread = this.session.thread(this.#contactId);
    const marks = (text === "") !== (thread.draft === "");
    this.#text = text;
    thread.draft = text;
    if (marks) this.host.redraw(); // the list says where a draft is
    if (this.#leaving === 0) this.#keepText();
  }

  #keepText(): void {
    this.#kept(this.session.portal.setDraft(this.#contactId, this.#text ?? ""));
  }

  #kept(keeping: Promise<void>): void {
    keeping.catch((error: unknown) => {
      if (this.session.isOpen) this.#action.fail(this.host.words.error(error));
    });
  }

  /** Adding files and sending, one after another: what is chosen or sent meanwhile is not lost. */
  #inTurn<T>(action: () => Promise<T>): Promise<T | undefined> {
    const done = this.#turn.then(() => this.#action.run(action));
    this.#turn = done;
    return done;
  }

  #key = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    (event.target as HTMLTextAreaElement).form?.requestSubmit();
  };

  #chosen = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = "";
    void this.#add(files);
  };

  #pasted = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void this.#add(files);
  };

  #dragOver = (event: DragEvent): void => {
    event.preventDefault();
    this.#drag(true);
  };

  #dragLeave = (): void => this.#drag(false);

  #dropped = (event: DragEvent): void => {
    event.preventDefault();
    this.#drag(false);
    void this.#add([...(event.dataTransfer?.files ?? [])]);
  };

  #drag(isOver: boolean): void {
    if (this.#dragging === isOver) return;
    this.#dragging = isOver;
    this.host.redraw();
  }

  async #add(files: readonly File[]): Promise<void> {
    const { words } = this.host;
    await this.#inTurn(async () => {
      this.#limit ??= (await this.session.portal.limits()).maxMessageBytes - OVERHEAD;
      for (const file of files) {
        const used = this.session.drafts.files(this.#contactId).reduce((sum, { blob }) => sum + blob.size, 0);
        try {
          const picked = await prepare(file, this.#limit - used);
          await this.#keep([...this.session.drafts.files(this.#contactId), picked]);
        } catch (error) {
          if (!(error instanceof FileTooLarge)) throw error;
          this.#action.fail(
            this.t("file_too_large", { name: file.name, size: words.size(file.size), limit: words.size(this.#limit) }),
            "MESSAGE_TOO_LARGE",
          );
        }
      }
    });
    this.find("textarea")?.focus();
  }

  /** Kept sealed like the text. */
  #keep(files: readonly PreparedFile[]): Promise<void> {
    return this.session.drafts.keep(this.#contactId, files, this.session.portal);
  }

  #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const { session } = this;
    const label = this.host.settings.hasLabels ? session.drafts.label(this.#contactId).trim() : "";
    if (new TextEncoder().encode(label).length > LABEL_LIMIT) {
      this.#action.fail(this.t("visit_too_long"));
      return;
    }
    // The field is free at once: what is typed from now on belongs to the next message.
    const text = (this.#text ?? "").trim();
    this.#leaving += 1;
    this.#write("");
    const isSent = await this.#inTurn(() => this.#send(text, label));
    this.#leaving -= 1;
    if (!session.isOpen) return;
    if (isSent === undefined) {
      this.#write([text, this.#text].filter(Boolean).join("\n"));
      this.host.redraw();
    } else if (this.#text !== "" && this.#leaving === 0) this.#keepText();
    if (isSent !== true) return;
    this.close();
    this.host.announce(this.t("state_queued"));
    this.find("textarea")?.focus();
  };

  /** Sends the text with the files that are picked now; nothing if there is neither. */
  async #send(text: string, label: string): Promise<boolean> {
    const { session } = this;
    const files = session.drafts.files(this.#contactId);
    if (text === "" && files.length === 0) return false;
    let isSent = false;
    const send = async (portal: Portal): Promise<void> => {
      await portal.send(this.#contactId, {
        text: text === "" ? null : text,
        attachments: files.map(({ blob, contentType, filename }) => ({ body: blob, contentType, filename })),
        ...(label === "" ? {} : { session: label }),
        ...(this.#wait === null ? {} : { pace: this.#pace }),
      });
      isSent = true;
      session.drafts.sent(this.#contactId, label);
    };
    // A view that could not be read afterwards does not make it unsent.
    await session.act(send, this.#contactId).catch((error: unknown) => {
      if (!isSent) throw error;
    });
    return true;
  }
}
