/** Errors with stable codes. A message never holds a secret, patient data or a value that was passed. */

/** Every code with whether the same call may succeed later. The table is the core's; a test holds the two together. */
const RETRYABLE = {
  NOT_AUTHENTIC: false,
  MALFORMED: false,
  INVALID_ARGUMENT: false,
  INVALID_KEY: false,
  MESSAGE_TOO_LARGE: false,
  REPLAYED: false,
  STALE: false,
  FRAGMENT_CONFLICT: false,
  MESSAGE_INCOMPLETE: false,
  INVITATION_MALFORMED: false,
  INVITATION_INCOMPLETE: false,
  INVITATION_EXPIRED: false,
  INVITATION_USED: false,
  INVITATION_UNKNOWN: false,
  INVITATION_OWN: false,
  RELAY_MISMATCH: false,
  UNEXPECTED_IDENTITY: false,
  COMMITMENT_MISMATCH: false,
  CONTACT_UNKNOWN: false,
  CONTACT_PENDING: false,
  CONTACT_SUSPECT: false,
  SAS_NOT_READY: true,
  MESSAGE_UNKNOWN: false,
  EVIDENCE_MISSING: false,
  MESSAGE_UNFILED: false,
  MESSAGE_SENT: false,
  CLOCK_BEHIND: true,
  CLOCK_SKEW: true,
  VAULT_MISSING: false,
  VAULT_EVICTED: false,
  VAULT_IN_USE: true,
  VAULT_VERSION: false,
  WRONG_PASSPHRASE: false,
  VAULT_DAMAGED: false,
  BACKUP_MALFORMED: false,
  BACKUP_VERSION: false,
  STORE_NOT_EMPTY: false,
  DEVICE_SUPERSEDED: false,
  RECOVERY_CODE_MALFORMED: false,
  EMERGENCY_ACCESS_ENDED: false,
  LOCKED: false,
  STORE_CONFLICT: false,
  STORE_FAILED: true,
  STORE_FULL: true,
  SHARES_INVALID: false,
  AUDIT_INVALID: false,
  RELAY_UNREACHABLE: true,
  RELAY_BUSY: true,
  RELAY_FULL: true,
  RELAY_REFUSED: false,
  UNAUTHORIZED: false,
  NOT_FOUND: true,
  RETENTION_PASSED: false,
  WINDOW_MISMATCH: true,
  RELAY_PROTOCOL: true,
  BATCH_INVALID: true,
  LIGHT_READ_FAILED: true,
  MIRROR_UNREACHABLE: true,
  EQUIVOCATION: false,
  STALLED: true,
  RELAY_TIME: false,
  RELAY_CHANGED: false,
  RECORD_UNREACHABLE: true,
  RECORD_UNSUPPORTED: false,
  RECORD_REFUSED: false,
  RECORD_AMBIGUOUS: false,
  NOT_INITIALIZED: false,
  WASM_UNAVAILABLE: true,
  UNSUPPORTED: false,
  DISPOSED: false,
  ABORTED: true,
  INTERNAL: false,
} as const;

/** A stable error code; never renamed once published. */
export type ErrorCode = keyof typeof RETRYABLE;

/** Shared by all realms of an agent, and by two copies of this package. */
const BRAND = Symbol.for("tessera-portal.error");

export interface TesseraErrorOptions {
  readonly cause?: unknown;
  /** Seconds the relay asks to wait. */
  readonly retryAfter?: number;
  /** `false` if repeating the call cannot help, whatever the code, because its object has ended. */
  readonly retryable?: false;
  /** Who has the vault open: this page itself, or another tab, window or worker. */
  readonly heldBy?: "page" | "elsewhere";
}

/** What every call of this package throws or rejects with. */
export class TesseraError extends Error {
  /** What went wrong, for programs. */
  declare readonly code: ErrorCode;
  /** Whether the same call may succeed later without any change. */
  declare readonly retryable: boolean;
  /** Seconds the relay asks to wait, if it said so. */
  declare readonly retryAfter?: number;
  /** With `VAULT_IN_USE`: whether this page itself has the vault open, or another tab, window or worker. */
  declare readonly heldBy?: "page" | "elsewhere";

  constructor(code: ErrorCode, message: string, options: TesseraErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    Object.defineProperties(this, {
      name: { value: "TesseraError", configurable: true },
      code: { value: code, enumerable: true },
      retryable: { value: options.retryable ?? RETRYABLE[code], enumerable: true },
      [BRAND]: { value: true },
    });
    for (const detail of ["retryAfter", "heldBy"] as const) {
      const value = options[detail];
      if (value !== undefined) Object.defineProperty(this, detail, { value, enumerable: true });
    }
  }
}

/** Whether a value is a `TesseraError`, also one of another realm (a frame, a `vm` context) or another copy of this package. */
export function isTesseraError(value: unknown): value is TesseraError {
  return typeof value === "object" && value !== null && (value as Record<symbol, unknown>)[BRAND] === true;
}

/** Turns any thrown value into a `TesseraError`; errors of the core already have a code. */
export function asTesseraError(
  thrown: unknown,
  fallback: ErrorCode = "INTERNAL",
  message = "an unexpected failure",
): TesseraError {
  if (isTesseraError(thrown)) return thrown;
  if (thrown instanceof Error && thrown.name === "TesseraError" && "code" in thrown && isErrorCode(thrown.code)) {
    const retryAfter =
      "retryAfter" in thrown && typeof thrown.retryAfter === "number" ? { retryAfter: thrown.retryAfter } : {};
    const cause = thrown.cause === undefined ? {} : { cause: thrown.cause };
    return new TesseraError(thrown.code, thrown.message, { ...cause, ...retryAfter });
  }
  return new TesseraError(fallback, message, { cause: thrown });
}

/** The same failure, as the end of the object that it happened to: no call on it can succeed again. */
export function asEnd(error: TesseraError): TesseraError {
  if (!error.retryable) return error;
  const cause = error.cause === undefined ? {} : { cause: error.cause };
  return new TesseraError(error.code, error.message, { ...cause, retryable: false });
}

function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(RETRYABLE, value);
}

export function invalid(message: string): TesseraError {
  return new TesseraError("INVALID_ARGUMENT", message);
}
