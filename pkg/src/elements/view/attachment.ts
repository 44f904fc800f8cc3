/** A file in a message: a photo is shown, a result is read, a PDF is opened by itself; everything can be saved. */

import { html, nothing, type TemplateResult } from "lit";
import type { Attachment } from "../../index.js";
import { openPdf, saveFile } from "../media/files.js";
import { kindOf, saveName } from "../session/content.js";
import { boundary } from "./boundary.js";
import { icon } from "./icons.js";
import { foreign, Part } from "./view.js";

/** What an attachment holds, read once. */
type Loaded = Uint8Array | "loading" | "failed";

/** Results are drawn by code of their own, which only people who get one download. */
let showResult: Awaited<ReturnType<typeof import("./rare.js").readableResults>> | null = null;

export class Attachments extends Part {
  /** By the place of the file: its message's id and its number. */
  readonly #loaded = new Map<string, Loaded>();
  readonly #pictures = new Map<string, string>();
  /** Changes whenever something that is drawn here has changed. */
  version = 0;

  file(place: string, file: Attachment, from: string): TemplateResult {
    const kind = kindOf(file);
    return html`<div class="file" data-testid="file" data-kind=${kind}>
      ${boundary(
        () => this.#content(place, file, from),
        () => this.#note(this.t("cannot_show")),
      )}
      <div class="row">
        ${kind === "pdf" ? html`<button type="button" class="quiet" data-testid="open-pdf" @click=${() => this.#give(file, openPdf)}>${this.t("open")}</button>` : nothing}
        <button type="button" class="quiet" data-testid="download" @click=${() => this.#give(file, (bytes) => saveFile(bytes, saveName(file), file.contentType))}>
          ${icon("down")} ${this.t("save_file", { size: this.host.words.size(file.size) })}
        </button>
      </div>
    </div>`;
  }

  close(): void {
    for (const url of this.#pictures.values()) URL.revokeObjectURL(url);
    this.#pictures.clear();
    this.#loaded.clear();
  }

  #content(place: string, file: Attachment, from: string): TemplateResult {
    const kind = kindOf(file);
    if (kind === "pdf" || kind === "other")
      return html`<p class="file-name">${icon("file")} ${foreign(saveName(file))}</p>`;
    const loaded = this.#read(place, file);
    if (loaded === "loading") return html`<p class="hint">${this.t("loading")}</p>`;
    if (loaded === "failed") return this.#note(this.t("file_damaged"));
    if (kind === "photo") return this.#photo(place, file, loaded, from);
    if (showResult !== null) return showResult(loaded, saveName(file), this.host);
    void import("./rare.js").then(async ({ readableResults }) => {
      showResult = await readableResults();
      this.#changed();
    });
    return html`<p class="hint">${this.t("loading")}</p>`;
  }

  #photo(place: string, { contentType }: Attachment, bytes: Uint8Array, from: string): TemplateResult {
    const url = this.#pictures.get(place) ?? URL.createObjectURL(new Blob([bytes as BlobPart], { type: contentType }));
    if (url === "") return this.#note(this.t("cannot_show"));
    this.#pictures.set(place, url);
    const unreadable = (): void => {
      URL.revokeObjectURL(url);
      this.#pictures.set(place, "");
      this.#changed();
    };
    return html`<img class="photo" data-testid="photo" src=${url} alt=${this.t("photo_from", { name: from })} @error=${unreadable} />`;
  }

  #changed(): void {
    this.version += 1;
    this.host.redraw();
  }

  #note(text: string): TemplateResult {
    return html`<p class="unreadable" data-testid="unreadable">${text}</p>`;
  }

  #read(place: string, file: Attachment): Loaded {
    const known = this.#loaded.get(place);
    if (known !== undefined) return known;
    this.#loaded.set(place, "loading");
    const keep = (loaded: Loaded): void => {
      this.#loaded.set(place, loaded);
      this.#changed();
    };
    file.body().then(keep, () => keep("failed"));
    return "loading";
  }

  /** Gives the person what a file holds. */
  async #give(file: Attachment, use: (bytes: Uint8Array) => void): Promise<void> {
    const bytes = await file.body().catch(() => null);
    if (bytes === null) this.host.announce(this.t("file_damaged"));
    else use(bytes);
  }
}
