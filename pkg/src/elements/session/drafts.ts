/** Files and the label of a visit for a message that was not sent yet: in the vault, sealed, and here as long as it is open. */

import type { DraftFile, Portal } from "../../index.js";
import type { PreparedFile } from "../media/prepare.js";
import { kindOf } from "./content.js";

type Source = Pick<Portal, "draftFiles" | "draftSession">;
type Keeper = Pick<Portal, "setDraftFiles" | "setDraftSession">;

export class Drafts {
  readonly #files = new Map<string, readonly PreparedFile[]>();
  readonly #labels = new Map<string, string>();

  files(contactId: string): readonly PreparedFile[] {
    return this.#files.get(contactId) ?? [];
  }

  /** The label of the visit, as it was typed. */
  label(contactId: string): string {
    return this.#labels.get(contactId) ?? "";
  }

  /** Reads once what the vault holds. */
  async load(contactId: string, source: Source): Promise<void> {
    if (this.#files.has(contactId)) return;
    const [found, label] = [await source.draftFiles(contactId), await source.draftSession(contactId)];
    if (!this.#files.has(contactId)) this.#files.set(contactId, found.map(prepared));
    if (!this.#labels.has(contactId)) this.#labels.set(contactId, label);
  }

  /** Shows this label, and keeps it. */
  keepLabel(contactId: string, label: string, keeper: Keeper): Promise<void> {
    this.#labels.set(contactId, label);
    return keeper.setDraftSession(contactId, label);
  }

  /** Keeps these files, then shows them: what is shown as removed is removed. If the vault has no room, they stay until the page is closed. */
  async keep(contactId: string, files: readonly PreparedFile[], keeper: Keeper): Promise<void> {
    const given = files.map(({ blob, contentType, filename }) => ({ body: blob, contentType, filename }));
    try {
      await keeper.setDraftFiles(contactId, given);
    } finally {
      if (this.#files.has(contactId)) this.#files.set(contactId, files); // else a lock took all off the page meanwhile
    }
  }

  /** They were sent, which took them out of the vault; a label that was typed meanwhile is that of the next message. */
  sent(contactId: string, label: string): void {
    this.#files.set(contactId, []);
    if (this.label(contactId).trim() === label) this.#labels.set(contactId, "");
  }

  forget(): void {
    this.#files.clear();
    this.#labels.clear();
  }
}

function prepared({ contentType, filename, body }: DraftFile): PreparedFile {
  const blob = new Blob([body as Uint8Array<ArrayBuffer>], { type: contentType });
  return { blob, contentType, filename: filename ?? "", kind: kindOf({ contentType }) };
}
