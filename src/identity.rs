//! Identities: a Schnorr statement, a KEM key and a fingerprint. Protocol §2.

use rand_core::CryptoRng;

use crate::{
    base::{Secret, labels},
    crypto::{
        hpke::{KemKeyPair, KemPublicKey},
        kdf,
        ristretto::{Statement, Witness, hash_to_scalar},
    },
};

/// Length of a public identity, `Y || kem_pk`, in bytes.
pub const PUBLIC_IDENTITY_LEN: usize = 64;

/// `SHA-256(parts("tessera/v1/fingerprint", public))`: 32 bytes. Also the
/// address from which the owner's bucket is computed. Protocol §2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// A public identity whose two keys the protocol accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicIdentity {
    statement: Statement,
    kem: KemPublicKey,
}

impl PublicIdentity {
    /// Decodes `Y || kem_pk`; `None` for a key that the protocol refuses.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (statement, kem) = bytes.split_first_chunk::<32>()?;
        Some(Self {
            statement: Statement::decode(statement)?,
            kem: KemPublicKey::decode(kem.try_into().ok()?)?,
        })
    }

    /// Encodes as `Y || kem_pk`, 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; PUBLIC_IDENTITY_LEN] {
        let mut out = [0; PUBLIC_IDENTITY_LEN];
        let (statement, kem) = out.split_at_mut(32);
        statement.copy_from_slice(self.statement.as_bytes());
        kem.copy_from_slice(self.kem.as_bytes());
        out
    }

    /// The fingerprint, which people compare and which determines the bucket.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(kdf::hash(labels::FINGERPRINT, &[&self.encode()]))
    }

    /// The statement `Y`.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The X25519 key to which cells are sealed.
    #[must_use]
    pub fn kem(&self) -> &KemPublicKey {
        &self.kem
    }
}

/// An identity with its secrets, all derived from one 32-byte secret.
#[derive(Debug)]
pub struct Identity {
    secret: Secret<32>,
    witness: Witness,
    kem: KemKeyPair,
    public: PublicIdentity,
}

impl Identity {
    /// Generates an identity.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        loop {
            if let Some(identity) = Self::from_secret(Secret::random(rng)) {
                return identity;
            }
        }
    }

    /// Derives the identity of a secret; `None` for the one secret in 2^252 whose
    /// witness is zero.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Option<Self> {
        let witness = Witness::new(hash_to_scalar(labels::IDENTITY_AUTH, &[secret.expose()]))?;
        let kem = KemKeyPair::derive(&kdf::derive(secret.expose(), labels::IDENTITY_KEM, &[]));
        let public = PublicIdentity {
            statement: *witness.statement(),
            kem: *kem.public(),
        };
        Some(Self {
            secret,
            witness,
            kem,
            public,
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicIdentity {
        &self.public
    }

    /// The witness of the statement.
    #[must_use]
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The key pair that opens cells.
    #[must_use]
    pub fn kem(&self) -> &KemKeyPair {
        &self.kem
    }

    /// The 32-byte secret, for the vault.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.secret
    }
}
