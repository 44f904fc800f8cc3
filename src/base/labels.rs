//! The table of all domain-separation labels. Protocol §1.
//!
//! A label is always length-prefixed (`parts`) or a whole field, so distinct
//! labels never collide.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $value;)*
        #[cfg(test)]
        const ALL: &[&str] = &[$($value),*];
    };
}

labels! {
    /// Salt of every `derive`. §1.
    DERIVE_SALT = "tessera/v1";
    /// Witness from the identity secret. §2.
    IDENTITY_AUTH = "tessera/v1/identity/auth";
    /// KEM key material from the identity secret. §2.
    IDENTITY_KEM = "tessera/v1/identity/kem";
    /// Fingerprint of a public identity. §2.
    FINGERPRINT = "tessera/v1/fingerprint";
    /// Bucket of an address. §2.
    BUCKET = "tessera/v1/bucket";
    /// Blinding scalar. §3.
    BLIND = "tessera/v1/blind";
    /// Hedged proof nonce. §3.
    PROOF_NONCE = "tessera/v1/proof/nonce";
    /// Fiat–Shamir challenge. §3.
    PROOF_CHALLENGE = "tessera/v1/proof/challenge";
    /// First chain key of a direction. §4.
    CHAIN = "tessera/v1/chain";
    /// One step of a chain. §4.
    CHAIN_NEXT = "tessera/v1/chain/next";
    /// Monthly tag key. §4.
    MONTH_TAG = "tessera/v1/month/tag";
    /// Monthly pre-shared key. §4.
    MONTH_PSK = "tessera/v1/month/psk";
    /// Monthly blinding seed. §4.
    MONTH_BLIND = "tessera/v1/month/blind";
    /// Detection tag. §5.
    TAG = "tessera/v1/tag";
    /// HPKE info of a cell. §6.
    CELL = "tessera/v1/cell";
    /// HPKE psk_id of a cell. §6.
    CELL_PSK = "tessera/v1/cell/psk";
    /// Rendezvous KEM key material. §7.
    RENDEZVOUS_KEM = "tessera/v1/rendezvous/kem";
    /// Rendezvous psk. §7.
    RENDEZVOUS_PSK = "tessera/v1/rendezvous/psk";
    /// Rendezvous tag keys. §7.
    RENDEZVOUS_TAG = "tessera/v1/rendezvous/tag";
    /// Check bytes of a link invitation. §7.
    INVITATION_CHECK = "tessera/v1/invitation/check";
    /// Seed of the randomness of a response to a link invitation.
    RESPONSE_RANDOMNESS = "tessera/v1/enrol/response/randomness";
    /// Enrolment psk. §7.
    ENROL_PSK = "tessera/v1/enrol/psk";
    /// HPKE info of a response. §7.
    ENROL = "tessera/v1/enrol";
    /// HPKE psk_id of a response. §7.
    ENROL_RESPONSE = "tessera/v1/enrol/response";
    /// Commitment to the SAS nonce. §7.
    SAS_COMMIT = "tessera/v1/sas/commit";
    /// The six digits. §7.
    SAS = "tessera/v1/sas";
    /// Export: pairwise seed. §7.
    EXPORT_SHARED_SEED = "tessera/v1/export/shared-seed";
    /// Export: possession proof seed. §7.
    EXPORT_POSSESSION = "tessera/v1/export/possession";
    /// Export: SAS key. §7.
    EXPORT_SAS = "tessera/v1/export/sas";
    /// Tag key of cells from a person to their own mailbox. §13.
    OWN_TAG = "tessera/v1/own/tag";
    /// Psk of cells from a person to their own mailbox. §13.
    OWN_PSK = "tessera/v1/own/psk";
    /// HPKE info of an SDK message. §8.
    MESSAGE = "tessera/v1/message";
    /// Check bytes of a printed share. §10.
    SHARE = "tessera/v1/share";
    /// Audit chain. §11.
    AUDIT = "tessera/v1/audit";
    /// Key that seals the entries of the audit log. §11.
    AUDIT_KEY = "tessera/v1/audit/key";
    /// Secret from which salts and nonces of entries are derived. §11.
    AUDIT_SALTS = "tessera/v1/audit/salts";
    /// Salt and nonce of one entry. §11.
    AUDIT_SALT = "tessera/v1/audit/salt";
    /// Audit checkpoint. §11.
    AUDIT_CHECKPOINT = "tessera/v1/audit/checkpoint";
    /// Wrap of the vault key in version 1 of the vault. `docs/vault.md`.
    VAULT_KEY = "tessera/v1/vault/key";
    /// Wrap of the vault key, bound to its kind and parameters.
    VAULT_WRAP = "tessera/v1/vault/wrap";
    /// Key-encryption key from a passkey's PRF output.
    VAULT_PASSKEY = "tessera/v1/vault/passkey";
    /// Key-encryption key from a recovery code's secret.
    VAULT_RECOVERY = "tessera/v1/vault/recovery";
    /// One sealed record of the vault.
    VAULT_RECORD = "tessera/v1/vault/record";
    /// Check bytes of a recovery code.
    VAULT_CODE = "tessera/v1/vault/code";
    /// HMAC key of the vault's manifest (docs/vault.md).
    VAULT_MANIFEST = "tessera/v1/vault/manifest";
    /// Manifest of a backup.
    VAULT_BACKUP = "tessera/v1/vault/backup";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_distinct() {
        let mut seen = std::collections::BTreeSet::new();
        for label in ALL {
            assert!(seen.insert(label), "{label} stands twice");
        }
    }
}
