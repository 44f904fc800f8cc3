//! Vaults that earlier versions wrote, in `tests/data/vaults`: what was
//! written once must open for ever. `pkg/test/write-vaults.mjs` made them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{collections::BTreeMap, fs, path::Path};

use tessera::{
    base::{Secret, UnixTime},
    client::{Client, Outgoing, StoreKey},
    vault::{HEADER_KEY, OpenedVault, Opener, StoredHeader, VaultError},
};

const PASSPHRASE: &[u8] = b"correct horse battery staple";

/// Everything that the store held.
type Store = BTreeMap<String, Vec<u8>>;

fn written(name: &str) -> Store {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vaults");
    let text = fs::read_to_string(path.join(name)).unwrap();
    let record = |line: &str| {
        let (key, bytes) = line.split_once(' ').unwrap();
        (key.to_owned(), hex::decode(bytes).unwrap())
    };
    text.lines().map(record).collect()
}

fn rng() -> impl rand_core::CryptoRng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn open(store: &Store, passphrase: &[u8]) -> Result<OpenedVault, VaultError> {
    let header = StoredHeader::parse(&store[HEADER_KEY])?;
    let kdf = header.kdf().unwrap();
    let kek = Secret::fill_with(|kek| {
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(passphrase, &kdf.salt, kdf.iterations, kek);
    });
    let loaded = store
        .iter()
        .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
        .map(|(key, bytes)| (key.clone(), bytes.clone()));
    header.open(Opener::Passphrase(kek), loaded, &mut rng())
}

#[test]
fn version_1_is_migrated_and_works() {
    for (name, contact, received) in [
        ("v1-rivera.txt", "Ana Gómez", None),
        (
            "v1-ana.txt",
            "Dr. Rivera",
            Some("Continue metformin 500mg BID."),
        ),
    ] {
        let mut store = written(name);
        let opened = open(&store, PASSPHRASE).unwrap();
        assert_eq!(opened.commit.len(), 1, "{name}: the header alone");
        assert_eq!(opened.commit[0].0, HEADER_KEY);
        let mut client = Client::load(&opened.records).unwrap();

        let contacts = client.contacts();
        assert_eq!(contacts.len(), 1);
        assert_eq!(contacts[0].name, contact);
        assert_eq!(contacts[0].state, "active");
        let id = contacts[0].id;
        let messages = client.messages(id, None, 10).unwrap();
        assert!(messages.len() >= 2, "{name}");
        for message in &messages {
            let key = StoreKey::Body(message.id).to_string();
            let body = opened.key.open(&key, &store[&key]).unwrap();
            if let Some(text) = received
                && message.content_type.starts_with("text/")
            {
                assert_eq!(body.as_slice(), text.as_bytes());
            }
        }
        let outgoing = Outgoing {
            content_type: "text/plain",
            body: b"Written after the migration."[..].into(),
            filename: None,
            session: "",
        };
        let now = UnixTime(messages.last().unwrap().sent_at + 86_400);
        let sent = client.send(id, outgoing, now, &mut rng()).unwrap();
        assert!(!sent.changes.is_empty());

        store.extend(opened.commit);
        let again = open(&store, PASSPHRASE).unwrap();
        assert!(again.commit.is_empty(), "{name}: migrated once");
        assert_eq!(again.key.expose(), opened.key.expose());
        assert_eq!(again.header, opened.header);
        assert_eq!(
            open(&store, b"wrong").unwrap_err(),
            VaultError::WrongPassphrase
        );
    }
}

#[test]
fn version_1_stays_as_it_is_without_its_passphrase() {
    let store = written("v1-ana.txt");
    assert_eq!(
        open(&store, b"wrong").unwrap_err(),
        VaultError::WrongPassphrase
    );
}

#[test]
fn a_version_to_come_is_refused() {
    let mut store = written("v1-ana.txt");
    store.get_mut(HEADER_KEY).unwrap()[1] = 3;
    assert_eq!(open(&store, PASSPHRASE).unwrap_err(), VaultError::Version);
}
