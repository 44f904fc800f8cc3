//! How the keys reach a new member: sealed for a one-time key, over any channel on
//! which the operator recognizes the key.
//!
//! ```text
//! key        = "tsrm1" || base64url(X25519 public key)            printed by `member new`
//! admission  = "tsra1" || base64url(enc(32) || ciphertext)        printed by `member admit`
//! ciphertext = HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM (RFC 9180),
//!              info = "tessera/relay/member/1", aad = the service's name
//! plaintext  = seed(32) || u64 step || key(32)  numbered || u64 step || key(32)  lobby
//! ```

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _},
    path::{Path, PathBuf},
};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use tessera::base::Secret;
use tokio_rustls::rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE,
    hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey},
};
use zeroize::Zeroizing;

use super::{ReplicaError, open_state};
use crate::{
    files::{PathError, create_private},
    store::{Kind, log::StateDir, ratchet::StepKey},
};

const KEY_PREFIX: &str = "tsrm1";
const ADMISSION_PREFIX: &str = "tsra1";
const INFO: &[u8] = b"tessera/relay/member/1";
const KEY_LEN: usize = 32;
const PLAIN_LEN: usize = 32 + 2 * (8 + 32);

/// Generates the one-time key of a new member and stores its private half in the
/// member's directory; returns the public half as text. A previous one is replaced.
///
/// # Errors
///
/// [`ReplicaError::StateExists`], [`ReplicaError::Io`].
pub fn new(directory: &Path) -> Result<String, ReplicaError> {
    refuse_existing(directory)?;
    let (public, private) = SUITE
        .generate_key_pair()
        .map_err(|_| ReplicaError::MemberKeyInvalid)?;
    let path = one_time_key(directory);
    write(directory, &path, private.secret_bytes()).map_err(PathError::at(&path))?;
    Ok(text(KEY_PREFIX, &public.0))
}

/// Seals the keys of the member in this directory for a new one of the same service.
///
/// # Errors
///
/// [`ReplicaError::MemberKeyInvalid`], or as for [`open_state`].
pub fn admit(directory: &Path, service: &str, key: &str) -> Result<String, ReplicaError> {
    let public = bytes(KEY_PREFIX, key).filter(|bytes| bytes.len() == KEY_LEN);
    let public = HpkePublicKey(public.ok_or(ReplicaError::MemberKeyInvalid)?);
    let state = open_state(directory)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN_LEN));
    plain.extend_from_slice(state.seed().expose());
    for kind in Kind::ALL {
        // Present in every directory that opens, unless it was damaged.
        let (step, key) = state
            .last_key(kind)
            .ok_or(ReplicaError::StateMissing(directory.to_owned()))?;
        plain.extend_from_slice(&step.to_be_bytes());
        plain.extend_from_slice(key.expose());
    }
    let (enc, sealed) = SUITE
        .seal(INFO, service.as_bytes(), &plain, &public)
        .map_err(|_| ReplicaError::MemberKeyInvalid)?;
    Ok(text(ADMISSION_PREFIX, &[enc.0, sealed].concat()))
}

/// Opens an admission with the one-time key, stores the keys of this member, and
/// erases the one-time key.
///
/// # Errors
///
/// [`ReplicaError::StateExists`], [`ReplicaError::AdmissionInvalid`],
/// [`ReplicaError::State`], [`ReplicaError::Io`].
pub fn join(directory: &Path, service: &str, admission: &str) -> Result<(), ReplicaError> {
    refuse_existing(directory)?;
    let path = one_time_key(directory);
    let private = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ReplicaError::AdmissionInvalid);
        }
        read => HpkePrivateKey::from(read.map_err(PathError::at(&path))?),
    };
    let sealed = bytes(ADMISSION_PREFIX, admission).ok_or(ReplicaError::AdmissionInvalid)?;
    let (enc, sealed) = sealed
        .split_at_checked(KEY_LEN)
        .ok_or(ReplicaError::AdmissionInvalid)?;
    let enc = EncapsulatedSecret(enc.to_vec());
    let plain = SUITE
        .open(&enc, INFO, service.as_bytes(), sealed, &private)
        .map_err(|_| ReplicaError::AdmissionInvalid)?;
    let (seed, keys) = parse(&Zeroizing::new(plain)).ok_or(ReplicaError::AdmissionInvalid)?;
    StateDir::admit(directory, &seed, keys)?;
    Ok(erase(&path).map_err(PathError::at(&path))?)
}

fn one_time_key(directory: &Path) -> PathBuf {
    directory.join("joining.key")
}

fn refuse_existing(directory: &Path) -> Result<(), ReplicaError> {
    match open_state(directory) {
        Err(ReplicaError::StateMissing(_)) => Ok(()),
        _ => Err(ReplicaError::StateExists(directory.to_owned())),
    }
}

/// Creates a file that only its owner may read.
fn write(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    if path.exists() {
        erase(path)?;
    }
    let mut file = create_private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Overwrites the file in place and removes it.
fn erase(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    file.write_all_at(&[0; KEY_LEN], 0)?;
    file.sync_data()?;
    fs::remove_file(path)
}

fn parse(plain: &[u8]) -> Option<(Secret<32>, [(u64, StepKey); 2])> {
    let (seed, mut rest) = plain.split_at_checked(32)?;
    let mut ratchet = || {
        let (step, after) = rest.split_first_chunk()?;
        let (key, after) = after.split_at_checked(32)?;
        rest = after;
        let key = StepKey::from_secret(Secret::from_slice(key)?);
        Some((u64::from_be_bytes(*step), key))
    };
    let keys = [ratchet()?, ratchet()?];
    let seed = Secret::from_slice(seed)?;
    rest.is_empty().then_some((seed, keys))
}

fn text(prefix: &str, bytes: &[u8]) -> String {
    format!("{prefix}{}", Base64UrlUnpadded::encode_string(bytes))
}

fn bytes(prefix: &str, text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text.trim().strip_prefix(prefix)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(directory: &Path) -> Secret<32> {
        open_state(directory).unwrap().seed().duplicate()
    }

    #[test]
    fn an_admission_opens_once_and_only_for_its_member_and_service() {
        let directory = tempfile::tempdir().unwrap();
        let [first, second, stranger] = ["a", "b", "c"].map(|name| directory.path().join(name));
        StateDir::create(&first).unwrap();
        let key = new(&second).unwrap();
        let admission = admit(&first, "CLINIC", &key).unwrap();
        new(&stranger).unwrap();
        let refused = |path: &Path, service: &str, admission: &str| {
            let error = join(path, service, admission).unwrap_err();
            assert_eq!(error.code(), "ADMISSION_INVALID");
            assert_eq!(open_state(path).unwrap_err().code(), "STATE_MISSING");
        };
        refused(&stranger, "CLINIC", &admission);
        refused(&second, "OTHER", &admission);
        refused(&second, "CLINIC", &key);
        refused(&second, "CLINIC", &admission[..admission.len() - 4]);
        refused(&second, "CLINIC", "");
        let mut other = admission.clone().into_bytes();
        other[100] = if other[100] == b'A' { b'B' } else { b'A' };
        refused(&second, "CLINIC", std::str::from_utf8(&other).unwrap());
        let replaced = new(&second).unwrap();
        refused(&second, "CLINIC", &admission);
        let admission = admit(&first, "CLINIC", &replaced).unwrap();
        join(&second, "CLINIC", &format!("{admission}\n")).unwrap();
        assert!(!one_time_key(&second).exists());
        assert_eq!(seed(&first), seed(&second));
        let [had, has] = [&first, &second].map(|path| open_state(path).unwrap());
        for kind in Kind::ALL {
            let [had, has] = [&had, &has].map(|state| state.last_key(kind).unwrap());
            assert_eq!((had.0, had.1.expose()), (has.0, has.1.expose()));
        }
        let error = join(&second, "CLINIC", &admission).unwrap_err();
        assert_eq!(error.code(), "STATE_EXISTS");
    }

    #[test]
    fn a_member_with_keys_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        StateDir::create(directory.path()).unwrap();
        let before = seed(directory.path());
        assert_eq!(new(directory.path()).unwrap_err().code(), "STATE_EXISTS");
        // Also not if one of its files is damaged.
        fs::write(directory.path().join("ratchet"), [0; 4096]).unwrap();
        assert_eq!(new(directory.path()).unwrap_err().code(), "STATE_EXISTS");
        assert_eq!(
            open_state(directory.path()).unwrap_err().code(),
            "STATE_DAMAGED"
        );
        assert_eq!(
            fs::read(directory.path().join("origin.key")).unwrap(),
            before.expose()
        );
    }

    #[test]
    fn invalid_keys_of_members_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        StateDir::create(directory.path()).unwrap();
        let (zero, short) = (text(KEY_PREFIX, &[0; 32]), text(KEY_PREFIX, &[7; 31]));
        for key in [
            "",
            "tsrm1",
            "tsrm1%%%",
            &zero,
            &short,
            &text("tsrm2", &[7; 32]),
        ] {
            let error = admit(directory.path(), "T", key).unwrap_err();
            assert_eq!(error.code(), "MEMBER_KEY_INVALID", "{key}");
        }
    }
}
