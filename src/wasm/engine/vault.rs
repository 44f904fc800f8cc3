//! Unlock methods of the vault.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, Vault, outcome, time};
use crate::{
    base::{ErrorCode, Secret, UnixTime},
    client::{AuditEvent, UnlockedBy},
    vault::{Kdf, MAX_CREDENTIAL_LEN, Opener, Passkey, RecoveryCode, StoredHeader, UnlockMethod},
    wasm::{
        bytes::{array, fixed, invalid, rng, secret, text},
        error::{JsResult, js_error},
        object::{object, set},
    },
};

/// How a stored vault is opened: `{ salt?, iterations?, passkeys: [{ id, salt
/// }, …] }`.
///
/// # Errors
///
/// `VAULT_VERSION` or `VAULT_DAMAGED`.
#[wasm_bindgen(js_name = vaultWays)]
pub fn vault_ways(header: &Uint8Array) -> JsResult<JsValue> {
    let header = StoredHeader::parse(&header.to_vec())?;
    Ok(ways(header.kdf(), header.passkeys()))
}

#[wasm_bindgen]
impl Engine {
    /// Replaces the passphrase of the vault, or adds the first one. `old` must open
    /// a key slot of this kind, which shows that the caller may change how the
    /// vault is opened.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = changePassphrase, unchecked_return_type = "Effects")]
    pub fn change_passphrase(
        &mut self,
        kind: u8,
        old: &Uint8Array,
        kek: &Uint8Array,
        salt: &Uint8Array,
        iterations: u32,
        now: f64,
    ) -> JsResult<JsValue> {
        let (kdf, now) = (kdf(salt, iterations)?, time(now)?);
        let kek = secret(kek, "kek")?;
        self.vault.header.unwrap(&opener(kind, old)?)?;
        self.add(UnlockMethod::Passphrase(kdf), kek, now)
    }

    /// Adds a passkey to the vault. `output` is the result of its PRF extension for
    /// `salt`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = addPasskey, unchecked_return_type = "Effects")]
    pub fn add_passkey(
        &mut self,
        credential: &Uint8Array,
        salt: &Uint8Array,
        output: &Uint8Array,
        now: f64,
    ) -> JsResult<JsValue> {
        let now = time(now)?;
        let credential = credential.to_vec();
        if !(1..=MAX_CREDENTIAL_LEN).contains(&credential.len()) {
            return Err(invalid("credential is not 1 to 1023 bytes"));
        }
        let salt = fixed(salt, "salt")?;
        let passkey = Passkey { credential, salt };
        let output = secret(output, "output")?;
        self.add(UnlockMethod::Passkey(passkey), output, now)
    }

    /// Removes a passkey from the vault; an unknown one changes nothing.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = removePasskey, unchecked_return_type = "Effects")]
    pub fn remove_passkey(&mut self, credential: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let now = time(now)?;
        if self.vault.header.remove_passkey(&credential.to_vec()) {
            self.rekeyed(now, JsValue::UNDEFINED)
        } else {
            outcome(Array::new(), &[], JsValue::UNDEFINED)
        }
    }

    /// Replaces or removes the host's key of the vault.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if there is no room for it, or if nothing else opens
    /// the vault.
    #[wasm_bindgen(js_name = setHostKey, unchecked_return_type = "Effects")]
    pub fn set_host_key(&mut self, kek: Option<Uint8Array>, now: f64) -> JsResult<JsValue> {
        let now = time(now)?;
        if let Some(kek) = kek {
            return self.add(UnlockMethod::HostKey, secret(&kek, "key")?, now);
        }
        if !self.vault.header.remove_host_key() {
            return Err(invalid("key: nothing else opens the vault, or no key does"));
        }
        self.rekeyed(now, JsValue::UNDEFINED)
    }

    /// Logs that the vault is being locked.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn locked(&mut self, idle: bool, now: f64) -> JsResult<JsValue> {
        let event = AuditEvent::Locked { idle };
        self.vault.give(Ok(self.client.record([event], time(now)?)))
    }

    /// Logs that the vault was unlocked, with which kind of key slot, and the number
    /// of failed attempts since the last time.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn unlocked(&mut self, kind: u8, failed: u32, now: f64) -> JsResult<JsValue> {
        let by = match kind {
            0 => UnlockedBy::Passphrase,
            1 => UnlockedBy::Passkey,
            3 => UnlockedBy::HostKey,
            _ => return Err(invalid("kind")),
        };
        let failed = (failed > 0).then_some(AuditEvent::UnlockFailed { count: failed });
        let events = failed.into_iter().chain([AuditEvent::Unlocked { by }]);
        self.vault.give(Ok(self.client.record(events, time(now)?)))
    }

    /// The unlock methods of the vault, as from `vaultWays`.
    #[wasm_bindgen(unchecked_return_type = "VaultWays")]
    #[must_use]
    pub fn ways(&self) -> JsValue {
        ways(self.vault.header.kdf(), self.vault.header.passkeys())
    }
}

impl Engine {
    fn add(&mut self, method: UnlockMethod, kek: Secret<32>, now: UnixTime) -> JsResult<JsValue> {
        let Vault { key, header, .. } = &mut self.vault;
        header.add(method, kek, key, &mut rng())?;
        self.rekeyed(now, JsValue::UNDEFINED)
    }

    /// One commit of the new header and the log entry about it.
    pub(super) fn rekeyed(&mut self, now: UnixTime, value: JsValue) -> JsResult<JsValue> {
        let effects = self.client.record([AuditEvent::Rekeyed], now);
        let commit = self.vault.seal(effects.changes);
        commit.push(&self.vault.header_change());
        outcome(commit, &effects.events, value)
    }
}

/// The opener of a key slot of this kind. A recovery code is given as text.
pub(super) fn opener(kind: u8, bytes: &Uint8Array) -> JsResult<Opener> {
    match kind {
        0 => secret(bytes, "secret").map(Opener::Passphrase),
        1 => secret(bytes, "secret").map(Opener::Passkey),
        2 => RecoveryCode::parse(&text(bytes, "secret")?)
            .map(|code| code.opener())
            .ok_or_else(|| {
                let message = "not a recovery code, or a mistyped one";
                js_error(ErrorCode::RecoveryCodeMalformed, message)
            }),
        3 => secret(bytes, "secret").map(Opener::HostKey),
        _ => Err(invalid("kind")),
    }
}

pub(super) fn kdf(salt: &Uint8Array, iterations: u32) -> JsResult<Kdf> {
    Ok(Kdf {
        salt: fixed(salt, "salt")?,
        iterations,
    })
}

fn ways<'a>(kdf: Option<Kdf>, passkeys: impl IntoIterator<Item = &'a Passkey>) -> JsValue {
    let passkey = |passkey: &Passkey| {
        object(&[
            ("id", array(&passkey.credential).into()),
            ("salt", array(&passkey.salt).into()),
        ])
    };
    let passkeys: Array = passkeys.into_iter().map(passkey).collect();
    let ways = object(&[("passkeys", passkeys.into())]);
    if let Some(kdf) = kdf {
        set(&ways, "salt", &array(&kdf.salt));
        set(&ways, "iterations", &kdf.iterations.into());
    }
    ways
}
