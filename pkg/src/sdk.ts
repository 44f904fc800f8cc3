/**
 * The SDK level, without a portal: proofs under blinded names, encryption to one recipient, MedCrypt texts, shares of a secret,
 * buckets. It has a WebAssembly module of its own. Nothing runs at import: `await init()` first.
 */

export type { Content } from "./arguments.js";
export { init } from "./module/sdk.js";
export type { InitOptions } from "./module/wasm-module.js";
export type { ModuleSource } from "./module/load.js";
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
  type ProofOptions,
  type SessionOptions,
} from "./sdk/proofs.js";
export * as medcrypt from "./medcrypt/index.js";
export * as emergency from "./sdk/emergency.js";
