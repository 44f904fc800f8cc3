//! The engine with its vault: seals the records that a call changed, and
//! converts results to JavaScript values. Every method that changes state returns
//! `{ commit, events, value }`; commit before you post or show anything.

mod audit;
mod backup;
mod drafts;
mod filing;
mod messages;
mod people;
mod relay;
mod round;
mod vault;

use js_sys::{Array, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    bytes::{array, invalid, rng, secret},
    error::{JsResult, js_error},
    object::{nullable, object},
};
use crate::{
    base::{ErrorCode, UnixTime},
    client::{Change, Client, ClientError, ContactId, Effects, Event, Round},
    crypto::cbor::Deterministic as _,
    vault::{
        HEADER_KEY, Manifest, SealedChange, StoredHeader, UnlockMethod, VaultHeader, VaultKey,
    },
};

/// The types that the signatures below name.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
import type { EngineAttachment } from "../portal/content.js";
import type {
  Answer, Ask, BareMessage, DraftKeys, Effects, KeptCheckpoint, LogPage, LogState, Mailbox, OpenInvitation, Opened,
  RelayParameters, Self, StoredRecords, Task, VaultWays,
} from "../portal/engine.js";
import type {
  AuditCheckpoint, Contact, Device, EmergencyAccess, Estimate, Settings, Transfer,
} from "../portal/types.js";
import type { StoreChange } from "../store/store.js";
"#;

/// One person's client, unlocked.
#[wasm_bindgen]
pub struct Engine {
    client: Client,
    vault: Vault,
    round: Round,
    /// Keys of the records that the round asked for last.
    asked: Vec<String>,
}

/// What seals the client's records.
struct Vault {
    key: VaultKey,
    manifest: Manifest,
    header: VaultHeader,
}

#[wasm_bindgen]
impl Engine {
    /// Creates an identity and a vault: `{ engine, commit }`. `kek` is derived from
    /// a passphrase, or is the host's key if no salt is given.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(unchecked_return_type = "Opened")]
    pub fn create(
        kek: &Uint8Array,
        salt: Option<Uint8Array>,
        iterations: u32,
        name: &str,
        relay: &str,
        now: f64,
    ) -> JsResult<JsValue> {
        let kdf = salt.map(|salt| vault::kdf(&salt, iterations)).transpose()?;
        let method = kdf.map_or(UnlockMethod::HostKey, UnlockMethod::Passphrase);
        let kek = secret(kek, "kek")?;
        let (client, changes) = Client::create(name, relay, time(now)?, &mut rng())?;
        let key = VaultKey::random(&mut rng());
        let mut header = VaultHeader::default();
        header.add(method, kek, &key, &mut rng())?;
        let manifest = Manifest::new(&key);
        let mut vault = Vault::new(key, manifest, header);
        let commit = vault.seal(changes);
        commit.push(&vault.header_change());
        Ok(opened(client, vault, commit))
    }

    /// Opens a stored vault: `{ engine, commit }`, where the commit migrates a vault
    /// of an older version. `kind` says what `secret` is, as in the
    /// header; `records` are `[key, bytes]` pairs of everything below `s/` and
    /// `m/`.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `VAULT_VERSION`, `VAULT_DAMAGED`.
    #[wasm_bindgen(unchecked_return_type = "Opened")]
    pub fn unlock(
        kind: u8,
        secret: &Uint8Array,
        header: &Uint8Array,
        #[wasm_bindgen(unchecked_param_type = "StoredRecords")] records: &Array,
    ) -> JsResult<JsValue> {
        let opener = vault::opener(kind, secret)?;
        let header = StoredHeader::parse(&header.to_vec())?;
        let (vault, loaded) = header.open(opener, pairs(records), &mut rng())?;
        let client = Client::load(&loaded.records)?;
        let vault = Vault::new(vault.key, loaded.manifest, vault.header);
        Ok(opened(client, vault, pairs_of(loaded.changes)))
    }

    /// Returns to the state of the store, after a commit for which it had no room.
    /// The header stays: a commit that changed it is not undone.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`.
    pub fn reload(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "StoredRecords")] records: &Array,
    ) -> JsResult<()> {
        let (mut client, manifest) = self.beside(records)?;
        client.continue_from(&self.client);
        (self.client, self.vault.manifest) = (client, manifest);
        Ok(())
    }
}

/// `[key, bytes]` pairs as a store lists them.
fn pairs(entries: &Array) -> Vec<(String, Vec<u8>)> {
    let pair = |entry: JsValue| {
        let pair = Array::from(&entry);
        let store_key = pair.get(0).as_string().unwrap_or_default();
        (store_key, Uint8Array::new(&pair.get(1)).to_vec())
    };
    entries.iter().map(pair).collect()
}

fn opened(client: Client, vault: Vault, commit: Array) -> JsValue {
    let engine = Engine {
        client,
        vault,
        round: Round::default(),
        asked: Vec::new(),
    };
    object(&[("engine", engine.into()), ("commit", commit.into())])
}

impl Vault {
    fn new(key: VaultKey, manifest: Manifest, header: VaultHeader) -> Self {
        Self {
            key,
            manifest,
            header,
        }
    }

    /// Converts the result of a call, or its error.
    fn give<T: Serialize>(&mut self, result: Result<Effects<T>, ClientError>) -> JsResult<JsValue> {
        let effects = result?;
        self.outcome(effects.changes, &effects.events, to_js(&effects.value)?)
    }

    fn outcome(
        &mut self,
        changes: Vec<Change>,
        events: &[Event],
        value: JsValue,
    ) -> JsResult<JsValue> {
        outcome(self.seal(changes), events, value)
    }

    fn seal(&mut self, changes: Vec<Change>) -> Array {
        pairs_of(self.manifest.seal(changes, &self.key, &mut rng()))
    }

    fn header_change(&self) -> Array {
        Array::of2(&HEADER_KEY.into(), &array(&self.header.encode()))
    }
}

/// Sealed changes as `[key, bytes | null]` pairs.
fn pairs_of(changes: Vec<SealedChange>) -> Array {
    let pair = |(store_key, bytes): SealedChange| {
        let bytes = bytes.map(|bytes| array(&bytes));
        Array::of2(&store_key.into(), &nullable(bytes))
    };
    changes.into_iter().map(pair).collect()
}

fn outcome(commit: Array, events: &[Event], value: JsValue) -> JsResult<JsValue> {
    Ok(object(&[
        ("commit", commit.into()),
        ("events", to_js(events)?),
        ("value", value),
    ]))
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

/// An integer that JavaScript represents exactly.
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
    Ok(ContactId::parse(id).ok_or(ClientError::ContactUnknown)?)
}
