/** One contact: how and when it was checked, its ID code, its files, printing and removing. */

import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { hex } from "../../bytes.js";
import type { Attachment, AuditEntry, Contact, Message, Portal } from "../../index.js";
import { saveFile } from "../media/files.js";
import { readBack } from "../session/alerts.js";
import { saveName, timeOf } from "../session/content.js";
import { icon } from "./icons.js";
import { initials } from "./inbox.js";
import { askToRemove } from "./parts.js";
import { Action, foreign, View, type Host } from "./view.js";

/** Files that are shown at first, and with each step back. */
const FILES = 20;
const PAGE = 100;

interface PersonFile {
  readonly key: string;
  readonly file: Attachment;
  readonly message: Message;
}

export class Person extends View {
  readonly #action = new Action(this.host);
  /** When the contact was checked; null if the log does not say. */
  #checkedAt: number | null = null;
  #files: readonly PersonFile[] = [];
  /** The message before which older files are looked for; null once all were read. */
  #before: string | null | undefined = undefined;

  constructor(
    host: Host,
    readonly contactId: string,
  ) {
    super(host);
    void this.#load();
  }

  render(): TemplateResult {
    const contact = this.session.contact(this.contactId);
    if (contact === undefined) return html``;
    const name = contact.name || this.t("new_person");
    return html`<div class="page person" data-testid="person">
      <p class="avatar large" aria-hidden="true">${initials(contact.name)}</p>
      <h2 class="title" tabindex="-1">${foreign(name)}</h2>
      <p data-testid="how-checked">${this.#how(contact, name)}</p>
      ${contact.device === 0 ? nothing : html`<p class="hint" data-testid="person-device">${this.t("their_device", { name, index: contact.device })}</p>`}
      ${contact.fingerprint === null ? nothing : html`<h3>${this.t("id_code")}</h3><p class="code id-code">${grouped(contact.fingerprint)}</p><p class="hint">${this.t("id_code_help", { name })}</p>`}
      ${this.#hasOlderDevice() ? html`<p class="unreadable" data-testid="older-device">${icon("warn")} ${this.t("alert_contactDevice", { name })}</p>` : nothing}
      ${this.#fileList()}
      ${this.#action.render()}
      <div class="row">
        <button type="button" data-testid="print-thread" @click=${() => this.#print(contact)}>${icon("print")} ${this.t("print_messages")}</button>
        <button type="button" class="danger" data-testid="remove-person" @click=${() => askToRemove(this.host, contact)}>${this.t("remove_contact")}</button>
      </div>
    </div>`;
  }

  #how(contact: Contact, name: string): string {
    if (contact.state === "suspect") return this.t("how_blocked");
    if (contact.verified === null) return this.t("how_unchecked");
    const how = this.t(`how_${contact.verified}`, { name });
    if (this.#checkedAt === null) return how;
    return `${how} ${this.t("checked_on", { date: this.host.words.shortDay(this.#checkedAt) })}`;
  }

  #hasOlderDevice(): boolean {
    return this.session.alerts.history(this.contactId).some(({ kind }) => kind === "contactDevice");
  }

  #fileList(): TemplateResult | typeof nothing {
    if (this.#files.length === 0) return nothing;
    return html`<h3>${this.t("files_title")}</h3>
      <ul class="person-files wide" data-testid="person-files">${repeat(
        this.#files,
        ({ key }) => key,
        ({ file, message }) => html`<li class="row">
          <span>${foreign(saveName(file))}<span class="hint"> ${this.host.words.shortDay(timeOf(message))}</span></span>
          <button type="button" class="quiet" data-testid="person-file" @click=${() => this.#save(file)}>${icon("down")} ${this.t("save_file", { size: this.host.words.size(file.size) })}<span class="hidden-text"> ${saveName(file)}</span></button>
        </li>`,
      )}</ul>
      ${this.#before === null ? nothing : html`<button type="button" class="quiet" data-testid="older-files" @click=${() => this.#action.run(() => this.#readFiles(this.session.portal))}>${this.t("older_files")}</button>`}`;
  }

  async #load(): Promise<void> {
    if (!this.session.isOpen) return;
    const { portal } = this.session;
    await this.#action.run(async () => {
      this.#checkedAt = await timeOfCheck(portal, this.contactId);
      this.host.redraw();
      await this.#readFiles(portal);
    });
  }

  /** Goes back through the messages until there are enough more files to show. */
  async #readFiles(portal: Portal): Promise<void> {
    const wanted = this.#files.length + FILES;
    while (this.#before !== null && this.#files.length < wanted) {
      const before = this.#before;
      const page = await portal.messages(this.contactId, { limit: PAGE, ...(before === undefined ? {} : { before }) });
      this.#before = page.length < PAGE ? null : (page[0]?.id ?? null);
      const found = page
        .filter(({ state }) => state !== "held")
        .flatMap((message) =>
          message.attachments.map((file, index) => ({ key: `${message.id} ${index}`, file, message })),
        );
      this.#files = [...this.#files, ...found.reverse()];
    }
  }

  #save(file: Attachment): void {
    void this.#action.run(async () => saveFile(await file.body(), saveName(file), file.contentType));
  }

  #print(contact: Contact): void {
    void this.#action.run(async () => {
      const { printThread } = await import("./rare.js");
      await printThread(this.host, contact);
    });
  }
}

/** From the log, the newest entry first: a contact may have been checked long ago. */
async function timeOfCheck(portal: Portal, contactId: string): Promise<number | null> {
  const isCheck = ({ event, contact }: AuditEntry): boolean => event === "verified" && contact === contactId;
  const read = await readBack(portal.audit, (_, page) => page.some(isCheck));
  return read.filter(isCheck).at(-1)?.time ?? null;
}

/** Hex digits in fours. */
function grouped(bytes: Uint8Array): string {
  return hex(bytes).match(/.{4}/g)?.join(" ") ?? "";
}
