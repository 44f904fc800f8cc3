//! The engine with its vault: plain records become sealed ones here, and
//! outcomes become JavaScript values. Every method that changes state gives
//! `{ commit, events, value }`; the caller commits before it posts or shows.

mod audit;
mod backup;
mod drafts;
mod messages;
mod people;
mod relay;
mod round;
mod vault;

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
    client::{Change, Client, ClientError, ContactId, Effects, Event, Round},
    vault::{OpenedVault, StoredHeader, VaultError, VaultHeader, VaultKey},
};

/// One person's client, unlocked.
#[wasm_bindgen]
pub struct Engine {
    client: Client,
    key: VaultKey,
    header: VaultHeader,
    round: Round,
    /// Keys of the records that the round asked for last.
    asked: Vec<String>,
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
        let kdf = vault::kdf(salt, iterations)?;
        let kek = secret(kek, "kek")?;
        let (client, changes) =
            Client::create(name, relay, time(now)?, &mut rng()).map_err(client_error)?;
        let key = VaultKey::random(&mut rng());
        let mut header = VaultHeader::new();
        header
            .add_passphrase(kdf, kek, &key, &mut rng())
            .map_err(vault_error)?;
        let engine = Self {
            client,
            round: Round::default(),
            asked: Vec::new(),
            key,
            header,
        };
        let commit = engine.seal(changes);
        commit.push(&engine.header_change());
        Ok(opened(engine, &commit))
    }

    /// The client of a stored vault, and what brings an older vault to this
    /// version: `{ engine, commit }`. `kind` says what `secret` is, as in the
    /// header; `records` are `[key, bytes]` pairs of everything below `s/` and
    /// `m/`.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `VAULT_VERSION`, `VAULT_DAMAGED`.
    pub fn unlock(
        kind: u8,
        secret: &Uint8Array,
        header: &Uint8Array,
        records: &Array,
    ) -> JsResult<JsValue> {
        let opener = vault::opener(kind, secret)?;
        let sealed = records.iter().map(|record| {
            let pair = Array::from(&record);
            let store_key = pair.get(0).as_string().unwrap_or_default();
            (store_key, Uint8Array::new(&pair.get(1)).to_vec())
        });
        let OpenedVault {
            key,
            header,
            records,
            commit,
        } = StoredHeader::parse(&header.to_vec())
            .and_then(|header| header.open(opener, sealed, &mut rng()))
            .map_err(vault_error)?;
        let client = Client::load(&records).map_err(client_error)?;
        let engine = Self {
            client,
            round: Round::default(),
            asked: Vec::new(),
            key,
            header,
        };
        let commit = commit
            .into_iter()
            .map(|(store_key, bytes)| Array::of2(&store_key.into(), &array(&bytes)))
            .collect();
        Ok(opened(engine, &commit))
    }
}

fn opened(engine: Engine, commit: &Array) -> JsValue {
    let object = Object::new();
    set(&object, "engine", &engine.into());
    set(&object, "commit", commit);
    object.into()
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
        outcome(&self.seal(changes), events, value)
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

fn outcome(commit: &Array, events: &[Event], value: &JsValue) -> JsResult<JsValue> {
    let object = Object::new();
    set(&object, "commit", commit);
    set(&object, "events", &to_js(events)?);
    set(&object, "value", value);
    Ok(object.into())
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
