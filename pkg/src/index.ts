/** Private clinical messaging for web portals. Nothing runs at import: `await init()` first. */

export type { Content } from "./arguments.js";
export { init } from "./module/core.js";
export type { InitOptions } from "./module/wasm-module.js";
export type { ModuleSource } from "./module/load.js";
export { capabilities, probeCapabilities, type Capabilities } from "./module/capabilities.js";
export { TesseraError, isTesseraError, type ErrorCode, type TesseraErrorOptions } from "./errors.js";

export { Portal } from "./portal/portal.js";
export { checkInvitation } from "./portal/invitation.js";
export type { DiscardOptions, FiledMessage, Filing, MessageFiling, Unfiled } from "./portal/filing.js";
export type { PortalVault } from "./portal/vault.js";
export type { ReadOnlyPortal } from "./portal/read-only.js";
export type { AuditLog } from "./audit/log.js";
export { verifyEvidence } from "./audit/evidence.js";
export { verifyAuditExport, type AuditVerdict, type AuditVerdictOptions } from "./audit/verify.js";
export { EmergencySession, shareQrSvg } from "./vault/emergency-access.js";
export {
  CONFLICT,
  memoryStore,
  type Store,
  type StoreChange,
  type StoreLockOptions,
  type StoreSnapshot,
} from "./store/store.js";
export { destroyVault } from "./vault/destroy.js";
export { indexedDbStore } from "./store/indexeddb.js";
export { httpRelay, type RelayClient, type RelayOptions, type RelayRequest } from "./relay/client.js";
export type { PortalEvent, PortalEvents } from "./portal/events.js";
export type * from "./portal/types.js";
