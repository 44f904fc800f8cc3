//! Backups, recovery codes and emergency shares.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, Vault, opened, pairs, pairs_of, time, to_js, vault};
use crate::{
    base::ErrorCode,
    client::{AuditEvent, Client, EmergencyId},
    emergency::{self, Share},
    vault::{
        HEADER_KEY, MANIFEST_KEY, Manifest, RecoveryCode, StoredHeader, UnlockMethod, VERSION,
        VaultError, VaultHeader, VaultKey,
        bundle::{self, Bundle, BundleError, Verified},
    },
    wasm::{
        bytes::{array, fixed, rng, secret},
        error::{JsResult, js_error},
    },
    wire::hex,
};

/// Returns the header of a backup, which states how to open the vault.
///
/// # Errors
///
/// `BACKUP_MALFORMED`, `BACKUP_VERSION`.
#[wasm_bindgen(js_name = bundleHeader)]
pub fn bundle_header(bundle: &Uint8Array) -> JsResult<Uint8Array> {
    let bytes = bundle.to_vec();
    Ok(array(Bundle::parse(&bytes)?.header()))
}

#[wasm_bindgen]
impl Engine {
    /// Makes a backup of this vault. `entries` are the `[key, bytes]` pairs of its
    /// whole store. The backup is read back before it is returned.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED` if what the store holds does not open.
    pub fn backup(
        &self,
        #[wasm_bindgen(unchecked_param_type = "StoredRecords")] entries: &Array,
        now: f64,
    ) -> JsResult<Uint8Array> {
        let mut records = pairs(entries);
        let at = records.iter().position(|(key, _)| key == HEADER_KEY);
        let (_, header) = records.swap_remove(at.ok_or(VaultError::Damaged)?);
        let records: Vec<_> = crate::base::sorted_by_key(records, |(key, _)| key.clone()).collect();
        let entries = records.iter().map(|(key, bytes)| (&**key, &**bytes));
        let made = bundle::write(&header, entries, time(now)?, &self.vault.key, &mut rng());
        let verified = Bundle::parse(&made)?.verify(&self.vault.key)?;
        let loaded = verified.open(VERSION, &self.vault.key, &mut rng())?;
        Client::load(&loaded.records)?;
        Ok(array(&made))
    }

    /// Logs that a backup was made.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = backedUp, unchecked_return_type = "Effects")]
    pub fn backed_up(&mut self, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(Ok(self.client.record([AuditEvent::BackedUp], time(now)?)))
    }

    /// Restores a backup on another device: `{ engine, commit }`, where the commit
    /// fills an empty store. `kind` says what `secret`
    /// is, as in the header; a `kek` is derived from the new passphrase.
    ///
    /// # Errors
    ///
    /// `WRONG_PASSPHRASE`, `BACKUP_MALFORMED`, `BACKUP_VERSION`,
    /// `VAULT_VERSION`.
    #[wasm_bindgen(unchecked_return_type = "Opened")]
    pub fn restore(
        bundle: &Uint8Array,
        kind: u8,
        secret_bytes: &Uint8Array,
        kek: Option<Uint8Array>,
        salt: &Uint8Array,
        iterations: u32,
        now: f64,
    ) -> JsResult<JsValue> {
        let bytes = bundle.to_vec();
        let bundle = Bundle::parse(&bytes)?;
        let opener = vault::opener(kind, secret_bytes)?;
        let vault = StoredHeader::parse(bundle.header())?.unlock(opener, &mut rng())?;
        let (key, mut header) = (vault.key, vault.header);
        let verified = bundle.verify(&key)?;
        if let Some(kek) = kek {
            let method = UnlockMethod::Passphrase(vault::kdf(salt, iterations)?);
            header.add(method, secret(&kek, "kek")?, &key, &mut rng())?;
        }
        let loaded = verified.open(vault.version, &key, &mut rng())?;
        let (client, changes) = Client::restore(&loaded.records, time(now)?, &mut rng())?;
        let mut vault = Vault::new(key, loaded.manifest, header);
        let mut commit = stored_entries(&verified);
        commit.push(&vault.header_change());
        commit.extend(pairs_of(loaded.changes).iter());
        commit.extend(vault.seal(changes).iter());
        Ok(opened(client, vault, commit))
    }

    /// Describes this device.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "Device")]
    pub fn device(&self) -> JsResult<JsValue> {
        to_js(&self.client.device())
    }

    /// Replaces the recovery code of the vault, and returns the new one.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if there is no room for it.
    #[wasm_bindgen(js_name = createRecoveryCode, unchecked_return_type = "Effects<string>")]
    pub fn create_recovery_code(&mut self, now: f64) -> JsResult<JsValue> {
        let code = RecoveryCode::random(&mut rng());
        let method = UnlockMethod::Recovery;
        let Vault { key, header, .. } = &mut self.vault;
        header.add(method, code.secret(), key, &mut rng())?;
        self.rekeyed(time(now)?, JsValue::from_str(&code.to_text()))
    }

    /// Removes the recovery code of the vault.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = removeRecoveryCode, unchecked_return_type = "Effects")]
    pub fn remove_recovery_code(&mut self, now: f64) -> JsResult<JsValue> {
        self.vault.header.remove_recovery();
        self.rekeyed(time(now)?, JsValue::UNDEFINED)
    }

    /// Whether a recovery code opens the vault.
    #[wasm_bindgen(js_name = hasRecoveryCode)]
    #[must_use]
    pub fn has_recovery_code(&self) -> bool {
        self.vault.header.has_recovery()
    }

    /// Printed shares of the vault key.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` unless 2 ≤ threshold ≤ shares.
    #[wasm_bindgen(js_name = createShares, unchecked_return_type = "Effects<string[]>")]
    pub fn create_shares(&mut self, threshold: u8, shares: u8, now: f64) -> JsResult<JsValue> {
        let split = emergency::split(self.vault.key.expose(), threshold, shares, &mut rng())?;
        let texts = split
            .iter()
            .map(|share| JsValue::from_str(&share.to_text()));
        let event = AuditEvent::SharesCreated { threshold, shares };
        let effects = self.client.record([event], time(now)?);
        let texts = texts.collect::<Array>().into();
        self.vault.outcome(effects.changes, &effects.events, texts)
    }

    /// Opens a backup for reading only: `{ engine, commit }`, where the commit is a
    /// copy of all its records.
    ///
    /// # Errors
    ///
    /// `SHARES_INVALID`, `BACKUP_MALFORMED`, `BACKUP_VERSION`.
    #[wasm_bindgen(js_name = openWithShares, unchecked_return_type = "Opened")]
    pub fn open_with_shares(
        bundle: &Uint8Array,
        #[wasm_bindgen(unchecked_param_type = "readonly string[]")] shares: Vec<String>,
    ) -> JsResult<JsValue> {
        let bytes = bundle.to_vec();
        let bundle = Bundle::parse(&bytes)?;
        let shares: Result<Vec<Share>, _> = shares
            .iter()
            .map(|text| Share::parse(&emergency::fold(text)))
            .collect();
        let key = shares
            .and_then(|shares| emergency::combine(&shares))
            .map(VaultKey::new)?;
        let header = bundle.header();
        let verified = bundle.verify(&key).map_err(|error| match error {
            BundleError::WrongKey => js_error(
                ErrorCode::SharesInvalid,
                "the shares do not open this backup",
            ),
            error => error.into(),
        })?;
        let version = StoredHeader::parse(header)?.version();
        let loaded = verified.open(version, &key, &mut rng())?;
        let client = Client::load(&loaded.records)?;
        let mut commit = stored_entries(&verified);
        commit.extend(pairs_of(loaded.changes).iter());
        commit.push(&Array::of2(&HEADER_KEY.into(), &array(header)));
        // No header is ever written from here, so this one need not open anything.
        let vault = Vault::new(key, loaded.manifest, VaultHeader::default());
        Ok(opened(client, vault, commit))
    }

    /// The changes that record an emergency access in another store of this vault.
    /// `entries` are those of its `s/` and `m/`.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED` if it is another vault.
    #[wasm_bindgen(js_name = noteEmergency, unchecked_return_type = "readonly StoreChange[]")]
    pub fn note_emergency(
        &self,
        #[wasm_bindgen(unchecked_param_type = "StoredRecords")] entries: &Array,
        id: &Uint8Array,
        minutes: u32,
        reason: &str,
        now: f64,
    ) -> JsResult<Array> {
        let (mut client, mut manifest) = self.beside(entries)?;
        let (id, now) = (emergency_id(id)?, time(now)?);
        let known = client.emergencies();
        let effects = match known.iter().any(|known| known.id == hex::encode(&id)) {
            true => client.end_emergency(id, now),
            false => client.begin_emergency(id, minutes, reason, now)?,
        };
        let sealed = manifest.seal(effects.changes, &self.vault.key, &mut rng());
        Ok(pairs_of(sealed))
    }

    /// Records that an emergency access begins.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = beginEmergency, unchecked_return_type = "Effects")]
    pub fn begin_emergency(
        &mut self,
        id: &Uint8Array,
        minutes: u32,
        reason: &str,
        now: f64,
    ) -> JsResult<JsValue> {
        let (id, now) = (emergency_id(id)?, time(now)?);
        self.vault
            .give(self.client.begin_emergency(id, minutes, reason, now))
    }

    /// Records that it ended.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = endEmergency, unchecked_return_type = "Effects")]
    pub fn end_emergency(&mut self, id: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let effects = self.client.end_emergency(emergency_id(id)?, time(now)?);
        self.vault.give(Ok(effects))
    }

    /// The body of a slot that announces it to the owner.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = emergencySlot)]
    pub fn emergency_slot(&self, id: &Uint8Array) -> JsResult<Uint8Array> {
        let post = self.client.emergency_slot(emergency_id(id)?, &mut rng())?;
        Ok(array(&post.body))
    }

    /// All known emergency accesses, oldest first.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "EmergencyAccess[]")]
    pub fn emergencies(&self) -> JsResult<JsValue> {
        to_js(&self.client.emergencies())
    }
}

impl Engine {
    /// The client of another store's entries, if it is of this vault.
    pub(super) fn beside(&self, entries: &Array) -> JsResult<(Client, Manifest)> {
        let records = pairs(entries);
        // A store of an older version has no manifest. Its migration is not committed here.
        let current = records.iter().any(|(key, _)| key == MANIFEST_KEY);
        let version = if current { VERSION } else { VERSION - 1 };
        let loaded = crate::vault::load(version, &self.vault.key, records, &mut rng())?;
        Ok((Client::load(&loaded.records)?, loaded.manifest))
    }
}

/// The entries of a store, without the header.
fn stored_entries(verified: &Verified<'_>) -> Array {
    let entries = verified.records.iter();
    entries
        .map(|(key, bytes)| Array::of2(&(*key).into(), &array(bytes)))
        .collect()
}

fn emergency_id(id: &Uint8Array) -> JsResult<EmergencyId> {
    fixed(id, "id")
}
