/** Files that were picked for a message and not sent yet. They came from the person's own disk, so a lock keeps them. */

import type { PreparedFile } from "../media/prepare.js";

export class Drafts {
  readonly #files = new Map<string, readonly PreparedFile[]>();
  /** The label of a visit, as typed. */
  readonly labels = new Map<string, string>();

  files(contactId: string): readonly PreparedFile[] {
    return this.#files.get(contactId) ?? [];
  }

  add(contactId: string, files: readonly PreparedFile[]): void {
    this.#files.set(contactId, [...this.files(contactId), ...files]);
  }

  remove(contactId: string, file: PreparedFile): void {
    this.#files.set(
      contactId,
      this.files(contactId).filter((other) => other !== file),
    );
  }

  clear(contactId: string): void {
    this.#files.delete(contactId);
  }
}
