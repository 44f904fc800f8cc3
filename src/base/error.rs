//! The table of stable error codes.
//!
//! Each module has its own small error enum; each variant maps to one code in
//! this table, and only the code crosses to JavaScript. All failures that could
//! tell an attacker which secret check failed share one code:
//! [`ErrorCode::NotAuthentic`].

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retryable:literal;)*) => {
        /// A stable error code; `TesseraError.code` in JavaScript.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as `UPPER_SNAKE_CASE` text. It never changes once published.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The code with this text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }

            /// Returns `true` if the same call may succeed later.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }
        }
    };
}

/// Declares an error enum with the stable code of each variant: `Variant => Code`,
/// or `Variant(error) -> code` for that of the error inside.
macro_rules! coded {
    (
        $(#[$($about:tt)*])*
        $vis:vis enum $name:ident {$(
            $(#[$($doc:tt)*])*
            $variant:ident $(($($tuple:tt)*))? $({$($fields:tt)*})? $(=> $code:ident)? $(-> $inner:ident)?,
        )*}
    ) => {
        $(#[$($about)*])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[non_exhaustive]
        $vis enum $name {$(
            $(#[$($doc)*])*
            $variant $(($($tuple)*))? $({$($fields)*})?,
        )*}

        impl $name {
            /// The stable code.
            #[must_use]
            $vis const fn code(self) -> $crate::base::ErrorCode {
                match self {$(
                    $(Self::$variant { .. } => $crate::base::ErrorCode::$code,)?
                    $(Self::$variant(error) => error.$inner(),)?
                )*}
            }
        }

        impl From<$name> for $crate::base::ErrorCode {
            fn from(error: $name) -> Self {
                error.code()
            }
        }
    };
}

pub(crate) use coded;

codes! {
    /// A wrong key, altered bytes or an invalid proof. One code for all, so that
    /// it is no oracle.
    NotAuthentic = "NOT_AUTHENTIC", false;
    /// Bytes or text that do not follow the protocol's format.
    Malformed = "MALFORMED", false;
    /// An argument of the wrong type, length or range.
    InvalidArgument = "INVALID_ARGUMENT", false;
    /// A public key that the protocol refuses (identity, low order, non-canonical).
    InvalidKey = "INVALID_KEY", false;
    /// A message longer than the relay's limit.
    MessageTooLarge = "MESSAGE_TOO_LARGE", false;
    /// A session id that was accepted before, or a cell that was opened before.
    Replayed = "REPLAYED", false;
    /// A message older than the retention setting or more than 24 h ahead.
    Stale = "STALE", false;
    /// Fragments of one message that contradict each other.
    FragmentConflict = "FRAGMENT_CONFLICT", false;
    /// Some fragments of a message never arrived; it is not shown.
    MessageIncomplete = "MESSAGE_INCOMPLETE", false;
    /// Not a Tessera invitation, or an altered one.
    InvitationMalformed = "INVITATION_MALFORMED", false;
    /// A truncated invitation.
    InvitationIncomplete = "INVITATION_INCOMPLETE", false;
    /// The invitation has expired.
    InvitationExpired = "INVITATION_EXPIRED", false;
    /// Another person has answered this invitation.
    InvitationUsed = "INVITATION_USED", false;
    /// No open invitation has this id.
    InvitationUnknown = "INVITATION_UNKNOWN", false;
    /// The invitation was created by the same person.
    InvitationOwn = "INVITATION_OWN", false;
    /// The invitation names a relay other than the configured one.
    RelayMismatch = "RELAY_MISMATCH", false;
    /// The enrolled identity is not the expected one.
    UnexpectedIdentity = "UNEXPECTED_IDENTITY", false;
    /// The inviter's nonce does not open its commitment.
    CommitmentMismatch = "COMMITMENT_MISMATCH", false;
    /// No contact has this id.
    ContactUnknown = "CONTACT_UNKNOWN", false;
    /// The contact has not been verified yet; content waits.
    ContactPending = "CONTACT_PENDING", false;
    /// The contact is suspect; enrol again in person.
    ContactSuspect = "CONTACT_SUSPECT", false;
    /// The six digits are not known yet.
    SasNotReady = "SAS_NOT_READY", true;
    /// No message has this id.
    MessageUnknown = "MESSAGE_UNKNOWN", false;
    /// No evidence was taken of a message.
    EvidenceMissing = "EVIDENCE_MISSING", false;
    /// A message would be deleted that the health record does not have yet.
    MessageUnfiled = "MESSAGE_UNFILED", false;
    /// The message has already been sent, or was written by the contact.
    MessageSent = "MESSAGE_SENT", false;
    /// The clock is behind the oldest month whose keys are kept; sending is refused.
    ClockBehind = "CLOCK_BEHIND", true;
    /// The device's clock and the relay's differ.
    ClockSkew = "CLOCK_SKEW", true;
    /// The store has no vault, and the caller did not ask to create one.
    VaultMissing = "VAULT_MISSING", false;
    /// The vault that was in this store is gone: the browser or a person cleared it.
    VaultEvicted = "VAULT_EVICTED", false;
    /// The vault is open in another tab.
    VaultInUse = "VAULT_IN_USE", true;
    /// The vault was written by a newer version; it was not changed.
    VaultVersion = "VAULT_VERSION", false;
    /// The passphrase does not open the vault.
    WrongPassphrase = "WRONG_PASSPHRASE", false;
    /// A record of the vault is missing or damaged.
    VaultDamaged = "VAULT_DAMAGED", false;
    /// Not a backup, or a truncated or altered one.
    BackupMalformed = "BACKUP_MALFORMED", false;
    /// The backup was written by a newer version.
    BackupVersion = "BACKUP_VERSION", false;
    /// A backup can only be restored into an empty store.
    StoreNotEmpty = "STORE_NOT_EMPTY", false;
    /// Another device has replaced this one, which no longer sends.
    DeviceSuperseded = "DEVICE_SUPERSEDED", false;
    /// Not a recovery code, or one with a typing error.
    RecoveryCodeMalformed = "RECOVERY_CODE_MALFORMED", false;
    /// The emergency access has ended.
    EmergencyAccessEnded = "EMERGENCY_ACCESS_ENDED", false;
    /// The vault is locked.
    Locked = "LOCKED", false;
    /// Another client changed the store since it was read.
    StoreConflict = "STORE_CONFLICT", false;
    /// Reading or writing the store failed.
    StoreFailed = "STORE_FAILED", true;
    /// The store has no room for the change; nothing was changed.
    StoreFull = "STORE_FULL", true;
    /// Emergency shares that are damaged or of different sets.
    SharesInvalid = "SHARES_INVALID", false;
    /// The audit log does not verify.
    AuditInvalid = "AUDIT_INVALID", false;
    /// The relay cannot be reached.
    RelayUnreachable = "RELAY_UNREACHABLE", true;
    /// The relay asks the client to wait (429 or 503).
    RelayBusy = "RELAY_BUSY", true;
    /// The relay's store is full (507).
    RelayFull = "RELAY_FULL", true;
    /// The relay refused the request (400, 413, 415).
    RelayRefused = "RELAY_REFUSED", false;
    /// The relay requires an access token, or refuses the one it got.
    Unauthorized = "UNAUTHORIZED", false;
    /// The relay has no such resource (404).
    NotFound = "NOT_FOUND", true;
    /// The batch is older than the relay's retention (410).
    RetentionPassed = "RETENTION_PASSED", false;
    /// The relay holds another number of cells in the window of a select (409).
    WindowMismatch = "WINDOW_MISMATCH", true;
    /// A response of the relay that does not follow the protocol.
    RelayProtocol = "RELAY_PROTOCOL", true;
    /// A batch whose signature, digest or chain is invalid.
    BatchInvalid = "BATCH_INVALID", true;
    /// A cell that was retrieved without naming it does not open.
    LightReadFailed = "LIGHT_READ_FAILED", true;
    /// The second relay of light reading cannot be reached, or lacks batches.
    MirrorUnreachable = "MIRROR_UNREACHABLE", true;
    /// A relay signed two different batches of one bucket and epoch.
    Equivocation = "EQUIVOCATION", false;
    /// The relay no longer publishes batches of a mailbox.
    Stalled = "STALLED", true;
    /// The closing time of a batch is before that of the previous batch, or in
    /// the future.
    RelayTime = "RELAY_TIME", false;
    /// The relay's number of buckets or its cell size has changed.
    RelayChanged = "RELAY_CHANGED", false;
    /// The health record cannot be reached, or asks the client to wait.
    RecordUnreachable = "RECORD_UNREACHABLE", true;
    /// The health record lacks something that filing a message needs.
    RecordUnsupported = "RECORD_UNSUPPORTED", false;
    /// The health record refused a message.
    RecordRefused = "RECORD_REFUSED", false;
    /// The health record has the same message more than once.
    RecordAmbiguous = "RECORD_AMBIGUOUS", false;
    /// `init()` has not been called, or has not finished.
    NotInitialized = "NOT_INITIALIZED", false;
    /// The WebAssembly module could not be loaded.
    WasmUnavailable = "WASM_UNAVAILABLE", true;
    /// The platform lacks a feature that this call needs.
    Unsupported = "UNSUPPORTED", false;
    /// The object was disposed of.
    Disposed = "DISPOSED", false;
    /// The caller's signal aborted the call.
    Aborted = "ABORTED", true;
    /// A defect in Tessera itself; please report it.
    Internal = "INTERNAL", false;
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn codes_are_distinct_and_upper_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} stands twice");
            assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
        }
    }

    #[test]
    #[cfg(not(target_arch = "wasm32"))]
    fn the_packages_table_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/pkg/src/errors.ts");
        let source = std::fs::read_to_string(path).expect("pkg/src/errors.ts");
        let (_, table) = source.split_once("const RETRYABLE = {\n").expect("a table");
        let (table, _) = table.split_once("\n} as const;").expect("its end");
        let theirs: Vec<&str> = table.lines().map(str::trim).collect();
        let ours: Vec<String> = ErrorCode::ALL
            .iter()
            .map(|code| format!("{}: {},", code.as_str(), code.retryable()))
            .collect();
        assert_eq!(theirs, ours);
    }
}
