/** Hooks, and the custom elements as components, for React 18 and later. Entry `tessera-portal/react`. */

export { usePortal, type PortalState, type UsePortal } from "./use-portal.js";
export { useContacts, useMessages, type Listed, type ListedMessages } from "./use-lists.js";
export {
  TesseraAudit,
  TesseraConnect,
  TesseraInbox,
  TesseraPortal,
  TesseraPrivacy,
  TesseraSafety,
  TesseraText,
  TesseraThread,
  type ElementEvents,
  type ElementProps,
} from "./elements.js";
