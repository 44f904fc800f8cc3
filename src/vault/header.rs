//! The header: a key slot for each method of unlocking.

use minicbor::{Decoder, decode::Error};
use rand_core::CryptoRng;

use super::{
    VERSION, VaultError, VaultKey,
    key_slot::{Kdf, KeySlot, Opener, Passkey, UnlockMethod},
};
use crate::{
    base::Secret,
    crypto::cbor::{self, Deterministic},
};

/// Maximum number of slots of a header.
pub const MAX_KEY_SLOTS: usize = 8;

/// `CBOR [version, [slot, …]]`: one to eight slots in the order of their
/// kinds, at most one of a passphrase, one of a recovery code, one of a host's
/// key, and one of each passkey.
///
/// ```text
/// slot = [0, salt(16), iterations, wrapped(60)]         kek = PBKDF2(passphrase), made by the caller
///      | [1, credential id, prf salt(32), wrapped(60)]  kek = derive(PRF output, "tessera/v1/vault/passkey")
///      | [2, wrapped(60)]                               kek = derive(code's secret, "tessera/v1/vault/recovery")
///      | [3, wrapped(60)]                               kek = HKDF(host's key), made by the caller
/// wrapped = AES-256-GCM(kek, vault key, aad = parts("tessera/v1/vault/wrap", CBOR of the slot without it))
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultHeader {
    slots: Vec<KeySlot>,
}

impl VaultHeader {
    /// Creates a header without slots.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wraps the vault key under a passphrase, replacing the previous one.
    ///
    /// # Errors
    ///
    /// `TooManySlots`.
    pub fn add_passphrase(
        &mut self,
        kdf: Kdf,
        kek: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let opener = Opener::Passphrase(kek);
        self.add(KeySlot::seal(
            UnlockMethod::Passphrase(kdf),
            &opener,
            key,
            rng,
        ))
    }

    /// Wraps the vault key under a passkey's PRF output, replacing a slot of the
    /// same credential.
    ///
    /// # Errors
    ///
    /// `TooManySlots`.
    pub fn add_passkey(
        &mut self,
        passkey: Passkey,
        output: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let opener = Opener::Passkey(output);
        self.add(KeySlot::seal(
            UnlockMethod::Passkey(passkey),
            &opener,
            key,
            rng,
        ))
    }

    /// Wraps the vault key under a recovery code's secret, replacing the previous
    /// one.
    ///
    /// # Errors
    ///
    /// `TooManySlots`.
    pub fn add_recovery(
        &mut self,
        code: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let opener = Opener::Recovery(code);
        self.add(KeySlot::seal(UnlockMethod::Recovery, &opener, key, rng))
    }

    /// Wraps the vault key under what HKDF makes of a key that the host keeps,
    /// in the place of the one before.
    ///
    /// # Errors
    ///
    /// `TooManySlots`.
    pub fn add_host_key(
        &mut self,
        kek: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        let opener = Opener::HostKey(kek);
        self.add(KeySlot::seal(UnlockMethod::HostKey, &opener, key, rng))
    }

    /// Takes the slot of the host's key away; whether there was one, and what
    /// is left opens the vault. The last slot stays.
    pub fn remove_host_key(&mut self) -> bool {
        let before = self.slots.len();
        if before > 1 {
            self.slots
                .retain(|slot| slot.method != UnlockMethod::HostKey);
        }
        self.slots.len() < before
    }

    fn add(&mut self, slot: KeySlot) -> Result<(), VaultError> {
        self.slots.retain(|old| !old.method.same(&slot.method));
        if self.slots.len() == MAX_KEY_SLOTS {
            return Err(VaultError::TooManySlots);
        }
        let at = self
            .slots
            .partition_point(|old| old.method.kind() <= slot.method.kind());
        self.slots.insert(at, slot);
        Ok(())
    }

    /// Removes a passkey's slot. Returns `true` if there was one.
    pub fn remove_passkey(&mut self, credential: &[u8]) -> bool {
        let before = self.slots.len();
        self.slots.retain(
            |slot| !matches!(&slot.method, UnlockMethod::Passkey(p) if p.credential == credential),
        );
        self.slots.len() < before
    }

    /// Removes the recovery code's slot.
    pub fn remove_recovery(&mut self) {
        self.slots
            .retain(|slot| slot.method != UnlockMethod::Recovery);
    }

    /// Returns `true` if there is a slot for a recovery code.
    #[must_use]
    pub fn has_recovery(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.method == UnlockMethod::Recovery)
    }

    /// The PBKDF2 parameters of the passphrase, if there is a slot for one.
    #[must_use]
    pub fn kdf(&self) -> Option<Kdf> {
        self.slots.iter().find_map(|slot| match slot.method {
            UnlockMethod::Passphrase(kdf) => Some(kdf),
            _ => None,
        })
    }

    /// The passkeys that have a slot.
    pub fn passkeys(&self) -> impl Iterator<Item = &Passkey> {
        self.slots.iter().filter_map(|slot| match &slot.method {
            UnlockMethod::Passkey(passkey) => Some(passkey),
            _ => None,
        })
    }

    /// Unwraps the vault key.
    ///
    /// # Errors
    ///
    /// `WrongPassphrase`, for all kinds of slots.
    pub fn unwrap(&self, opener: &Opener) -> Result<VaultKey, VaultError> {
        self.slots
            .iter()
            .find_map(|slot| slot.open(opener))
            .ok_or(VaultError::WrongPassphrase)
    }

    /// Parses a header of this version.
    ///
    /// # Errors
    ///
    /// `Version` for a newer one, `Damaged` for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        match version(bytes) {
            Some(newer) if newer > VERSION => Err(VaultError::Version),
            _ => Self::decode(bytes).ok_or(VaultError::Damaged),
        }
    }
}

/// Reads the version of a header of any version.
pub(super) fn version(bytes: &[u8]) -> Option<u32> {
    let mut decoder = Decoder::new(bytes);
    decoder.array().and_then(|_| decoder.u32()).ok()
}

/// Decodes a header of version 2, which has the same format.
pub(super) fn decode_second(bytes: &[u8]) -> Option<VaultHeader> {
    let header = read(&mut Decoder::new(bytes), 2).ok()?;
    (encode_second(&header) == bytes).then_some(header)
}

pub(super) fn encode_second(header: &VaultHeader) -> Vec<u8> {
    encode(header, 2)
}

impl Deterministic for VaultHeader {
    fn encode(&self) -> Vec<u8> {
        encode(self, VERSION)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        read(d, VERSION)
    }
}

fn encode(header: &VaultHeader, version: u32) -> Vec<u8> {
    cbor::array(2, |w| {
        w.uint(version.into()).array(header.slots.len() as u64);
        header.slots.iter().for_each(|slot| slot.write(w));
    })
}

fn read(d: &mut Decoder<'_>, version: u32) -> Result<VaultHeader, Error> {
    cbor::expect_array(d, 2)?;
    if d.u32()? != version {
        return Err(Error::message("version"));
    }
    let count = d.array()?.unwrap_or_default();
    if !(1..=MAX_KEY_SLOTS as u64).contains(&count) {
        return Err(Error::message("number of slots"));
    }
    // Duplicate or unordered slots fail the re-encoding check.
    let mut header = VaultHeader::new();
    for _ in 0..count {
        let full = |_| Error::message("number of slots");
        header.add(KeySlot::read(d)?).map_err(full)?;
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KDF: Kdf = Kdf {
        salt: [7; 16],
        iterations: Kdf::ITERATIONS,
    };

    fn rng() -> impl CryptoRng {
        rand_core::UnwrapErr(getrandom::SysRng)
    }

    fn secret(byte: u8) -> Secret<32> {
        Secret::take(&mut [byte; 32])
    }

    fn passkey(byte: u8) -> Passkey {
        Passkey {
            credential: vec![byte; 20],
            salt: [byte; 32],
        }
    }

    /// Opened by a passphrase of ones, a passkey of twos, a code of threes and
    /// a host's key of fours.
    fn header(key: &VaultKey) -> VaultHeader {
        let mut header = VaultHeader::new();
        header.add_host_key(secret(4), key, &mut rng()).unwrap();
        header.add_recovery(secret(3), key, &mut rng()).unwrap();
        header
            .add_passphrase(KDF, secret(1), key, &mut rng())
            .unwrap();
        header
            .add_passkey(passkey(2), secret(2), key, &mut rng())
            .unwrap();
        header
    }

    #[test]
    fn each_slot_opens_only_with_its_own_secret() {
        let key = VaultKey::random(&mut rng());
        let read = VaultHeader::parse(&header(&key).encode()).unwrap();
        let kinds: [fn(Secret<32>) -> Opener; 4] = [
            Opener::Passphrase,
            Opener::Passkey,
            Opener::Recovery,
            Opener::HostKey,
        ];
        for (kind, right) in kinds.into_iter().zip(1..) {
            for byte in 0..6 {
                let opened = read.unwrap(&kind(secret(byte)));
                if byte == right {
                    assert_eq!(opened.unwrap().expose(), key.expose());
                } else {
                    assert_eq!(opened.unwrap_err(), VaultError::WrongPassphrase);
                }
            }
        }
        assert_eq!(read.kdf(), Some(KDF));
        assert_eq!(read.passkeys().collect::<Vec<_>>(), [&passkey(2)]);
    }

    #[test]
    fn a_wrapped_key_opens_only_under_its_own_parameters() {
        let key = VaultKey::random(&mut rng());
        let bytes = header(&key).encode();
        let openers = [
            Opener::Passphrase(secret(1)),
            Opener::Passkey(secret(2)),
            Opener::Recovery(secret(3)),
            Opener::HostKey(secret(4)),
        ];
        let mut closed = 0;
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let Ok(header) = VaultHeader::parse(&altered) else {
                continue;
            };
            let opening = openers
                .iter()
                .filter(|opener| header.unwrap(opener).is_ok());
            assert_eq!(opening.count(), 3, "byte {at}: one slot was altered");
            closed += 1;
        }
        assert!(closed > 4 * 60 + 16 + 20 + 32 - 10, "{closed} parsed");
    }

    #[test]
    fn slots_are_replaced_and_removed() {
        let key = VaultKey::random(&mut rng());
        let mut header = header(&key);
        header
            .add_passphrase(KDF, secret(9), &key, &mut rng())
            .unwrap();
        assert!(header.unwrap(&Opener::Passphrase(secret(1))).is_err());
        assert!(header.unwrap(&Opener::Passphrase(secret(9))).is_ok());
        assert!(header.remove_passkey(&[2; 20]));
        assert!(!header.remove_passkey(&[2; 20]));
        assert!(header.unwrap(&Opener::Passkey(secret(2))).is_err());
        assert!(header.unwrap(&Opener::Recovery(secret(3))).is_ok());
        assert!(header.remove_host_key());
        assert!(!header.remove_host_key());
        assert!(header.unwrap(&Opener::HostKey(secret(4))).is_err());
        let mut alone = VaultHeader::new();
        alone.add_host_key(secret(4), &key, &mut rng()).unwrap();
        assert!(!alone.remove_host_key(), "something has to open the vault");
    }

    #[test]
    fn at_most_eight_slots_fit() {
        let key = VaultKey::random(&mut rng());
        let mut header = header(&key);
        header.remove_host_key();
        for byte in 10..15 {
            header
                .add_passkey(passkey(byte), secret(byte), &key, &mut rng())
                .unwrap();
        }
        let refused = header.add_passkey(passkey(15), secret(15), &key, &mut rng());
        assert_eq!(refused, Err(VaultError::TooManySlots));
        let again = header.add_passkey(passkey(14), secret(14), &key, &mut rng());
        assert_eq!(again, Ok(()), "one that is there is replaced");
        assert!(VaultHeader::parse(&header.encode()).is_ok());
    }

    #[test]
    fn malformed_headers_are_refused() {
        type Write = fn(&mut cbor::Writer);
        fn passphrase(w: &mut cbor::Writer) {
            w.array(4)
                .uint(0)
                .bytes(&[0; 16])
                .uint(600_000)
                .bytes(&[0; 60]);
        }
        let refuse = |about: &str, version: u64, count: u64, write: &[Write]| {
            let bytes = cbor::array(2, |w| {
                w.uint(version).array(count);
                write.iter().for_each(|write| write(w));
            });
            VaultHeader::parse(&bytes).expect_err(about)
        };
        assert_eq!(refuse("newer", 4, 1, &[passphrase]), VaultError::Version);
        let damaged: [(&str, u64, &[Write]); 13] = [
            ("no slot", 0, &[]),
            ("fewer than it claims", 2, &[passphrase]),
            ("more than it claims", 1, &[passphrase, passphrase]),
            ("two passphrases", 2, &[passphrase, passphrase]),
            ("a claim", u64::MAX, &[passphrase]),
            (
                "cheap",
                1,
                &[|w| {
                    w.array(4).uint(0).bytes(&[0; 16]).uint(1).bytes(&[0; 60]);
                }],
            ),
            (
                "a short salt",
                1,
                &[|w| {
                    w.array(4)
                        .uint(0)
                        .bytes(&[0; 15])
                        .uint(600_000)
                        .bytes(&[0; 60]);
                }],
            ),
            (
                "a long key",
                1,
                &[|w| {
                    w.array(2).uint(2).bytes(&[0; 61]);
                }],
            ),
            (
                "an unknown kind",
                1,
                &[|w| {
                    w.array(2).uint(4).bytes(&[0; 60]);
                }],
            ),
            (
                "a longer slot",
                1,
                &[|w| {
                    w.array(3).uint(2).bytes(&[0; 60]).uint(0);
                }],
            ),
            (
                "no credential",
                1,
                &[|w| {
                    w.array(4)
                        .uint(1)
                        .bytes(&[])
                        .bytes(&[0; 32])
                        .bytes(&[0; 60]);
                }],
            ),
            (
                "a long credential",
                1,
                &[|w| {
                    w.array(4)
                        .uint(1)
                        .bytes(&[0; 1_024])
                        .bytes(&[0; 32])
                        .bytes(&[0; 60]);
                }],
            ),
            (
                "another order",
                2,
                &[
                    |w| {
                        w.array(2).uint(2).bytes(&[0; 60]);
                    },
                    passphrase,
                ],
            ),
        ];
        for (about, count, write) in damaged {
            assert_eq!(
                refuse(about, 2, count, write),
                VaultError::Damaged,
                "{about}"
            );
        }
        assert_eq!(VaultHeader::parse(b"").unwrap_err(), VaultError::Damaged);
    }
}
