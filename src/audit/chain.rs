//! Entries of the log and the hash chain of heads.

use zeroize::Zeroizing;

use super::AuditError;
use crate::{
    base::{Secret, labels},
    crypto::{aead, kdf},
    wire::json,
};

/// Length of a head in bytes.
pub const HEAD_LEN: usize = 32;
/// Length of an entry's salt in bytes.
pub const SALT_LEN: usize = 16;

/// The key that seals entries.
#[derive(Debug)]
pub struct AuditKey(Secret<32>);

impl AuditKey {
    /// Creates a key.
    #[must_use]
    pub fn new(key: Secret<32>) -> Self {
        Self(key)
    }
}

/// The secret from which salts and nonces are derived.
#[derive(Debug)]
struct SaltKey(Secret<32>);

/// The keys for writing a log.
#[derive(Debug)]
pub struct LogKeys {
    sealing: AuditKey,
    salting: SaltKey,
}

impl LogKeys {
    /// Derives the keys from the owner's identity secret.
    #[must_use]
    pub fn derive(identity: &Secret<32>) -> Self {
        let key = |label| kdf::derive(identity.expose(), label, &[]);
        Self {
            sealing: AuditKey(key(labels::AUDIT_KEY)),
            salting: SaltKey(key(labels::AUDIT_SALTS)),
        }
    }

    /// The key that opens entries.
    #[must_use]
    pub fn sealing(&self) -> &AuditKey {
        &self.sealing
    }
}

/// The end of a log: its number of entries and the head after the last one.
/// Appending and opening consume it, so that no entry has two successors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    len: u64,
    hash: [u8; HEAD_LEN],
}

impl Head {
    /// The empty log: `head[−1]` = 32 zeros.
    pub const GENESIS: Self = Self {
        len: 0,
        hash: [0; HEAD_LEN],
    };

    /// Restores a head from the vault: the number of entries and the hash.
    #[must_use]
    pub fn from_stored(len: u64, hash: [u8; HEAD_LEN]) -> Self {
        Self { len, hash }
    }

    /// The number of entries, which is the index of the next.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns `true` if the log has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The hash after the last entry; 32 zeros for an empty log.
    #[must_use]
    pub fn hash(&self) -> &[u8; HEAD_LEN] {
        &self.hash
    }

    /// Seals the next entry. Salt and nonce are derived from its position and its
    /// record: repeating a step after a crash writes the same bytes, and another
    /// record at the same position gets another nonce.
    #[must_use]
    pub fn append(self, keys: &LogKeys, record: &str) -> (Entry, Self) {
        let aad = self.aad();
        let seed: Secret<{ SALT_LEN + aead::NONCE_LEN }> = kdf::derive(
            keys.salting.0.expose(),
            labels::AUDIT_SALT,
            &[&aad, record.as_bytes()],
        );
        let mut salt = [0; SALT_LEN];
        let mut nonce = [0; aead::NONCE_LEN];
        let (first, last) = seed.expose().split_at(SALT_LEN);
        salt.copy_from_slice(first);
        nonce.copy_from_slice(last);
        let sealed =
            aead::seal_with_nonce(keys.sealing.0.expose(), &nonce, &aad, &plain(&salt, record));
        let entry = Entry {
            salt,
            record: record.to_owned(),
            blob: [nonce.as_slice(), &sealed].concat(),
        };
        let next = self.advance(&entry);
        (entry, next)
    }

    /// Opens the next entry.
    ///
    /// # Errors
    ///
    /// [`AuditError::Broken`] unless the blob is authentic at this position.
    pub fn open(self, key: &AuditKey, blob: Vec<u8>) -> Result<(Entry, Self), AuditError> {
        let broken = AuditError::Broken { index: self.len };
        let plain = aead::open(key.0.expose(), &self.aad(), &blob)
            .map(Zeroizing::new)
            .ok_or(broken)?;
        let entry = Entry::new(&plain, blob).map_err(|_| broken)?;
        let next = self.advance(&entry);
        Ok((entry, next))
    }

    /// Computes the head after one more entry.
    #[must_use]
    pub fn advance(self, entry: &Entry) -> Self {
        let plain = kdf::sha256(&entry.plain());
        Self {
            len: self.len.saturating_add(1),
            hash: kdf::hash(labels::AUDIT, &[&self.hash, &plain, &entry.blob]),
        }
    }

    /// `u64(i) || head[i−1]`.
    fn aad(&self) -> Vec<u8> {
        [self.len.to_be_bytes().as_slice(), &self.hash].concat()
    }
}

/// One entry, in sealed and in readable form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) salt: [u8; SALT_LEN],
    pub(super) record: String,
    pub(super) blob: Vec<u8>,
}

impl Entry {
    /// Creates an entry from `salt || record` and `nonce || ciphertext || tag`.
    ///
    /// # Errors
    ///
    /// [`AuditError::Malformed`] unless the record is JSON and the blob has at
    /// least the minimum length.
    pub fn new(plain: &[u8], blob: Vec<u8>) -> Result<Self, AuditError> {
        let (salt, record) = plain.split_first_chunk().ok_or(AuditError::Malformed)?;
        let record = core::str::from_utf8(record).map_err(|_| AuditError::Malformed)?;
        if !json::is_value(record) || blob.len() < aead::NONCE_LEN + aead::TAG_LEN {
            return Err(AuditError::Malformed);
        }
        Ok(Self {
            salt: *salt,
            record: record.to_owned(),
            blob,
        })
    }

    /// The record as JSON.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    /// `nonce || ciphertext || tag`.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// `salt || record`.
    #[must_use]
    pub fn plain(&self) -> Zeroizing<Vec<u8>> {
        plain(&self.salt, &self.record)
    }
}

fn plain(salt: &[u8; SALT_LEN], record: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([salt, record.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_opens_only_at_its_position() {
        let keys = LogKeys::derive(&Secret::take(&mut [7; 32]));
        let record = r#"{"event":"sent"}"#;
        let (first, one) = Head::GENESIS.append(&keys, record);
        let (second, two) = one.append(&keys, record);
        assert_eq!(two.len(), 2);
        assert_ne!(first.salt, second.salt);
        let key = keys.sealing();
        let opened = Head::GENESIS.open(key, first.blob.clone()).unwrap();
        assert_eq!(opened, (first.clone(), one));
        assert_eq!(
            one.open(key, second.blob.clone()).unwrap(),
            (second.clone(), two)
        );
        let broken = |index| Err(AuditError::Broken { index });
        assert_eq!(Head::GENESIS.open(key, second.blob), broken(0));
        assert_eq!(one.open(key, first.blob.clone()), broken(1), "replayed");
        let moved = Head::from_stored(1, [0; HEAD_LEN]);
        assert_eq!(moved.open(key, first.blob), broken(1), "the index is bound");
        assert_eq!(Head::GENESIS.open(key, Vec::new()), broken(0));
    }

    #[test]
    fn a_nonce_seals_one_record() {
        let keys = |byte| LogKeys::derive(&Secret::take(&mut [byte; 32]));
        let nonce = |keys: &LogKeys, at: Head, record| {
            let (entry, _) = at.append(keys, record);
            entry.blob[..aead::NONCE_LEN].to_vec()
        };
        let ours = keys(7);
        let same = nonce(&ours, Head::GENESIS, "{}");
        assert_eq!(same, nonce(&ours, Head::GENESIS, "{}"), "a step repeated");
        let (_, one) = Head::GENESIS.append(&ours, "{}");
        for other in [
            nonce(&ours, Head::GENESIS, "[]"),
            nonce(&ours, one, "{}"),
            nonce(&ours, Head::from_stored(0, [1; HEAD_LEN]), "{}"),
            nonce(&keys(8), Head::GENESIS, "{}"),
        ] {
            assert_ne!(same, other);
        }
    }

    #[test]
    fn an_entry_consists_of_a_salt_and_json() {
        let entry = |record: &str| Entry::new(&plain(&[1; 16], record), vec![0; 28]);
        assert_eq!(entry("{}").unwrap().record(), "{}");
        for bad in ["", "{", "{}x", "nul"] {
            assert_eq!(entry(bad), Err(AuditError::Malformed), "{bad}");
        }
        assert!(Entry::new(&[0; 15], vec![0; 28]).is_err());
        assert!(Entry::new(b"0123456789abcdef\xff", vec![0; 28]).is_err());
        assert!(Entry::new(b"0123456789abcdef{}", vec![0; 27]).is_err());
    }
}
