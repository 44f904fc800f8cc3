/** Custom elements. Importing this defines them: `<tessera-portal>`, and its parts for hosts that lay out the page themselves. */

import { TesseraPortal } from "./portal-element.js";
import {
  TesseraAudit,
  TesseraConnect,
  TesseraInbox,
  TesseraPrivacy,
  TesseraSafety,
  TesseraThread,
} from "./single-elements.js";
import { TesseraText } from "./text-element.js";

const ELEMENTS = {
  "tessera-portal": TesseraPortal,
  "tessera-inbox": TesseraInbox,
  "tessera-thread": TesseraThread,
  "tessera-connect": TesseraConnect,
  "tessera-safety": TesseraSafety,
  "tessera-audit": TesseraAudit,
  "tessera-privacy": TesseraPrivacy,
  "tessera-text": TesseraText,
} as const;

// Another copy of the package may have defined them.
for (const [name, element] of Object.entries(ELEMENTS))
  if (customElements.get(name) === undefined) customElements.define(name, element);

declare global {
  interface HTMLElementTagNameMap {
    "tessera-portal": TesseraPortal;
    "tessera-inbox": TesseraInbox;
    "tessera-thread": TesseraThread;
    "tessera-connect": TesseraConnect;
    "tessera-safety": InstanceType<typeof TesseraSafety>;
    "tessera-audit": InstanceType<typeof TesseraAudit>;
    "tessera-privacy": InstanceType<typeof TesseraPrivacy>;
    "tessera-text": TesseraText;
  }
}

export * from "./portal-element.js";
export * from "./single-elements.js";
export * from "./text-element.js";
export { takeOfferedInvitation, type Offered } from "./session/invitation-text.js";
export type { AlertKind } from "./session/alerts.js";
export type { Level } from "./view/banners.js";
export type { Route } from "./view/view.js";
export type { Strings, TextKey } from "./words/language.js";

/** `tessera-unread`: how many messages were not read. Never from whom, never what. */
export type UnreadEvent = CustomEvent<{ readonly count: number }>;
/** `tessera-alert`: something needs a look. */
export type AlertEvent = CustomEvent<{
  readonly kind: import("./session/alerts.js").AlertKind | "condition";
  readonly level: import("./view/banners.js").Level;
}>;
