//! The ratchet and its frames, compared with vectors of another implementation,
//! and a search for old keys on a device.

use std::{
    collections::HashSet,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tessera::{
    base::{Secret, UnixTime},
    wire::CellSize,
};
use tessera_relay::{
    cover::CoverRule,
    store::{
        Closing, Kind, SqliteStore, Store as _,
        ratchet::{
            KeyFile, StepKey,
            frame::{Frame, FrameEntry, Sealer},
        },
    },
};

use crate::{bucket, entries, sqlite::options};

const VECTORS: &str = include_str!("../vectors/ratchet.json");
/// Bytes of a cell in the vectors.
const CELL_LEN: usize = 256;

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    let text = value.as_str().unwrap();
    let bytes: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

fn key(value: &Value) -> StepKey {
    StepKey::from_secret(Secret::take(&mut bytes(value)))
}

fn seal(key: &StepKey, kind: Kind, cell: &[u8]) -> Vec<u8> {
    let entry = FrameEntry {
        bucket: 1,
        waited: 0,
        cell,
    };
    let mut sealer = Sealer::with([7; 16], 0);
    sealer.seal(key, kind, 9, &[entry], cell.len()).unwrap()
}

#[test]
fn keys_advance_as_in_the_vectors() {
    let vectors = vectors();
    let steps = vectors["steps"].as_array().unwrap();
    assert!(steps.len() >= 3);
    for step in steps {
        let r = bytes(&step["r"]);
        let next = key(&step["key"]).next(Kind::Numbered, &r).unwrap();
        let lobby = key(&step["key"]).next(Kind::Lobby, &r).unwrap();
        // Keys cannot be read, so the test compares what they seal.
        let expected = seal(&key(&step["next"]), Kind::Numbered, &[5; 10]);
        assert_eq!(seal(&next, Kind::Numbered, &[5; 10]), expected);
        assert_ne!(seal(&lobby, Kind::Numbered, &[5; 10]), expected);
    }
}

#[test]
fn frames_match_the_vectors() {
    let vectors = vectors();
    let frame = &vectors["frame"];
    let cells = [vec![0x11; CELL_LEN], vec![0x22; CELL_LEN]];
    let listed = frame["entries"].as_array().unwrap();
    assert_eq!(listed.len(), cells.len());
    let entries: Vec<FrameEntry<'_>> = listed
        .iter()
        .zip(&cells)
        .map(|(entry, cell)| {
            let digest: [u8; 32] = Sha256::digest(cell).into();
            assert_eq!(digest, bytes::<32>(&entry["cell_sha256"]));
            FrameEntry {
                bucket: entry["bucket"].as_u64().unwrap() as u32,
                waited: entry["waited"].as_u64().unwrap() as u8,
                cell,
            }
        })
        .collect();
    let mut sealer = Sealer::with(bytes(&frame["proc"]), frame["n"].as_u64().unwrap());
    let (key, step) = (key(&frame["key"]), frame["i"].as_u64().unwrap());
    let sealed = sealer
        .seal(&key, Kind::Numbered, step, &entries, CELL_LEN)
        .unwrap();
    assert_eq!(sealed[..49], bytes::<49>(&frame["head"]));
    let digest: [u8; 32] = Sha256::digest(&sealed).into();
    assert_eq!(digest, bytes::<32>(&frame["sha256"]));
    let opened = Frame::open(&key, Kind::Numbered, step, sealed, CELL_LEN).unwrap();
    assert_eq!(opened.entries().collect::<Vec<_>>(), entries);
}

/// An ext4 file system in a file, mounted.
struct Device {
    directory: TempDir,
}

impl Device {
    /// `None` if mounting is not permitted.
    fn mount(make: &[&str], options: &str) -> Option<Self> {
        let directory = TempDir::new().unwrap();
        let device = Self { directory };
        std::fs::create_dir(device.path()).unwrap();
        let image = std::fs::File::create(device.image()).unwrap();
        image.set_len(24 << 20).unwrap();
        let run = |command: &mut Command| {
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        let made = run(Command::new("mkfs.ext4")
            .args(make)
            .arg("-q")
            .arg(device.image()));
        let mounted = made
            && run(Command::new("mount")
                .args(["-o", &format!("loop,{options}")])
                .args([device.image(), device.path()]));
        if !mounted {
            println!("SKIPPED: no file system may be made and mounted here");
        }
        mounted.then_some(device)
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// The bytes of the device after everything was written.
    fn unmount(self) -> Vec<u8> {
        let unmounted = Command::new("umount").arg(self.path()).status().unwrap();
        assert!(unmounted.success());
        std::fs::read(self.image()).unwrap()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Has no effect after `unmount`.
        let mut again = Command::new("umount");
        let _ = again.arg(self.path()).stderr(Stdio::null()).status();
    }
}

/// Runs a store for some epochs on a device; returns how many old keys are found on
/// it afterwards, and how many there were.
fn old_keys_on(device: Device) -> (usize, usize) {
    let path = device.path().join("relay.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut old: Vec<Vec<u8>> = Vec::new();
    runtime.block_on(async {
        let store = SqliteStore::open(&path, &options(2048, 2)).unwrap();
        for epoch in 1..=20 {
            let keys = std::fs::read(path.with_extension("db-keys")).unwrap();
            let slots = keys.chunks(512).skip(1).map(|slot| slot[8..40].to_vec());
            old.extend(slots.filter(|key| key.iter().any(|byte| *byte != 0)));
            store.put(entries(bucket(0), 5)).await.unwrap();
            let closing = Closing {
                buckets: vec![bucket(0)],
                epoch,
                closed_at: UnixTime(epoch),
                cell_size: CellSize::DEFAULT,
                rule: CoverRule::Fixed(0),
                cover: Vec::new(),
            };
            store.close(closing).await.unwrap();
            store.end_epoch(Kind::Numbered, u8::MAX).await.unwrap();
        }
        let keys = std::fs::read(path.with_extension("db-keys")).unwrap();
        old.retain(|key| !keys.windows(32).any(|window| window == key));
        store.shutdown().await;
    });
    found_on(device, &old)
}

/// Returns how many of these keys are found on a device, and their number.
fn found_on(device: Device, keys: &[Vec<u8>]) -> (usize, usize) {
    let device = device.unmount();
    let starts: HashSet<&[u8]> = keys.iter().map(|key| &key[..8]).collect();
    let mut is_first = [false; 256];
    for start in &starts {
        is_first[usize::from(start[0])] = true;
    }
    let found: HashSet<&[u8]> = device
        .windows(8)
        .filter(|window| is_first[usize::from(window[0])] && starts.contains(window))
        .collect();
    (found.len(), starts.len())
}

#[test]
fn old_keys_are_not_on_the_device() {
    let Some(device) = Device::mount(&[], "rw") else {
        return;
    };
    let (found, of) = old_keys_on(device);
    assert_eq!((found, of), (0, 20));
}

/// The same search finds keys on a file system that keeps copies, which shows that
/// the search works and that the warning at start is justified.
#[test]
fn a_file_system_that_journals_data_keeps_old_keys() {
    let Some(device) = Device::mount(&[], "data=journal") else {
        return;
    };
    let mut keys = KeyFile::open(&device.path().join("keys")).unwrap();
    let mut old = Vec::new();
    for step in 1..=20 {
        let mut secret = [0; 32];
        rand_core::Rng::fill_bytes(&mut tessera_relay::random::system(), &mut secret);
        old.push(secret.to_vec());
        let key = StepKey::from_secret(Secret::take(&mut secret));
        keys.put(Kind::Numbered, step, key).unwrap();
        keys.erase_all_but(Kind::Numbered, step).unwrap();
    }
    old.pop();
    drop(keys);
    let (found, of) = found_on(device, &old);
    assert!(found > of / 2, "{found} of {of}");
}
