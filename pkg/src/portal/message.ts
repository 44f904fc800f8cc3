/** A message as the page gets it: each part reads its own range of the stored body. */

import type { BareMessage } from "./engine.js";
import type { Attachment, Message } from "./types.js";

const MESSAGE_TYPE = "application/vnd.tessera.message+cbor";

/** Reads a part of a message's body. */
export type ReadBody = (messageId: string, offset: number, size: number) => Promise<Uint8Array>;

export function asMessage(bare: BareMessage, read: ReadBody): Message {
  const { attachments: ranges, textAt, size: whole, ...message } = bare;
  const attachments = ranges.map(({ offset, ...file }): Attachment => {
    const body = () => read(message.id, offset, file.size);
    return {
      ...file,
      body,
      blob: async () => new Blob([(await body()) as Uint8Array<ArrayBuffer>], { type: file.contentType }),
    };
  });
  const [only] = attachments;
  if (textAt === null && only !== undefined && attachments.length === 1) {
    const { contentType, filename, size, body } = only;
    return { ...message, attachments, contentType, ...(filename === null ? {} : { filename }), size, body };
  }
  const [offset, size, contentType] =
    textAt !== null && only === undefined ? ([...textAt, "text/plain"] as const) : ([0, whole, MESSAGE_TYPE] as const);
  return { ...message, attachments, contentType, size, body: () => read(message.id, offset, size) };
}
