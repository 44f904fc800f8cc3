//! Vaults of earlier versions in `tests/data/vaults`, which must always open.
//! `pkg/test/write-vaults.mjs` wrote them.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{collections::BTreeMap, fs, path::Path, sync::Mutex};

use tessera::{
    base::{Secret, UnixTime},
    client::{Client, Outgoing, StoreKey},
    vault::{
        HEADER_KEY, Kdf, LoadedRecords, MANIFEST_KEY, Opener, SealedChange, StoredHeader,
        UnlockedVault, VaultError,
    },
};

const PASSPHRASE: &[u8] = b"correct horse battery staple";

/// The contents of a store.
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

/// PBKDF2 is slow, so the key is computed once per header.
fn kek(kdf: Kdf, passphrase: &[u8]) -> [u8; 32] {
    type SaltAndPassphrase = ([u8; 16], Vec<u8>);
    static MADE: Mutex<BTreeMap<SaltAndPassphrase, [u8; 32]>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap();
    let key = (kdf.salt, passphrase.to_vec());
    *made.entry(key).or_insert_with(|| {
        let mut kek = [0; 32];
        pbkdf2::pbkdf2_hmac::<sha2::Sha256>(passphrase, &kdf.salt, kdf.iterations, &mut kek);
        kek
    })
}

fn open(store: &Store, passphrase: &[u8]) -> Result<(UnlockedVault, LoadedRecords), VaultError> {
    let header = StoredHeader::parse(&store[HEADER_KEY])?;
    let kek = Secret::take(&mut kek(header.kdf().unwrap(), passphrase));
    let loaded = store
        .iter()
        .filter(|(key, _)| key.starts_with("s/") || key.starts_with("m/"))
        .map(|(key, bytes)| (key.clone(), bytes.clone()));
    header.open(Opener::Passphrase(kek), loaded, &mut rng())
}

fn commit(store: &mut Store, changes: Vec<SealedChange>) {
    for (key, bytes) in changes {
        match bytes {
            Some(bytes) => store.insert(key, bytes),
            None => store.remove(&key),
        };
    }
}

#[test]
fn older_vaults_migrate_and_work() {
    for (name, contact, received, file) in [
        ("v1-rivera.txt", "Ana Gómez", None, Some("scan.bin")),
        (
            "v1-ana.txt",
            "Dr. Rivera",
            Some("Continue metformin 500mg BID."),
            Some("scan.bin"),
        ),
        ("v2-rivera.txt", "Ana Gómez", None, Some("scan.bin")),
        (
            "v2-ana.txt",
            "Dr. Rivera",
            Some("Continue metformin 500mg BID."),
            Some("scan.bin"),
        ),
    ] {
        let mut store = written(name);
        let (vault, mut loaded) = open(&store, PASSPHRASE).unwrap();
        let changed: Vec<&str> = loaded.changes.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(changed.last(), Some(&HEADER_KEY), "{name}");
        assert!(changed.contains(&MANIFEST_KEY), "{name}");
        let migrated = |key: &str| {
            let paged = key.starts_with("m/") || key.starts_with("s/o/");
            key == HEADER_KEY || key == MANIFEST_KEY || key == "s/relay" || paged
        };
        assert!(changed.iter().all(|key| migrated(key)), "{name}");
        let mut client = Client::load(&loaded.records).unwrap();

        let contacts = client.contacts();
        assert_eq!(contacts.len(), 1);
        assert_eq!(contacts[0].name, contact);
        assert_eq!(contacts[0].state, "active");
        let id = contacts[0].id;
        let messages = client.messages(id, None, 10).unwrap();
        assert!(messages.len() >= 2, "{name}");
        assert!(
            messages
                .iter()
                .flat_map(|message| &message.attachments)
                .any(|attachment| attachment.filename.as_deref() == file),
            "{name}: the file has its name"
        );
        for message in &messages {
            let key = StoreKey::Body(message.id).to_string();
            let body = vault.key.open(&key, &store[&key]).unwrap();
            if let Some(text) = received
                && message.text_at.is_some()
            {
                assert_eq!(body.as_slice(), text.as_bytes());
            }
        }

        commit(&mut store, loaded.changes);
        let (again, unchanged) = open(&store, PASSPHRASE).unwrap();
        assert!(unchanged.changes.is_empty(), "{name}: migrated once");
        assert_eq!(again.key.expose(), vault.key.expose());
        assert_eq!(again.header, vault.header);

        let outgoing = Outgoing {
            text: Some("Written after the migration."),
            attachments: Vec::new(),
            session: "",
        };
        let now = UnixTime(messages.last().unwrap().sent_at + 86_400);
        let sent = client.send(id, outgoing, now, &mut rng()).unwrap();
        let sealed = loaded.manifest.seal(sent.changes, &vault.key, &mut rng());
        commit(&mut store, sealed);
        let (_, later) = open(&store, PASSPHRASE).unwrap();
        let client = Client::load(&later.records).unwrap();
        let count = client.messages(id, None, 10).unwrap().len();
        assert_eq!(count, messages.len() + 1, "{name}");
        assert_eq!(
            open(&store, b"wrong").unwrap_err(),
            VaultError::WrongPassphrase
        );
    }
}

/// Rolls back and deletes each record of a real vault, as an attacker with write
/// access to the store can.
#[test]
fn rollback_or_deletion_of_a_record_is_detected() {
    let mut store = written("v2-ana.txt");
    let (vault, mut loaded) = open(&store, PASSPHRASE).unwrap();
    commit(&mut store, loaded.changes);
    let before = store.clone();
    // Reseal every record, as if all of them had changed.
    let changes = loaded
        .records
        .iter()
        .map(|(key, plain)| (key.clone(), Some(plain.clone())));
    let sealed = loaded.manifest.seal(changes, &vault.key, &mut rng());
    commit(&mut store, sealed);
    assert!(open(&store, PASSPHRASE).is_ok());
    let covered = |key: &&String| key.starts_with("s/") || key.starts_with("m/");
    for key in before.keys().filter(covered) {
        let mut back = store.clone();
        back.insert(key.clone(), before[key].clone());
        let refused = open(&back, PASSPHRASE).unwrap_err();
        assert_eq!(refused, VaultError::Damaged, "{key} put back");
        back.remove(key);
        let refused = open(&back, PASSPHRASE).unwrap_err();
        assert_eq!(refused, VaultError::Damaged, "{key} deleted");
    }
    // The rollback of the whole store cannot be detected.
    assert!(open(&before, PASSPHRASE).is_ok());
}

#[test]
fn an_older_vault_is_unchanged_without_its_passphrase() {
    for name in ["v1-ana.txt", "v2-ana.txt"] {
        let refused = open(&written(name), b"wrong").unwrap_err();
        assert_eq!(refused, VaultError::WrongPassphrase);
    }
}

#[test]
fn a_newer_version_is_refused() {
    let mut store = written("v1-ana.txt");
    store.get_mut(HEADER_KEY).unwrap()[1] = 4;
    assert_eq!(open(&store, PASSPHRASE).unwrap_err(), VaultError::Version);
}
