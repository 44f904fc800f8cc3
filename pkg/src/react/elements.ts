/** The custom elements as components: properties and events as props, `slot` children as children. */

import { createElement, useEffect, useRef, type HTMLAttributes, type ReactElement, type ReactNode } from "react";
import type { AlertEvent, Route, UnreadEvent } from "../elements/index.js";

type Element = HTMLElementTagNameMap;

/** What every element takes. The element's own documentation says what each is. */
type Common =
  | "relay"
  | "vault"
  | "name"
  | "timeZone"
  | "idleMinutes"
  | "receiptDelayMinutes"
  | "emergencyNumber"
  | "phone"
  | "organization"
  | "inviteUrl"
  | "verifyUrl"
  | "visitLabels"
  | "strings"
  | "portal"
  | "backup";

type Properties<Tag extends keyof Element, Own extends keyof Element[Tag]> = Partial<
  Pick<Element[Tag], (Common & keyof Element[Tag]) | Own>
>;

export interface ElementEvents {
  /** How many messages were not read. */
  readonly onUnread?: (event: UnreadEvent) => void;
  /** Something needs a look. */
  readonly onAlert?: (event: AlertEvent) => void;
  /** Of an element that stands alone: where the person wants to go. */
  readonly onOpen?: (event: CustomEvent<Route>) => void;
}

export type ElementProps<Tag extends keyof Element, Own extends keyof Element[Tag] = never> = Properties<Tag, Own> &
  ElementEvents &
  Pick<HTMLAttributes<HTMLElement>, "className" | "id" | "lang" | "style"> & { readonly children?: ReactNode };

const EVENTS = { onUnread: "tessera-unread", onAlert: "tessera-alert", onOpen: "tessera-open" } as const;
const ATTRIBUTES = ["className", "id", "lang", "style", "children"];

/**
 * The elements are defined in the browser, after the first rendering: on a server there are none. Their properties are set as
 * properties, which React 18 does not do by itself.
 */
function component<Tag extends keyof Element, Own extends keyof Element[Tag] = never>(
  tag: Tag,
): (props: ElementProps<Tag, Own>) => ReactElement {
  // biome-ignore lint/correctness/noComponentHookFactories: called once for each element, below
  return function TesseraComponent(props) {
    const element = useRef<HTMLElement>(null);
    const { className, id, lang, style, children } = props;
    useEffect(() => void import("../elements/index.js"), []);
    useEffect(() => {
      const properties = Object.entries(props).filter(([name]) => !(name in EVENTS) && !ATTRIBUTES.includes(name));
      if (element.current !== null) Object.assign(element.current, Object.fromEntries(properties));
    });
    const { onUnread, onAlert, onOpen } = props;
    useEffect(() => {
      const shown = new AbortController();
      for (const [name, listener] of Object.entries({ onUnread, onAlert, onOpen })) {
        const type: string = EVENTS[name as keyof typeof EVENTS];
        if (listener) element.current?.addEventListener(type, listener as EventListener, { signal: shown.signal });
      }
      return () => shown.abort();
    }, [onUnread, onAlert, onOpen]);
    // React 18 knows `class`, not `className`, on custom elements; both versions take `class`.
    return createElement(tag, { ref: element, class: className, id, lang, style }, children);
  };
}

/** Everything: `<tessera-portal>`. */
export const TesseraPortal = component<"tessera-portal", "officer" | "acceptInvitations" | "notifications">(
  "tessera-portal",
);
export const TesseraInbox = component("tessera-inbox");
export const TesseraThread = component<"tessera-thread", "contact">("tessera-thread");
export const TesseraConnect = component("tessera-connect");
export const TesseraSafety = component("tessera-safety");
export const TesseraAudit = component("tessera-audit");
export const TesseraPrivacy = component("tessera-privacy");
/** MedCrypt texts for a messenger. It loads the module of the SDK level. */
export const TesseraText = component<"tessera-text", "secret" | "alias">("tessera-text");
