//! The manifest: one sealed record that authenticates the set of all others.
//!
//! ```text
//! manifest = CBOR [count, root(32)]                          sealed as s/manifest
//! root     = XOR over the records of HMAC-SHA-256(manifest key, nonce(12) || store key)
//! ```
//! Every sealing of a record uses a new nonce, so rolling back, deleting or
//! adding a record changes the root. A commit costs one HMAC per changed record.
//! The HMAC key is derived from the vault key: without it, nobody can construct
//! records whose terms cancel out.
//!
//! It covers the records that a client loads, `s/` and `m/`. Bodies and entries
//! of the audit log are written once under keys that are never reused; if one is
//! missing, reading it fails. The rollback of a whole store cannot be detected.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::{VaultError, VaultKey};
use crate::{
    base::{SortedMap, labels},
    crypto::{
        aead::NONCE_LEN,
        cbor::{self, Deterministic},
        kdf::{self, Prf},
    },
};

/// The store key of the manifest.
pub const MANIFEST_KEY: &str = "s/manifest";

type Nonce = [u8; NONCE_LEN];

/// A change of the store: a record's key, and its sealed bytes, or `None` to
/// delete it.
pub type SealedChange = (String, Option<Vec<u8>>);

/// The manifest of an open vault. All changes are sealed through it.
pub struct Manifest {
    prf: Prf,
    /// The nonce of the last sealing of each record.
    nonces: SortedMap<String, Nonce>,
    tally: Tally,
}

impl Manifest {
    /// Creates the manifest of an empty vault.
    #[must_use]
    pub fn new(key: &VaultKey) -> Self {
        let prf = kdf::derive::<32>(key.expose().expose(), labels::VAULT_MANIFEST, &[]);
        Self {
            prf: Prf::new(prf.expose()),
            nonces: SortedMap::new(),
            tally: Tally::default(),
        }
    }

    /// Seals changes together with the resulting manifest. The caller must commit
    /// them in one transaction, in the order of sealing.
    pub fn seal(
        &mut self,
        changes: impl IntoIterator<Item = (String, Option<Zeroizing<Vec<u8>>>)>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Vec<SealedChange> {
        let before = self.tally;
        let mut sealed: Vec<SealedChange> = Vec::new();
        for (store_key, plain) in changes {
            let bytes = plain.map(|plain| key.seal(&store_key, &plain, rng));
            self.replace(&store_key, bytes.as_deref());
            sealed.push((store_key, bytes));
        }
        if self.tally != before {
            sealed.push(self.sealed(key, rng));
        }
        sealed
    }

    /// Seals the record of the manifest itself.
    pub(super) fn sealed(&self, key: &VaultKey, rng: &mut impl CryptoRng) -> SealedChange {
        let bytes = key.seal(MANIFEST_KEY, &self.tally.encode(), rng);
        (MANIFEST_KEY.to_owned(), Some(bytes))
    }

    /// Adds a stored record.
    pub(super) fn add(&mut self, store_key: &str, sealed: &[u8]) {
        self.replace(store_key, Some(sealed));
    }

    /// Compares the manifest with the stored one, already opened.
    ///
    /// # Errors
    ///
    /// `Damaged` if the stored manifest is missing or differs.
    pub(super) fn check(&self, stored: Option<&[u8]>) -> Result<(), VaultError> {
        let same = stored.and_then(Tally::decode) == Some(self.tally);
        same.then_some(()).ok_or(VaultError::Damaged)
    }

    fn replace(&mut self, store_key: &str, sealed: Option<&[u8]>) {
        if !is_covered(store_key) {
            return;
        }
        let nonce = sealed.and_then(|bytes| bytes.first_chunk::<NONCE_LEN>().copied());
        let former = match nonce {
            Some(nonce) => self.nonces.insert(store_key.to_owned(), nonce),
            None => self.nonces.remove(&store_key.to_owned()),
        };
        for nonce in former.into_iter().chain(nonce) {
            let term = self.prf.eval(&[&nonce, store_key.as_bytes()].concat());
            for (byte, other) in self.tally.root.iter_mut().zip(term) {
                *byte ^= other;
            }
        }
        self.tally.count = self.nonces.len() as u64;
    }
}

impl core::fmt::Debug for Manifest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Manifest({} records)", self.tally.count)
    }
}

fn is_covered(store_key: &str) -> bool {
    store_key != MANIFEST_KEY && (store_key.starts_with("s/") || store_key.starts_with("m/"))
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    root: [u8; 32],
}

impl Deterministic for Tally {
    fn encode(&self) -> Vec<u8> {
        cbor::array(2, |w| {
            w.uint(self.count).bytes(&self.root);
        })
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        cbor::expect_array(d, 2)?;
        Ok(Self {
            count: d.u64()?,
            root: cbor::fixed(d)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::vault::migrate::load;

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn key() -> VaultKey {
        VaultKey::new(crate::base::Secret::take(&mut [6; 32]))
    }

    type Store = BTreeMap<String, Vec<u8>>;

    fn commit(store: &mut Store, manifest: &mut Manifest, changes: &[(&str, Option<&str>)]) {
        let changes = changes
            .iter()
            .map(|(k, plain)| ((*k).to_owned(), plain.map(|p| p.as_bytes().to_vec().into())));
        for (store_key, bytes) in manifest.seal(changes, &key(), &mut rng()) {
            match bytes {
                Some(bytes) => store.insert(store_key, bytes),
                None => store.remove(&store_key),
            };
        }
    }

    fn opens(store: &Store) -> bool {
        load(crate::vault::VERSION, &key(), store.clone(), &mut rng()).is_ok()
    }

    /// The states of a store after each of three commits.
    fn history() -> Vec<Store> {
        let mut manifest = Manifest::new(&key());
        let mut store = Store::new();
        let commits: [&[(&str, Option<&str>)]; 4] = [
            &[("s/self", Some("me")), ("s/c/1", Some("active"))],
            &[("s/c/1", Some("suspect")), ("m/1/1", Some("a"))],
            &[
                ("m/1/1", None),
                ("m/1/2", Some("b")),
                ("b/1/2", Some("body")),
            ],
            &[("s/c/1", Some("suspect"))],
        ];
        let states = commits.map(|changes| {
            commit(&mut store, &mut manifest, changes);
            store.clone()
        });
        states.to_vec()
    }

    #[test]
    fn each_committed_state_opens() {
        for store in history() {
            assert!(opens(&store));
        }
    }

    #[test]
    fn rolled_back_deleted_or_added_records_are_detected() {
        let history = history();
        let last = history.last().unwrap();
        for store_key in last.keys().filter(|key| !key.starts_with("b/")) {
            let mut less = last.clone();
            less.remove(store_key);
            assert!(!opens(&less), "{store_key} deleted");
        }
        for earlier in &history[..3] {
            for (store_key, bytes) in earlier {
                let mut back = last.clone();
                let former = back.insert(store_key.clone(), bytes.clone());
                if former.as_ref() != Some(bytes) {
                    assert!(!opens(&back), "{store_key} put back");
                }
            }
        }
    }

    #[test]
    fn a_commit_of_uncovered_records_does_not_change_the_manifest() {
        let mut manifest = Manifest::new(&key());
        let draft = ("d/1".to_owned(), Some(vec![1].into()));
        let sealed = manifest.seal([draft], &key(), &mut rng());
        assert_eq!(sealed.len(), 1);
        assert!(manifest.seal([], &key(), &mut rng()).is_empty());
    }

    #[test]
    fn the_manifest_matches_the_store_after_many_commits() {
        let mut manifest = Manifest::new(&key());
        let mut store = Store::new();
        for round in 0..200_u32 {
            let name = format!("s/o/{}", round * 7 % 31);
            let change = (round % 3 != 0).then_some("x");
            commit(&mut store, &mut manifest, &[(&name, change)]);
        }
        assert!(opens(&store));
    }
}
