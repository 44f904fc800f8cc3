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
    /// Wraps the vault key under the secret of an unlock method, replacing its
    /// previous slot. There is one slot for each passkey and for each other method.
    ///
    /// # Errors
    ///
    /// `TooManySlots`.
    pub fn add(
        &mut self,
        method: UnlockMethod,
        secret: Secret<32>,
        key: &VaultKey,
        rng: &mut impl CryptoRng,
    ) -> Result<(), VaultError> {
        self.insert(KeySlot::seal(method, secret, key, rng))
    }

    /// Removes the slot of the host's key. Returns `true` if there was one; the
    /// last slot is never removed.
    pub fn remove_host_key(&mut self) -> bool {
        self.slots.len() > 1 && self.remove(|method| *method == UnlockMethod::HostKey)
    }

    fn insert(&mut self, slot: KeySlot) -> Result<(), VaultError> {
        self.remove(|old| old.same(&slot.method));
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
        self.remove(
            |method| matches!(method, UnlockMethod::Passkey(p) if p.credential == credential),
        )
    }

    /// Removes the recovery code's slot.
    pub fn remove_recovery(&mut self) {
        self.remove(|method| *method == UnlockMethod::Recovery);
    }

    /// Removes the slots of these methods; whether there was one.
    fn remove(&mut self, gone: impl Fn(&UnlockMethod) -> bool) -> bool {
        let before = self.slots.len();
        self.slots.retain(|slot| !gone(&slot.method));
        self.slots.len() < before
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
    let mut header = VaultHeader::default();
    for _ in 0..count {
        let full = |_| Error::message("number of slots");
        header.insert(KeySlot::read(d)?).map_err(full)?;
    }
    Ok(header)
}

#[cfg(test)]
mod tests;
