/** Private clinical messaging for web portals. Nothing runs at import: `await init()` first. */

export { init, type InitOptions } from "./init.js";
export { capabilities, probeCapabilities, type Capabilities } from "./capabilities.js";
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
} from "./sdk.js";
export * as medcrypt from "./medcrypt.js";
export * as emergency from "./emergency.js";

export { Portal } from "./portal.js";
export type { AuditLog } from "./audit.js";
export { verifyAuditExport, type AuditVerdict, type AuditVerdictOptions } from "./audit-verify.js";
export { RecoverySession, shareQrSvg } from "./recovery.js";
export {
  CONFLICT,
  memoryStore,
  type Store,
  type StoreChange,
  type StoreLockOptions,
  type StoreSnapshot,
} from "./store.js";
export { destroyVault } from "./shred.js";
export { indexedDbStore } from "./store-indexeddb.js";
export { httpRelay, type RelayClient, type RelayOptions, type RelayRequest } from "./relay.js";
export type { PortalEvents } from "./events.js";
export type * from "./types.js";
