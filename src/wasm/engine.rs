//! The engine with its vault: plain records become sealed ones here, and
//! outcomes become JavaScript values. Every method that changes state gives
//! `{ commit, events, value }`; the caller commits before it posts or shows.

mod messages;
mod people;
mod relay;

use js_sys::{Array, Object, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use zeroize::Zeroizing;

use super::{
    bytes::{array, invalid, rng, secret},
    error::{JsResult, js_error, set},
};
use crate::{
    base::{ErrorCode, UnixTime},
    client::{Change, Client, ClientError, ContactId, Effects, Event},
    crypto::cbor::Deterministic as _,
    vault::{HEADER_KEY, Kdf, VaultError, VaultHeader, VaultKey},
};

/// Reads how the key-encryption key of a stored vault is made.
///
/// # Errors
///
/// `VAULT_VERSION` or `VAULT_DAMAGED`.
#[wasm_bindgen(js_name = vaultKdf)]
pub fn vault_kdf(header: &Uint8Array) -> JsResult<JsValue> {
    let kdf = VaultHeader::parse(&header.to_vec())
        .map_err(vault_error)?
        .kdf;
    let object = Object::new();
    set(&object, "salt", &array(&kdf.salt));
    set(&object, "iterations", &kdf.iterations.into());
    Ok(object.into())
}

/// One person's client, unlocked.
#[wasm_bindgen]
pub struct Engine {
    client: Client,
    key: VaultKey,
}

#[wasm_bindgen]
impl Engine {
    /// A fresh identity and vault: `{ engine, commit }`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn create(
        kek: &Uint8Array,
        salt: &Uint8Array,
        iterations: u32,
        name: &str,
        relay: &str,
        now: f64,
    ) -> JsResult<JsValue> {
        let kek = secret(kek, "kek")?;
        let salt = salt
            .to_vec()
            .try_into()
            .map_err(|_| invalid("salt is not 16 bytes"))?;
        let (client, changes) =
            Client::create(name, relay, time(now)?, &mut rng()).map_err(client_error)?;
        let engine = Self {
            client,
            key: VaultKey::random(&mut rng()),
        };
        let header = VaultHeader::wrap(Kdf { salt, iterations }, &kek, &engine.key, &mut rng());
        let commit = engine.seal(changes);
        commit.push(&Array::of2(&HEADER_KEY.into(), &array(&header.encode())));
        let object = Object::new();
        set(&object, "engine", &engine.into());
        set(&object, "commit", &commit);
        Ok(object.into())
    }

    /// The client of a stored vault: `records` are `[key, bytes]` pairs of
    /// everything below `s/` and `m/`.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `VAULT_VERSION`, `VAULT_DAMAGED`.
    pub fn unlock(kek: &Uint8Array, header: &Uint8Array, records: &Array) -> JsResult<Engine> {
        let header = VaultHeader::parse(&header.to_vec()).map_err(vault_error)?;
        let key = header.unwrap(&secret(kek, "kek")?).map_err(vault_error)?;
        let mut opened = Vec::with_capacity(records.length() as usize);
        for record in records.iter() {
            let pair = Array::from(&record);
            let store_key = pair
                .get(0)
                .as_string()
                .ok_or_else(|| invalid("record key"))?;
            let plain = key
                .open(&store_key, &Uint8Array::new(&pair.get(1)).to_vec())
                .map_err(vault_error)?;
            opened.push((store_key, plain));
        }
        let client = Client::load(&opened).map_err(client_error)?;
        Ok(Self { client, key })
    }
}

impl Engine {
    /// What a call led to, or why it was refused.
    fn give<T: Serialize>(&self, result: Result<Effects<T>, ClientError>) -> JsResult<JsValue> {
        let effects = result.map_err(client_error)?;
        self.outcome(effects.changes, &effects.events, &to_js(&effects.value)?)
    }

    fn outcome(
        &self,
        changes: Vec<Change>,
        events: &[Event],
        value: &JsValue,
    ) -> JsResult<JsValue> {
        let object = Object::new();
        set(&object, "commit", &self.seal(changes));
        set(&object, "events", &to_js(events)?);
        set(&object, "value", value);
        Ok(object.into())
    }

    fn seal(&self, changes: Vec<Change>) -> Array {
        changes
            .into_iter()
            .map(|(store_key, value): (String, Option<Zeroizing<Vec<u8>>>)| {
                let sealed = value.map_or(JsValue::NULL, |plain| {
                    array(&self.key.seal(&store_key, &plain, &mut rng())).into()
                });
                Array::of2(&store_key.into(), &sealed)
            })
            .collect()
    }
}

/// Structures as plain objects, `None` as null, bytes as `Uint8Array`.
fn to_js<T: Serialize + ?Sized>(value: &T) -> JsResult<JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::new()
        .serialize_maps_as_objects(true)
        .serialize_missing_as_null(true);
    value
        .serialize(&serializer)
        .map_err(|_| js_error(ErrorCode::Internal, "a value did not cross to JavaScript"))
}

fn time(now: f64) -> JsResult<UnixTime> {
    whole(now.floor(), "now").map(UnixTime)
}

/// A whole number that JavaScript holds exactly.
fn whole(value: f64, name: &str) -> JsResult<u64> {
    const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;
    if !(0.0..=MAX_SAFE_INTEGER).contains(&value) || value.fract() != 0.0 {
        return Err(invalid(&format!("{name} is not a whole number")));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Ok(value as u64)
}

fn contact(id: &str) -> JsResult<ContactId> {
    ContactId::parse(id).ok_or_else(|| client_error(ClientError::ContactUnknown))
}

fn client_error(error: ClientError) -> JsValue {
    js_error(error.code(), &error.to_string())
}

fn vault_error(error: VaultError) -> JsValue {
    js_error(error.code(), &error.to_string())
}
