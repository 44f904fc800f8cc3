/** A file in a message: a photo is shown, a result is read, a PDF is opened by itself; everything can be saved. */

import { html, nothing, type TemplateResult } from "lit";
import type { Attachment } from "../../index.js";
import { openPdf, saveFile } from "../media/files.js";
import { kindOf, saveName } from "../session/content.js";
import { boundary } from "./boundary.js";
import { icon } from "./icons.js";
import { foreign, Part } from "./view.js";

/** What an attachment holds, read once. */
type Loaded = { readonly bytes: Uint8Array } | { readonly failed: true };

/** Results are drawn by code of their own, which only people who get one download. */
let showResult: Awaited<ReturnType<typeof import("./rare.js").readableResults>> | null = null;

export class Attachments extends Part {
  /** By the place of the file: its message's id and its number. */
  readonly #loaded = new Map<string, Loaded | "loading">();
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
        ${kind === "pdf" ? html`<button type="button" class="quiet" data-testid="open-pdf" @click=${() => this.#open(file)}>${this.t("open")}</button>` : nothing}
        <button type="button" class="quiet" data-testid="download" @click=${() => this.#save(file)}>
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
    if ("failed" in loaded) return this.#note(this.t("file_damaged"));
    if (kind === "photo") return this.#photo(place, file, loaded.bytes, from);
    if (showResult !== null) return showResult(loaded.bytes, saveName(file), this.host);
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

  #read(place: string, file: Attachment): Loaded | "loading" {
    const known = this.#loaded.get(place);
    if (known !== undefined) return known;
    this.#loaded.set(place, "loading");
    const keep = (loaded: Loaded): void => {
      this.#loaded.set(place, loaded);
      this.#changed();
    };
    file.body().then(
      (bytes) => keep({ bytes }),
      () => keep({ failed: true }),
    );
    return "loading";
  }

  async #save(file: Attachment): Promise<void> {
    const bytes = await this.#bytes(file);
    if (bytes !== null) saveFile(bytes, saveName(file), file.contentType);
  }

  async #open(file: Attachment): Promise<void> {
    const bytes = await this.#bytes(file);
    if (bytes !== null) openPdf(bytes);
  }

  async #bytes(file: Attachment): Promise<Uint8Array | null> {
    try {
      return await file.body();
    } catch {
      this.host.announce(this.t("file_damaged"));
      return null;
    }
  }
}
