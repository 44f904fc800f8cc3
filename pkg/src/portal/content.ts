/** What `send` takes, checked before anything is done with it. */

import type { OutgoingContent } from "./types.js";
import { bytes, content, object, text } from "../arguments.js";

const TEXT_TYPE = "text/plain";

export function outgoing(message: OutgoingContent): {
  contentType: string;
  body: Uint8Array;
  filename?: string;
  session?: string;
} {
  const given = object(message, "message");
  const session = given["session"] === undefined ? {} : { session: text(given["session"], "session") };
  if (given["text"] !== undefined)
    return { contentType: TEXT_TYPE, body: content(text(given["text"], "text"), "text"), ...session };
  const filename = given["filename"] === undefined ? {} : { filename: text(given["filename"], "filename") };
  return {
    contentType: text(given["contentType"], "contentType"),
    body: bytes(given["body"], "body"),
    ...filename,
    ...session,
  };
}
