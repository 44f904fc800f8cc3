//! The one table of stable error codes.
//!
//! Each concept has its own small error enum that says what was wrong; each
//! of those maps to one code here, and a code is all that crosses to
//! JavaScript. Codes that could tell an attacker which secret check failed
//! are one code: [`ErrorCode::NotAuthentic`].

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $retryable:literal;)*) => {
        /// A stable error code, as seen by JavaScript (`TesseraError.code`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $name,)* }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as text, `UPPER_SNAKE_CASE`; never changes once published.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether the same call may succeed later without any change.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable,)* }
            }
        }
    };
}

codes! {
    /// A wrong key, altered bytes or a bad proof: one code, no oracle.
    NotAuthentic = "NOT_AUTHENTIC", false;
    /// Bytes or text that are not of the protocol's form.
    Malformed = "MALFORMED", false;
    /// An argument of the wrong type, length or range.
    InvalidArgument = "INVALID_ARGUMENT", false;
    /// A public key that the protocol refuses (identity, low order, not canonical).
    InvalidKey = "INVALID_KEY", false;
    /// A message longer than the relay's limit.
    MessageTooLarge = "MESSAGE_TOO_LARGE", false;
    /// A session id accepted before, or a cell opened before.
    Replayed = "REPLAYED", false;
    /// A message older than the retention setting or more than 24 h ahead.
    Stale = "STALE", false;
    /// Fragments of one message that contradict each other.
    FragmentConflict = "FRAGMENT_CONFLICT", false;
    /// Fragments of a message never came; it is not shown.
    MessageIncomplete = "MESSAGE_INCOMPLETE", false;
    /// Not a Tessera invitation, or an altered one.
    InvitationMalformed = "INVITATION_MALFORMED", false;
    /// The beginning of an invitation: the rest is missing.
    InvitationIncomplete = "INVITATION_INCOMPLETE", false;
    /// The invitation's time is over.
    InvitationExpired = "INVITATION_EXPIRED", false;
    /// Somebody else answered this invitation.
    InvitationUsed = "INVITATION_USED", false;
    /// No open invitation of that id.
    InvitationUnknown = "INVITATION_UNKNOWN", false;
    /// One's own invitation cannot be accepted.
    InvitationOwn = "INVITATION_OWN", false;
    /// The invitation names another relay than the configured one.
    RelayMismatch = "RELAY_MISMATCH", false;
    /// The enrolled identity is not the expected one.
    UnexpectedIdentity = "UNEXPECTED_IDENTITY", false;
    /// The inviter's nonce does not open its commitment.
    CommitmentMismatch = "COMMITMENT_MISMATCH", false;
    /// No contact of that id.
    ContactUnknown = "CONTACT_UNKNOWN", false;
    /// The contact is not checked yet; content waits.
    ContactPending = "CONTACT_PENDING", false;
    /// The contact is suspect; enrol again in person.
    ContactSuspect = "CONTACT_SUSPECT", false;
    /// The six digits are not there yet.
    SasNotReady = "SAS_NOT_READY", true;
    /// No message of that id.
    MessageUnknown = "MESSAGE_UNKNOWN", false;
    /// The message has left already, or is not one's own.
    MessageSent = "MESSAGE_SENT", false;
    /// The clock is behind the oldest month held: sending is refused.
    ClockBehind = "CLOCK_BEHIND", true;
    /// The device's clock and the relay's differ.
    ClockSkew = "CLOCK_SKEW", true;
    /// No vault in the store, and none was to be created.
    VaultMissing = "VAULT_MISSING", false;
    /// A vault was kept here and is gone: cleared by the browser or by someone.
    VaultEvicted = "VAULT_EVICTED", false;
    /// The vault is open in another tab.
    VaultInUse = "VAULT_IN_USE", true;
    /// The vault was written by a newer version; it was left untouched.
    VaultVersion = "VAULT_VERSION", false;
    /// The passphrase does not open the vault.
    WrongPassphrase = "WRONG_PASSPHRASE", false;
    /// A record of the vault is missing or damaged.
    VaultDamaged = "VAULT_DAMAGED", false;
    /// Not a backup, a part of one, or an altered one.
    BackupMalformed = "BACKUP_MALFORMED", false;
    /// The backup was written by a newer version.
    BackupVersion = "BACKUP_VERSION", false;
    /// A backup can be restored into an empty store only.
    StoreNotEmpty = "STORE_NOT_EMPTY", false;
    /// Another device took this one's place: it sends nothing more.
    DeviceSuperseded = "DEVICE_SUPERSEDED", false;
    /// Not a recovery code, or a mistyped one.
    RecoveryCodeMalformed = "RECOVERY_CODE_MALFORMED", false;
    /// The emergency access is over.
    EmergencyAccessEnded = "EMERGENCY_ACCESS_ENDED", false;
    /// The vault is locked.
    Locked = "LOCKED", false;
    /// The store was changed by someone else since it was read.
    StoreConflict = "STORE_CONFLICT", false;
    /// The store could not read or write.
    StoreFailed = "STORE_FAILED", true;
    /// The store has no room for a change; nothing was changed.
    StoreFull = "STORE_FULL", true;
    /// Emergency shares that do not belong together or are damaged.
    SharesInvalid = "SHARES_INVALID", false;
    /// The audit log does not verify.
    AuditInvalid = "AUDIT_INVALID", false;
    /// The relay cannot be reached.
    RelayUnreachable = "RELAY_UNREACHABLE", true;
    /// The relay asks to wait (429 or 503).
    RelayBusy = "RELAY_BUSY", true;
    /// The relay's store is full (507).
    RelayFull = "RELAY_FULL", true;
    /// The relay refused the request (400, 413, 415).
    RelayRefused = "RELAY_REFUSED", false;
    /// The relay asks for an access token, or refuses the one given.
    Unauthorized = "UNAUTHORIZED", false;
    /// The relay holds nothing there (404).
    NotFound = "NOT_FOUND", true;
    /// The batch is older than the relay's retention (410).
    RetentionPassed = "RETENTION_PASSED", false;
    /// An answer of the relay that is not of the protocol's form.
    RelayProtocol = "RELAY_PROTOCOL", true;
    /// A batch whose signature, digest or chain does not hold.
    BatchInvalid = "BATCH_INVALID", true;
    /// The relay publishes nothing new in a mailbox.
    Stalled = "STALLED", true;
    /// The closing time of a batch went back, or lies in the future.
    RelayTime = "RELAY_TIME", false;
    /// The relay has another number of buckets or another cell size.
    RelayChanged = "RELAY_CHANGED", false;
    /// `init()` has not been called, or has not finished.
    NotInitialized = "NOT_INITIALIZED", false;
    /// The WebAssembly module could not be loaded.
    WasmUnavailable = "WASM_UNAVAILABLE", true;
    /// The platform lacks something this call needs.
    Unsupported = "UNSUPPORTED", false;
    /// The object was disposed of.
    Disposed = "DISPOSED", false;
    /// The caller's signal ended the call.
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
