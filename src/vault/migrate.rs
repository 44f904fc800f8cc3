//! Migration of older vaults to the current version.
//!
//! Each version has one step, which changes the header or records. All steps are
//! committed at once, together with the header of the new version, and only after
//! the vault was opened; before that the store is not changed. `docs/vault.md`
//! says how to add a step.

mod third;

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{
    HEADER_KEY, MANIFEST_KEY, Manifest, SealedChange, VERSION, VaultError, VaultHeader, VaultKey,
    header::{self, version},
    key_slot::{self, Kdf, Opener, Passkey, UnlockMethod},
};
use crate::{
    base::labels,
    crypto::cbor::{self, Deterministic},
};

/// A change of a record, before it is sealed.
type PlainChange = (String, Option<Zeroizing<Vec<u8>>>);

/// An opened record: its store key and its plaintext.
pub type Plain = (String, Zeroizing<Vec<u8>>);

/// The header of a stored vault, of any version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredHeader {
    /// Version 1.
    First(FirstHeader),
    /// Version 2, which differs from the current one only in its number.
    Second(VaultHeader),
    /// The current version.
    Current(VaultHeader),
}

/// A vault with a known key; its records are still sealed.
#[derive(Debug)]
pub struct UnlockedVault {
    /// The key that seals its records.
    pub key: VaultKey,
    /// The header, in the current version.
    pub header: VaultHeader,
    /// The version of the store.
    pub version: u32,
}

/// The opened records of a vault.
#[derive(Debug)]
pub struct LoadedRecords {
    /// The manifest for later commits.
    pub manifest: Manifest,
    /// All given records, in the current version.
    pub records: Vec<Plain>,
    /// The sealed changes of a migration. The caller must commit them with the
    /// header of the current version before anything else. Empty if nothing was
    /// migrated.
    pub changes: Vec<SealedChange>,
}

/// Opens the records below `s/` and `m/` of a vault of any supported version.
/// Records of the current version must match its manifest.
///
/// # Errors
///
/// `Damaged` for a record that does not open, and for records that do not match
/// the manifest.
pub fn load(
    version: u32,
    key: &VaultKey,
    sealed: impl IntoIterator<Item = (String, Vec<u8>)>,
    rng: &mut impl CryptoRng,
) -> Result<LoadedRecords, VaultError> {
    let mut manifest = Manifest::new(key);
    let (mut records, mut stored): (Vec<Plain>, _) = (Vec::new(), None);
    for (store_key, bytes) in sealed {
        let plain = key.open(&store_key, &bytes)?;
        if store_key == MANIFEST_KEY {
            stored = Some(plain);
        } else {
            manifest.add(&store_key, &bytes);
            records.push((store_key, plain));
        }
    }
    let mut changes = Vec::new();
    if version == VERSION {
        manifest.check(stored.as_deref().map(Vec::as_slice))?;
    } else {
        let changed;
        (records, changed) = third::migrate(records)?;
        changes = manifest.seal(changed, key, rng);
        if changes.is_empty() {
            changes.push(manifest.sealed(key, rng));
        }
    }
    Ok(LoadedRecords {
        manifest,
        records,
        changes,
    })
}

impl StoredHeader {
    /// Parses a header.
    ///
    /// # Errors
    ///
    /// `Version` for a newer one, `Damaged` for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let former = match version(bytes) {
            Some(1) => FirstHeader::decode(bytes).map(Self::First),
            Some(2) => header::decode_second(bytes).map(Self::Second),
            _ => return VaultHeader::parse(bytes).map(Self::Current),
        };
        former.ok_or(VaultError::Damaged)
    }

    /// Encodes the header to the bytes from which it was parsed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::First(header) => header.encode(),
            Self::Second(header) => header::encode_second(header),
            Self::Current(header) => header.encode(),
        }
    }

    /// The version of the header.
    #[must_use]
    pub fn version(&self) -> u32 {
        match self {
            Self::First(_) => 1,
            Self::Second(_) => 2,
            Self::Current(_) => VERSION,
        }
    }

    /// The PBKDF2 parameters of the passphrase, if there is a slot for one.
    #[must_use]
    pub fn kdf(&self) -> Option<Kdf> {
        match self {
            Self::First(header) => Some(header.kdf),
            Self::Second(header) | Self::Current(header) => header.kdf(),
        }
    }

    /// The passkeys that have a slot.
    #[must_use]
    pub fn passkeys(&self) -> Vec<&Passkey> {
        match self {
            Self::First(_) => Vec::new(),
            Self::Second(header) | Self::Current(header) => header.passkeys().collect(),
        }
    }

    /// Unwraps the vault key and migrates the header to the current version.
    ///
    /// # Errors
    ///
    /// `WrongPassphrase`.
    pub fn unlock(
        self,
        opener: Opener,
        rng: &mut impl CryptoRng,
    ) -> Result<UnlockedVault, VaultError> {
        let version = self.version();
        let (key, header) = match self {
            Self::First(header) => header.unlock(opener, rng)?,
            Self::Second(header) | Self::Current(header) => (header.unwrap(&opener)?, header),
        };
        Ok(UnlockedVault {
            key,
            header,
            version,
        })
    }

    /// Opens the vault with its records, and migrates both to the current
    /// version; the changes of the records include the header's.
    ///
    /// # Errors
    ///
    /// `WrongPassphrase`; `Damaged` if a record does not open, or if records
    /// were rolled back, deleted or added.
    pub fn open(
        self,
        opener: Opener,
        sealed: impl IntoIterator<Item = (String, Vec<u8>)>,
        rng: &mut impl CryptoRng,
    ) -> Result<(UnlockedVault, LoadedRecords), VaultError> {
        let vault = self.unlock(opener, rng)?;
        let mut loaded = load(vault.version, &vault.key, sealed, rng)?;
        if vault.version != VERSION {
            let header = vault.header.encode();
            loaded.changes.push((HEADER_KEY.to_owned(), Some(header)));
        }
        Ok((vault, loaded))
    }
}

/// Version 1: `CBOR [1, salt(16), iterations, wrapped]`, one passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstHeader {
    kdf: Kdf,
    wrapped: Vec<u8>,
}

impl FirstHeader {
    /// The key, and a header of the current version for the same passphrase.
    fn unlock(
        self,
        opener: Opener,
        rng: &mut impl CryptoRng,
    ) -> Result<(VaultKey, VaultHeader), VaultError> {
        let Opener::Passphrase(kek) = opener else {
            return Err(VaultError::WrongPassphrase);
        };
        let aad = labels::VAULT_KEY.as_bytes();
        let key = key_slot::open(kek.expose(), aad, &self.wrapped);
        let key = key.ok_or(VaultError::WrongPassphrase)?;
        let mut header = VaultHeader::default();
        header.add(UnlockMethod::Passphrase(self.kdf), kek, &key, rng)?;
        Ok((key, header))
    }
}

impl Deterministic for FirstHeader {
    fn encode(&self) -> Vec<u8> {
        cbor::array(4, |w| {
            w.uint(1)
                .bytes(&self.kdf.salt)
                .uint(self.kdf.iterations.into())
                .bytes(&self.wrapped);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 4)?;
        d.u32()?;
        Ok(Self {
            kdf: Kdf::read(d)?,
            wrapped: d.bytes()?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn kek(byte: u8) -> Opener {
        Opener::Passphrase(Secret::take(&mut [byte; 32]))
    }

    /// A header of version 1: a kek of 32 fives wraps a vault key of 32 sixes.
    const FIRST: &[u8] = include_bytes!("../../fuzz/seeds/vault_header/header");

    #[test]
    fn version_1_opens_and_migrates() {
        let key = VaultKey::new(Secret::take(&mut [6; 32]));
        let record = ("s/a".to_owned(), key.seal("s/a", b"state", &mut rng()));
        let found = StoredHeader::parse(FIRST).unwrap();
        assert_eq!(found.encode(), FIRST);
        let (vault, loaded) = found.open(kek(5), [record.clone()], &mut rng()).unwrap();
        assert_eq!(vault.key.expose(), key.expose());
        assert_eq!(
            loaded.records,
            [("s/a".to_owned(), b"state".to_vec().into())]
        );
        let [(manifest, Some(sealed)), (at, Some(bytes))] = loaded.changes.as_slice() else {
            panic!("two changes");
        };
        assert_eq!(manifest, MANIFEST_KEY);
        assert_eq!((at.as_str(), u32::from(bytes[1])), (HEADER_KEY, VERSION));

        let again = StoredHeader::parse(bytes).unwrap();
        assert_eq!(again, StoredHeader::Current(vault.header));
        assert_eq!(again.kdf(), StoredHeader::parse(FIRST).unwrap().kdf());
        let stored = [record, (manifest.clone(), sealed.clone())];
        let (vault, loaded) = again.clone().open(kek(5), stored, &mut rng()).unwrap();
        assert_eq!(vault.key.expose(), key.expose());
        assert!(loaded.changes.is_empty(), "nothing left to do");
        let none = again.open(kek(5), [], &mut rng());
        assert_eq!(none.unwrap_err(), VaultError::Damaged, "no manifest");
    }

    #[test]
    fn a_vault_that_does_not_open_is_not_migrated() {
        let open = |opener| {
            let found = StoredHeader::parse(FIRST).unwrap();
            found.open(opener, [], &mut rng()).unwrap_err()
        };
        assert_eq!(open(kek(4)), VaultError::WrongPassphrase);
        let code = Opener::Recovery(Secret::take(&mut [5; 32]));
        assert_eq!(open(code), VaultError::WrongPassphrase);
        let damaged = StoredHeader::parse(FIRST).unwrap().open(
            kek(5),
            [("s/a".to_owned(), vec![0; 40])],
            &mut rng(),
        );
        assert_eq!(damaged.unwrap_err(), VaultError::Damaged);
    }

    #[test]
    fn other_versions_are_refused() {
        let with_version = |version: u8| {
            let mut bytes = FIRST.to_vec();
            bytes[1] = version;
            StoredHeader::parse(&bytes).unwrap_err()
        };
        assert_eq!(with_version(0), VaultError::Damaged);
        assert_eq!(with_version(2), VaultError::Damaged);
        assert_eq!(with_version(3), VaultError::Damaged);
        assert_eq!(with_version(4), VaultError::Version);
        assert_eq!(with_version(23), VaultError::Version);
    }
}
