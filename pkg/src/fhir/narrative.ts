/** The plain text of a narrative (`text.div`). It is foreign markup: what comes out is letters only, never markup. */

import { object, text } from "./json.js";
import type { JsonObject } from "./scanner.js";

/** Maximum length of markup that is read; the resulting text is bounded like all foreign text. */
const MAX_MARKUP = 100_000;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

export function hasNarrative(resource: JsonObject): boolean {
  return text(object(resource["text"])?.["div"]) !== null;
}

export function narrativeText(resource: JsonObject): string | null {
  const markup = text(object(resource["text"])?.["div"]);
  if (markup === null) return null;
  const letters = markup
    .slice(0, MAX_MARKUP)
    .replace(/<!--[\s\S]*?(?:-->|$)|<(script|style)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, "")
    .replace(/\s+/g, " ")
    .replace(/<(?:br|\/?(?:p|div|tr|li|h[1-6]|table|ul|ol|pre|dl|dt|dd|hr))\b[^>]*>/gi, "\n")
    .replace(/<\/t[dh]\s*>/gi, "\t")
    .replace(/<[^>]*(?:>|$)/g, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{2,4}));/gi, decoded)
    .replace(/[ \t]*\n\s*/g, "\n")
    .replace(/[ \u00a0]{2,}/g, " ")
    .trim();
  return letters === "" ? null : letters;
}

function decoded(entity: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES[name.toLowerCase()] ?? entity;
  const point = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
  return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : "\ufffd";
}
