//! Backups: the whole vault in one file, sealed as in the store.
//!
//! ```text
//! bundle   = "TSBK" || u32(1) || lp(header) || u32(count) || count × (lp(key) || lp(record)) || manifest
//! manifest = nonce(12) || AES-256-GCM(vault key, CBOR [SHA-256(all before), made_at], aad = "tessera/v1/vault/backup")
//! ```
//! Keys ascend, so the bundle of a vault is unique. The manifest detects records
//! that were dropped, swapped, altered or added.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{HEADER_KEY, LoadedRecords, VaultError, VaultKey, load};
use crate::{
    base::{
        UnixTime,
        encoding::{Reader, push_lp},
        error::coded,
        labels,
    },
    crypto::{
        aead,
        cbor::{self, Deterministic},
        kdf,
    },
};

const MAGIC: &[u8; 4] = b"TSBK";
const VERSION: u32 = 1;
/// Maximum length of a store key in bytes.
const MAX_KEY: usize = 128;

coded! {
    /// Why a bundle is refused.
    pub enum BundleError {
        /// Not a bundle, or a truncated or altered one.
        #[error("not a backup, or a damaged one")]
        Malformed => BackupMalformed,
        /// Written by a newer version.
        #[error("the backup was written by a newer version")]
        Version => BackupVersion,
        /// Not sealed under this vault key. A key from the bundle's own header is the
        /// right one, so the bundle is damaged.
        #[error("the backup is damaged, or of another vault")]
        WrongKey => BackupMalformed,
    }
}

/// Writes the bundle of a vault from its header and all other entries of its
/// store in key order.
#[must_use]
pub fn write<'r>(
    header: &[u8],
    records: impl ExactSizeIterator<Item = (&'r str, &'r [u8])> + Clone,
    made_at: UnixTime,
    key: &VaultKey,
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let size: usize = records.clone().map(|(k, r)| k.len() + r.len() + 8).sum();
    let mut out = Vec::with_capacity(size + header.len() + 128);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    push_lp(&mut out, header);
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    for (store_key, record) in records {
        push_lp(&mut out, store_key.as_bytes());
        push_lp(&mut out, record);
    }
    let manifest = Manifest {
        digest: kdf::sha256(&out),
        made_at,
    };
    let aad = labels::VAULT_BACKUP.as_bytes();
    let sealed = aead::seal(key.expose().expose(), aad, &manifest.encode(), rng);
    out.extend_from_slice(&sealed);
    out
}

/// A parsed bundle: well-formed, not authenticated.
#[derive(Debug)]
pub struct Bundle<'b> {
    header: &'b [u8],
    records: Vec<(&'b str, &'b [u8])>,
    digest: [u8; 32],
    manifest: &'b [u8],
}

impl<'b> Bundle<'b> {
    /// Parses a bundle.
    ///
    /// # Errors
    ///
    /// `Version` for a newer one, `Malformed` for anything else.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        if reader.array() != Some(*MAGIC) {
            return Err(BundleError::Malformed);
        }
        match reader.u32() {
            Some(VERSION) => Self::read(bytes, reader).ok_or(BundleError::Malformed),
            Some(newer) if newer > VERSION => Err(BundleError::Version),
            _ => Err(BundleError::Malformed),
        }
    }

    fn read(bytes: &'b [u8], mut reader: Reader<'b>) -> Option<Self> {
        let header = lp(&mut reader)?;
        let count = reader.u32()?;
        let mut records: Vec<(&str, &[u8])> = Vec::new();
        for _ in 0..count {
            let key = core::str::from_utf8(lp(&mut reader)?).ok()?;
            let ascends = records.last().is_none_or(|(last, _)| *last < key);
            if !ascends || key.is_empty() || key.len() > MAX_KEY || key == HEADER_KEY {
                return None;
            }
            records.push((key, lp(&mut reader)?));
        }
        let manifest = reader.rest();
        let (sealed, _) = bytes.split_at_checked(bytes.len() - manifest.len())?;
        Some(Self {
            header,
            records,
            digest: kdf::sha256(sealed),
            manifest,
        })
    }

    /// The vault's header, from which a passphrase unlocks the vault key.
    #[must_use]
    pub fn header(&self) -> &'b [u8] {
        self.header
    }

    /// Verifies the manifest.
    ///
    /// # Errors
    ///
    /// `WrongKey` if the manifest does not open, `Malformed` if it does not match
    /// the records.
    pub fn verify(self, key: &VaultKey) -> Result<Verified<'b>, BundleError> {
        let aad = labels::VAULT_BACKUP.as_bytes();
        let opened = aead::open(key.expose().expose(), aad, self.manifest);
        let opened = opened.ok_or(BundleError::WrongKey)?;
        let manifest = Manifest::decode(&opened).ok_or(BundleError::Malformed)?;
        if manifest.digest != self.digest {
            return Err(BundleError::Malformed);
        }
        Ok(Verified {
            made_at: manifest.made_at,
            records: self.records,
        })
    }
}

/// A bundle with a valid manifest.
#[derive(Debug)]
pub struct Verified<'b> {
    /// The time of the backup, by the clock of its device.
    pub made_at: UnixTime,
    /// All entries of the store but the header, sealed, in key order.
    pub records: Vec<(&'b str, &'b [u8])>,
}

impl Verified<'_> {
    /// Opens all records and returns those that a client loads, in the current
    /// version.
    ///
    /// # Errors
    ///
    /// `Damaged` if a record does not open, or if the records do not match the
    /// vault's manifest.
    pub fn open(
        &self,
        version: u32,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<LoadedRecords, VaultError> {
        let (loaded, others): (Vec<_>, Vec<_>) = self
            .records
            .iter()
            .partition(|(store_key, _)| store_key.starts_with("s/") || store_key.starts_with("m/"));
        for (store_key, sealed) in others {
            key.open(store_key, sealed)?;
        }
        let sealed = loaded
            .into_iter()
            .map(|(store_key, bytes)| ((*store_key).to_owned(), bytes.to_vec()));
        load(version, key, sealed, rng)
    }
}

fn lp<'b>(reader: &mut Reader<'b>) -> Option<&'b [u8]> {
    let len = reader.u32()?;
    reader.take(usize::try_from(len).ok()?)
}

struct Manifest {
    digest: [u8; 32],
    made_at: UnixTime,
}

impl Deterministic for Manifest {
    fn encode(&self) -> Vec<u8> {
        cbor::array(2, |w| {
            w.bytes(&self.digest).uint(self.made_at.0);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 2)?;
        Ok(Self {
            digest: cbor::fixed(d)?,
            made_at: UnixTime(d.u64()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Manifest;

    const MADE_AT: UnixTime = UnixTime(1_795_300_000);

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    /// A sealed vault of three records and its manifest.
    fn records(key: &VaultKey) -> Vec<(String, Vec<u8>)> {
        let plain =
            ["b/1", "m/1", "s/self"].map(|k| (k.to_owned(), Some(k.as_bytes().to_vec().into())));
        let sealed = Manifest::new(key).seal(plain, key, &mut rng());
        let sealed = sealed
            .into_iter()
            .filter_map(|(k, bytes)| Some((k, bytes?)));
        crate::base::sorted_by_key(sealed, |(k, _)| k.clone()).collect()
    }

    fn bundle(records: &[(String, Vec<u8>)], key: &VaultKey) -> Vec<u8> {
        let records = records.iter().map(|(k, r)| (k.as_str(), r.as_slice()));
        write(b"header", records, MADE_AT, key, &mut rng())
    }

    fn verify(bytes: &[u8], key: &VaultKey) -> Result<UnixTime, BundleError> {
        Ok(Bundle::parse(bytes)?.verify(key)?.made_at)
    }

    #[test]
    fn a_bundle_round_trips() {
        let key = VaultKey::random(&mut rng());
        let records = records(&key);
        let bytes = bundle(&records, &key);
        let parsed = Bundle::parse(&bytes).unwrap();
        assert_eq!(parsed.header(), b"header");
        let verified = parsed.verify(&key).unwrap();
        assert_eq!(verified.made_at, MADE_AT);
        assert!(
            verified
                .records
                .iter()
                .map(|(k, r)| ((*k).to_owned(), r.to_vec()))
                .eq(records)
        );
        let loaded = verified
            .open(crate::vault::VERSION, &key, &mut rng())
            .unwrap();
        let keys: Vec<&str> = loaded.records.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["m/1", "s/self"], "bodies stay in the store");
        assert_eq!(
            verify(&bytes, &VaultKey::random(&mut rng())),
            Err(BundleError::WrongKey)
        );
    }

    #[test]
    fn no_byte_can_be_altered_cut_or_added() {
        let key = VaultKey::random(&mut rng());
        let bytes = bundle(&records(&key), &key);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert!(verify(&altered, &key).is_err(), "byte {at}");
            assert!(verify(&bytes[..at], &key).is_err(), "cut at {at}");
        }
        assert!(verify(&[&bytes[..], &[0]].concat(), &key).is_err());
    }

    /// Rewriting a bundle around an old manifest is detected.
    #[test]
    fn dropped_swapped_or_added_records_are_detected() {
        let key = VaultKey::random(&mut rng());
        let honest = records(&key);
        let manifest = {
            let bytes = bundle(&honest, &key);
            let len = Bundle::parse(&bytes).unwrap().manifest.len();
            bytes[bytes.len() - len..].to_vec()
        };
        let forge = |records: &[(String, Vec<u8>)]| {
            let bytes = bundle(records, &VaultKey::random(&mut rng()));
            [&bytes[..bytes.len() - manifest.len()], &manifest].concat()
        };
        assert_eq!(verify(&forge(&honest), &key), Ok(MADE_AT));
        let dropped = honest[1..].to_vec();
        let mut exchanged = honest.clone();
        exchanged[1].1 = key.seal("m/1", b"another", &mut rng());
        let mut added = honest.clone();
        added.push(("t".into(), key.seal("t", b"more", &mut rng())));
        for records in [dropped, exchanged, added] {
            assert_eq!(verify(&forge(&records), &key), Err(BundleError::Malformed));
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let key = VaultKey::random(&mut rng());
        let sealed = records(&key);
        let with = |records: Vec<(String, Vec<u8>)>| verify(&bundle(&records, &key), &key);
        let [a, b, c] = [0, 1, 2].map(|i| sealed[i].clone());
        assert!(with(vec![a.clone(), b.clone(), c]).is_ok());
        assert!(with(vec![b.clone(), a.clone()]).is_err(), "another order");
        assert!(with(vec![a.clone(), a]).is_err(), "twice");
        assert!(with(vec![("".into(), b.1.clone())]).is_err());
        assert!(with(vec![("k".repeat(MAX_KEY + 1), b.1.clone())]).is_err());
        assert!(with(vec![(HEADER_KEY.into(), b.1)]).is_err());

        let mut newer = bundle(&sealed, &key);
        newer[7] = 2;
        assert_eq!(verify(&newer, &key), Err(BundleError::Version));
        newer[7] = 0;
        assert_eq!(verify(&newer, &key), Err(BundleError::Malformed));
        let claims = [&MAGIC[..], &VERSION.to_be_bytes(), &[0xff; 4]].concat();
        assert_eq!(verify(&claims, &key), Err(BundleError::Malformed));
    }
}
