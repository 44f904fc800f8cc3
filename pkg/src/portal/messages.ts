/** Reading messages, in a portal, a vault that is only read, or an emergency access. */

import type { BareMessage } from "./engine.js";
import type { EngineHost } from "./engine-host.js";
import type { Message, MessagesOptions } from "./types.js";
import { integer, options as known, text } from "../arguments.js";

const DEFAULT_LIMIT = 50;
/** Opened under the page's origin, a document of these types could run what its sender wrote. */
const RUN_BY_BROWSERS = /html|xml|xsl|script|multipart|rfc822/i;
const MOST = 10_000;

/** Messages with a contact, the newest last. */
export async function readMessages(
  engine: () => EngineHost,
  contactId: string,
  options: MessagesOptions,
): Promise<Message[]> {
  const contact = text(contactId, "contactId");
  const { before, limit } = known(options, "options", ["before", "limit"]);
  const until = before === undefined ? undefined : text(before, "before");
  const most = limit === undefined ? DEFAULT_LIMIT : integer(limit, "limit", 1, MOST);
  const host = engine();
  const found = await host.readFirst((engine, now) => engine.messages(contact, until, most, now));
  return Promise.all(found.map(async (message) => asMessage(await host.withText(message), engine)));
}

/** A message as the page gets it: each attachment reads its own range of the stored body. */
export function asMessage(bare: BareMessage, engine: () => EngineHost): Message {
  const { textAt: _, size, text = null, attachments, ...message } = bare;
  return {
    ...message,
    text,
    body: async () => engine().body(message.id, 0, size),
    attachments: attachments.map(({ offset, ...file }) => {
      const body = async (): Promise<Uint8Array> => engine().body(message.id, offset, file.size);
      const type = RUN_BY_BROWSERS.test(file.contentType) ? "application/octet-stream" : file.contentType;
      const blob = async (): Promise<Blob> => new Blob([(await body()) as Uint8Array<ArrayBuffer>], { type });
      return { ...file, body, blob };
    }),
  };
}
