/** Files that were picked for a message and not sent yet: in the vault, sealed, and here as long as it is open. */

import type { DraftFile, Portal } from "../../index.js";
import type { PreparedFile } from "../media/prepare.js";
import { kindOf } from "./content.js";

type Source = Pick<Portal, "draftFiles">;
type Keeper = Pick<Portal, "setDraftFiles">;

export class Drafts {
  readonly #files = new Map<string, readonly PreparedFile[]>();
  /** The label of a visit, as typed. */
  readonly labels = new Map<string, string>();

  files(contactId: string): readonly PreparedFile[] {
    return this.#files.get(contactId) ?? [];
  }

  /** Reads once what the vault holds. */
  async load(contactId: string, source: Source): Promise<void> {
    if (this.#files.has(contactId)) return;
    const found = await source.draftFiles(contactId);
    if (!this.#files.has(contactId)) this.#files.set(contactId, found.map(prepared));
  }

  /** Shows these files, and keeps them; if the vault has no room, only until the page is closed. */
  async keep(contactId: string, files: readonly PreparedFile[], keeper: Keeper): Promise<void> {
    this.#files.set(contactId, files);
    await keeper.setDraftFiles(
      contactId,
      files.map(({ blob, contentType, filename }) => ({ body: blob, contentType, filename })),
    );
  }

  /** They were sent, which took them out of the vault. */
  sent(contactId: string): void {
    this.#files.set(contactId, []);
  }

  forget(): void {
    this.#files.clear();
    this.labels.clear();
  }
}

function prepared({ contentType, filename, body }: DraftFile): PreparedFile {
  const blob = new Blob([body as Uint8Array<ArrayBuffer>], { type: contentType });
  return { blob, contentType, filename: filename ?? "", kind: kindOf({ contentType }) };
}
