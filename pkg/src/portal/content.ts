/** What `send` takes, checked before anything is done with it. */

import type { OutgoingContent } from "./types.js";
import { bytes, content, options as known, text } from "../arguments.js";
import { invalid } from "../errors.js";

const TEXT_TYPE = "text/plain";

/** Either a text, or a body with its content type; what would be left out is refused. */
export function outgoing(message: OutgoingContent): {
  contentType: string;
  body: Uint8Array;
  filename?: string;
  session?: string;
} {
  const given = known<Partial<Record<(typeof NAMES)[number], unknown>>>(message, "message", NAMES);
  const session = given.session === undefined ? {} : { session: text(given.session, "session") };
  if (given.text !== undefined) {
    const other = BODY_NAMES.find((name) => given[name] !== undefined);
    if (other !== undefined) throw invalid(`text and ${other} are both given: a message is a text or a body`);
    return { contentType: TEXT_TYPE, body: content(text(given.text, "text"), "text"), ...session };
  }
  const filename = given.filename === undefined ? {} : { filename: text(given.filename, "filename") };
  return {
    contentType: text(given.contentType, "contentType"),
    body: bytes(given.body, "body"),
    ...filename,
    ...session,
  };
}

const BODY_NAMES = ["contentType", "body", "filename"] as const;
const NAMES = ["text", ...BODY_NAMES, "session"] as const;
