//! The ways to open the vault.

use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, outcome, vault_error};
use crate::{
    crypto::cbor::Deterministic as _,
    vault::{HEADER_KEY, Kdf, MAX_CREDENTIAL_LEN, Opener, Passkey, StoredHeader},
    wasm::{
        bytes::{array, invalid, rng, secret},
        error::{JsResult, set},
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
    let header = StoredHeader::parse(&header.to_vec()).map_err(vault_error)?;
    Ok(ways(header.kdf(), header.passkeys()))
}

#[wasm_bindgen]
impl Engine {
    /// Has another passphrase open the vault from now on. `old` is what the
    /// one before gives.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = changePassphrase)]
    pub fn change_passphrase(
        &mut self,
        old: &Uint8Array,
        kek: &Uint8Array,
        salt: &Uint8Array,
        iterations: u32,
    ) -> JsResult<JsValue> {
        let kdf = kdf(salt, iterations)?;
        let kek = secret(kek, "kek")?;
        self.header
            .unwrap(&Opener::Passphrase(secret(old, "old")?))
            .and_then(|_| self.header.add_passphrase(kdf, kek, &self.key, &mut rng()))
            .map_err(vault_error)?;
        self.header_changed()
    }

    /// Has a passkey open the vault too: `output` is what its PRF extension
    /// gives for `salt`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = addPasskey)]
    pub fn add_passkey(
        &mut self,
        credential: &Uint8Array,
        salt: &Uint8Array,
        output: &Uint8Array,
    ) -> JsResult<JsValue> {
        let credential = credential.to_vec();
        if !(1..=MAX_CREDENTIAL_LEN).contains(&credential.len()) {
            return Err(invalid("credential is not 1 to 1023 bytes"));
        }
        let salt = salt
            .to_vec()
            .try_into()
            .map_err(|_| invalid("salt is not 32 bytes"))?;
        let passkey = Passkey { credential, salt };
        let output = secret(output, "output")?;
        self.header
            .add_passkey(passkey, output, &self.key, &mut rng())
            .map_err(vault_error)?;
        self.header_changed()
    }

    /// Has a passkey open the vault no more; gives whether it did.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(js_name = removePasskey)]
    pub fn remove_passkey(&mut self, credential: &Uint8Array) -> JsResult<JsValue> {
        self.header.remove_passkey(&credential.to_vec());
        self.header_changed()
    }

    /// How the vault is opened, as `vaultWays` says it.
    #[must_use]
    pub fn ways(&self) -> JsValue {
        ways(self.header.kdf(), self.header.passkeys())
    }
}

impl Engine {
    pub(super) fn header_change(&self) -> Array {
        Array::of2(&HEADER_KEY.into(), &array(&self.header.encode()))
    }

    fn header_changed(&self) -> JsResult<JsValue> {
        let commit = Array::of1(&self.header_change());
        outcome(&commit, &[], &JsValue::UNDEFINED)
    }
}

/// What opens a wrap of this kind.
pub(super) fn opener(kind: u8, bytes: &Uint8Array) -> JsResult<Opener> {
    let secret = secret(bytes, "secret")?;
    match kind {
        0 => Ok(Opener::Passphrase(secret)),
        1 => Ok(Opener::Passkey(secret)),
        2 => Ok(Opener::Recovery(secret)),
        _ => Err(invalid("kind")),
    }
}

pub(super) fn kdf(salt: &Uint8Array, iterations: u32) -> JsResult<Kdf> {
    let salt = salt
        .to_vec()
        .try_into()
        .map_err(|_| invalid("salt is not 16 bytes"))?;
    Ok(Kdf { salt, iterations })
}

fn ways<'a>(kdf: Option<Kdf>, passkeys: impl IntoIterator<Item = &'a Passkey>) -> JsValue {
    let object = Object::new();
    if let Some(kdf) = kdf {
        set(&object, "salt", &array(&kdf.salt));
        set(&object, "iterations", &kdf.iterations.into());
    }
    let items: Array = passkeys
        .into_iter()
        .map(|passkey| {
            let item = Object::new();
            set(&item, "id", &array(&passkey.credential));
            set(&item, "salt", &array(&passkey.salt));
            item
        })
        .collect();
    set(&object, "passkeys", &items);
    object.into()
}
