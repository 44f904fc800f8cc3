/** Private clinical messaging for web portals. Nothing runs at import: `await init()` first. */

export { init, type InitOptions } from "./module/init.js";
export { capabilities, probeCapabilities, type Capabilities } from "./module/capabilities.js";
export { TesseraError, isTesseraError, type ErrorCode, type TesseraErrorOptions } from "./errors.js";

export {
  BlindedSender,
  BlindedVerifier,
  SecureEncryption,
  Sender,
  Verifier,
  computeBucket,
  fingerprint,
  type BatchItem,
  type Content,
  type ProofOptions,
  type SessionOptions,
} from "./sdk/proofs.js";
export * as medcrypt from "./medcrypt/index.js";
export * as emergency from "./sdk/emergency.js";

export { Portal } from "./portal/portal.js";
export type { PortalVault } from "./portal/vault.js";
export type { ReadOnlyPortal } from "./portal/read-only.js";
export type { AuditLog } from "./audit/log.js";
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
