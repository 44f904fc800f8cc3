/** What `send` takes, checked before anything is done with it. */

import { requirePace } from "./options.js";
import type { OutgoingAttachment, OutgoingContent, Pace } from "./types.js";
import { bytes, content, kindOf, object, options as known, signal as requireSignal, text } from "../arguments.js";
import { TesseraError, invalid } from "../errors.js";

/** Content type, file name, bytes, and whether the name is that of a file that was picked. */
export type EngineAttachment = readonly [string, string | null, Uint8Array, boolean];

/** What is sent, as the engine takes it. */
export interface EngineContent {
  readonly text: Uint8Array | undefined;
  readonly attachments: readonly EngineAttachment[];
}

/** A message that is going to be sent. */
export interface Outgoing {
  readonly session: string | undefined;
  readonly pace: Pace | undefined;
  readonly signal: AbortSignal | undefined;
  /** Bytes of the text and the files. */
  readonly size: number;
  /** Reads the files. */
  read(): Promise<EngineContent>;
}

export function outgoing(message: OutgoingContent): Outgoing {
  const given = known<OutgoingContent>(message, "message", ["text", "attachments", "session", "pace", "signal"]);
  const session = given.session === undefined ? undefined : text(given.session, "session");
  const typed = (given.text ?? null) === null ? undefined : content(text(given.text, "text"), "text");
  const files = listedFiles(given.attachments ?? [], "attachments");
  if (typed === undefined && files.length === 0) throw invalid("text and attachments are both missing");
  return {
    session,
    pace: given.pace === undefined ? undefined : requirePace(given.pace),
    signal: requireSignal(given.signal, "signal"),
    size: files.reduce((size, file) => size + file.size, typed?.length ?? 0),
    read: async () => ({ text: typed, attachments: await Promise.all(files.map((file) => file.read())) }),
  };
}

/** The files of a draft, read. */
export function draftFiles(listed: unknown): Promise<EngineAttachment[]> {
  return Promise.all(listedFiles(listed, "files").map((file) => file.read()));
}

function listedFiles(listed: unknown, name: string): OutgoingFile[] {
  if (!Array.isArray(listed)) throw invalid(`${name} is not an array`);
  return listed.map((file: unknown, index) => new OutgoingFile(file, `${name}[${index}]`));
}

/** A `File` or `Blob`, or bytes with their type. */
class OutgoingFile {
  readonly size: number;
  readonly #at: string;
  readonly #contentType: string;
  readonly #filename: string | null;
  readonly #body: Uint8Array | Blob;
  readonly #picked: boolean;

  constructor(file: unknown, at: string) {
    this.#at = at;
    this.#picked = isBlob(file);
    if (isBlob(file)) {
      const { name } = file as Partial<File>;
      this.#contentType = file.type === "" ? "application/octet-stream" : file.type;
      this.#filename = typeof name === "string" && name !== "" ? name : null;
      this.#body = file;
    } else {
      const given = known(object(file, at) as unknown as OutgoingAttachment, at, ["contentType", "body", "filename"]);
      this.#contentType = text(given.contentType, `${at}.contentType`);
      this.#filename = (given.filename ?? null) === null ? null : text(given.filename, `${at}.filename`);
      this.#body = isBlob(given.body) ? given.body : bytes(given.body, `${at}.body`);
    }
    this.size = isBlob(this.#body) ? this.#body.size : this.#body.length;
  }

  async read(): Promise<EngineAttachment> {
    const body = isBlob(this.#body) ? await this.#readBlob(this.#body) : this.#body;
    // Memory that was transferred away since it was checked would be sent as an empty file.
    if (body.length !== this.size) throw invalid(`${this.#at}.body changed while it was being sent`);
    return [this.#contentType, this.#filename, body, this.#picked];
  }

  async #readBlob(blob: Blob): Promise<Uint8Array> {
    try {
      return new Uint8Array(await blob.arrayBuffer());
    } catch (cause) {
      throw new TesseraError("INVALID_ARGUMENT", `${this.#at} cannot be read`, { cause });
    }
  }
}

function isBlob(value: unknown): value is Blob {
  return ["Blob", "File"].includes(kindOf(value));
}
