//! Key slots: the vault key, sealed for one unlock method.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::VaultKey;
use crate::{
    base::{Secret, encoding::parts, labels},
    crypto::{
        aead,
        cbor::{self, Writer},
        kdf,
    },
};

/// Length of a wrapped vault key in bytes: nonce, key, authentication tag.
const WRAPPED_LEN: usize = aead::NONCE_LEN + 32 + aead::TAG_LEN;

/// Maximum length of a credential id in bytes (WebAuthn level 3, §5.8.3).
pub const MAX_CREDENTIAL_LEN: usize = 1_023;

/// Parameters of PBKDF2-HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kdf {
    /// 16 random bytes.
    pub salt: [u8; 16],
    /// Rounds; 600 000 for new vaults.
    pub iterations: u32,
}

impl Kdf {
    /// Rounds for new vaults (OWASP's figure for PBKDF2-HMAC-SHA256).
    pub const ITERATIONS: u32 = 600_000;
    /// Minimum number of rounds in a header: a forged header must not make the
    /// passphrase cheap to guess.
    pub const MIN_ITERATIONS: u32 = 100_000;
    /// Maximum number of rounds in a header: a forged header must not hang the page.
    pub const MAX_ITERATIONS: u32 = 10_000_000;

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let kdf = Self {
            salt: cbor::fixed(d)?,
            iterations: d.u32()?,
        };
        let within = (Self::MIN_ITERATIONS..=Self::MAX_ITERATIONS).contains(&kdf.iterations);
        within
            .then_some(kdf)
            .ok_or_else(|| Error::message("iterations"))
    }
}

/// A WebAuthn credential and the input of its PRF extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The credential id: 1 to 1 023 bytes.
    pub credential: Vec<u8>,
    /// 32 random bytes, the PRF's input.
    pub salt: [u8; 32],
}

impl Passkey {
    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let credential = d.bytes()?.to_vec();
        if !(1..=MAX_CREDENTIAL_LEN).contains(&credential.len()) {
            return Err(Error::message("credential id"));
        }
        Ok(Self {
            credential,
            salt: cbor::fixed(d)?,
        })
    }
}

/// The secret of one unlock method. It opens no slot of another kind.
#[derive(Debug)]
pub enum Opener {
    /// PBKDF2 of the passphrase.
    Passphrase(Secret<32>),
    /// First output of a WebAuthn credential's PRF extension.
    Passkey(Secret<32>),
    /// The secret of a recovery code.
    Recovery(Secret<32>),
    /// HKDF of a key that the host keeps.
    HostKey(Secret<32>),
}

impl Opener {
    /// The key-encryption key. PBKDF2 and HKDF output is used directly, since it
    /// has no other use; the other two secrets go through a derivation.
    fn kek(&self) -> Secret<32> {
        match self {
            Self::Passphrase(kek) | Self::HostKey(kek) => kek.duplicate(),
            Self::Passkey(output) => kdf::derive(output.expose(), labels::VAULT_PASSKEY, &[]),
            Self::Recovery(code) => kdf::derive(code.expose(), labels::VAULT_RECOVERY, &[]),
        }
    }
}

/// The kind and the public parameters of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockMethod {
    /// Kind 0: a passphrase.
    Passphrase(Kdf),
    /// Kind 1: the PRF of a passkey.
    Passkey(Passkey),
    /// Kind 2: a recovery code.
    Recovery,
    /// Kind 3: a key that the host keeps.
    HostKey,
}

impl UnlockMethod {
    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::Passphrase(_) => 0,
            Self::Passkey(_) => 1,
            Self::Recovery => 2,
            Self::HostKey => 3,
        }
    }

    /// Returns `true` if a header may have only one of the two.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Passkey(one), Self::Passkey(two)) => one.credential == two.credential,
            _ => self.kind() == other.kind(),
        }
    }

    /// This secret, as that of a slot of this kind.
    fn opener(&self, secret: Secret<32>) -> Opener {
        match self {
            Self::Passphrase(_) => Opener::Passphrase(secret),
            Self::Passkey(_) => Opener::Passkey(secret),
            Self::Recovery => Opener::Recovery(secret),
            Self::HostKey => Opener::HostKey(secret),
        }
    }

    fn opened_by(&self, opener: &Opener) -> bool {
        matches!(
            (self, opener),
            (Self::Passphrase(_), Opener::Passphrase(_))
                | (Self::Passkey(_), Opener::Passkey(_))
                | (Self::Recovery, Opener::Recovery(_))
                | (Self::HostKey, Opener::HostKey(_))
        )
    }

    /// The number of items of the slot's array, including the wrapped key.
    fn items(&self) -> u64 {
        match self {
            Self::Passphrase(_) | Self::Passkey(_) => 4,
            Self::Recovery | Self::HostKey => 2,
        }
    }

    fn write(&self, w: &mut Writer) {
        w.uint(self.kind().into());
        match self {
            Self::Passphrase(kdf) => w.bytes(&kdf.salt).uint(kdf.iterations.into()),
            Self::Passkey(passkey) => w.bytes(&passkey.credential).bytes(&passkey.salt),
            Self::Recovery | Self::HostKey => w,
        };
    }

    /// The associated data, which binds kind and parameters.
    fn aad(&self) -> Vec<u8> {
        let method = cbor::array(self.items() - 1, |w| self.write(w));
        parts(labels::VAULT_WRAP, &[&method])
    }
}

/// The vault key, sealed for one unlock method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeySlot {
    pub(super) method: UnlockMethod,
    wrapped: [u8; WRAPPED_LEN],
}

impl KeySlot {
    pub(super) fn seal(
        method: UnlockMethod,
        secret: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let kek = method.opener(secret).kek();
        let sealed = aead::seal(kek.expose(), &method.aad(), key.expose().expose(), rng);
        let mut wrapped = [0; WRAPPED_LEN];
        wrapped.copy_from_slice(&sealed);
        Self { method, wrapped }
    }

    pub(super) fn open(&self, opener: &Opener) -> Option<VaultKey> {
        if !self.method.opened_by(opener) {
            return None;
        }
        open(opener.kek().expose(), &self.method.aad(), &self.wrapped)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(self.method.items());
        self.method.write(w);
        w.bytes(&self.wrapped);
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let items = d.array()?;
        let method = match d.u8()? {
            0 => UnlockMethod::Passphrase(Kdf::read(d)?),
            1 => UnlockMethod::Passkey(Passkey::read(d)?),
            2 => UnlockMethod::Recovery,
            3 => UnlockMethod::HostKey,
            _ => return Err(Error::message("kind")),
        };
        if items != Some(method.items()) {
            return Err(Error::message("array of another length"));
        }
        Ok(Self {
            method,
            wrapped: cbor::fixed(d)?,
        })
    }
}

/// Opens a wrapped vault key; `None` if it is not authentic.
pub(super) fn open(kek: &[u8; 32], aad: &[u8], wrapped: &[u8]) -> Option<VaultKey> {
    let key = aead::open(kek, aad, wrapped).map(Zeroizing::new)?;
    Secret::from_slice(&key).map(VaultKey::new)
}
