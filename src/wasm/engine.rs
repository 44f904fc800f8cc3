//! The engine with its vault: plain records become sealed ones here, and
//! outcomes become JavaScript values. Every method that changes state gives
//! `{ commit, events, value }`; the caller commits before it posts or shows.

use js_sys::{Array, Object, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use zeroize::Zeroizing;

use super::{
    bytes::{self, array, content, invalid, rng, secret},
    error::{JsResult, js_error, set},
};
use crate::{
    base::{ErrorCode, UnixTime},
    client::{
        self, Change, Client, ClientError, ContactId, Effects, InvitationId, Mailbox, Outgoing,
        Post, parse_message_id,
    },
    crypto::cbor::Deterministic as _,
    enrolment::Kind,
    identity::Fingerprint,
    vault::{HEADER_KEY, Kdf, VaultError, VaultHeader, VaultKey},
    wire::paths,
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

    /// Takes the relay's `/v1/info`.
    ///
    /// # Errors
    ///
    /// `RELAY_PROTOCOL`.
    pub fn configure(&mut self, info: &str) -> JsResult<JsValue> {
        let effects = self.client.configure(info).map_err(client_error)?;
        self.give(effects)
    }

    /// "info" or "cells".
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = relayPath)]
    pub fn relay_path(&self, which: &str) -> JsResult<String> {
        match which {
            "info" => Ok(paths::INFO.into()),
            "cells" => Ok(paths::CELLS.into()),
            _ => Err(invalid("which")),
        }
    }

    /// The path of the index of "own" or "lobby".
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = indexPath)]
    pub fn index_path(&self, which: &str) -> JsResult<String> {
        self.client
            .index_path(mailbox(which)?)
            .map_err(client_error)
    }

    /// The batches to fetch.
    ///
    /// # Errors
    ///
    /// `RELAY_PROTOCOL`.
    #[wasm_bindgen(js_name = planPull)]
    pub fn plan_pull(&mut self, which: &str, index: &str) -> JsResult<JsValue> {
        let effects = self
            .client
            .plan_pull(mailbox(which)?, index)
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Reads one batch.
    ///
    /// # Errors
    ///
    /// `BATCH_INVALID`.
    #[wasm_bindgen(js_name = receiveBatch)]
    pub fn receive_batch(
        &mut self,
        which: &str,
        batch: &Uint8Array,
        now: f64,
    ) -> JsResult<JsValue> {
        let effects = self
            .client
            .receive_batch(mailbox(which)?, &batch.to_vec(), time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// One slot of queued cells and cover: `{ body, tokens }`.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = nextSlot)]
    pub fn next_slot(&self) -> JsResult<JsValue> {
        self.client
            .next_slot(&mut rng())
            .map(post)
            .map_err(client_error)
    }

    /// Up to 64 queued cells: `{ body, tokens }`, or undefined.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = nextFlush)]
    pub fn next_flush(&self) -> JsResult<JsValue> {
        let next = self.client.next_flush().map_err(client_error)?;
        Ok(next.map_or(JsValue::UNDEFINED, post))
    }

    /// The relay answered 202.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn posted(&mut self, tokens: Vec<String>) -> JsResult<JsValue> {
        let tokens: Option<Vec<u64>> = tokens.iter().map(|token| token.parse().ok()).collect();
        let effects = self
            .client
            .posted(&tokens.ok_or_else(|| invalid("tokens"))?);
        self.give(effects)
    }

    /// Cells waiting.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.client.queued()
    }

    /// Whether the lobby must be pulled.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = lobbyWatch)]
    pub fn lobby_watch(&self, now: f64) -> JsResult<bool> {
        Ok(self.client.lobby_watch(time(now)?))
    }

    /// Lets time pass.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn tick(&mut self, now: f64) -> JsResult<JsValue> {
        let effects = self.client.tick(time(now)?);
        self.give(effects)
    }

    /// What the loop needs of `/v1/info`.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    pub fn info(&self) -> JsResult<JsValue> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            epoch_seconds: u32,
            lobby_epoch_seconds: u32,
            slot_cells: u32,
            max_attachment_bytes: u32,
            retention_seconds: u32,
        }
        let info = self.client.relay_info().map_err(client_error)?;
        to_js(&Info {
            epoch_seconds: info.epoch_seconds.get(),
            lobby_epoch_seconds: info.lobby.epoch_seconds.get(),
            slot_cells: info.slot_cells.get(),
            max_attachment_bytes: info.max_attachment_bytes,
            retention_seconds: info.retention_seconds.get(),
        })
    }

    /// `{ name, publicKey, fingerprint }`.
    #[must_use]
    pub fn me(&self) -> JsValue {
        let public = self.client.public();
        let object = Object::new();
        set(&object, "name", &self.client.name().into());
        set(&object, "publicKey", &array(&public.encode()));
        set(&object, "fingerprint", &array(&public.fingerprint().0));
        object.into()
    }

    /// A fresh invitation, "quick" or "ordinary".
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`, `RELAY_UNREACHABLE`.
    pub fn invite(&mut self, kind: &str, expires_in: Option<f64>, now: f64) -> JsResult<JsValue> {
        let kind = match kind {
            "quick" => Kind::Quick,
            "ordinary" => Kind::Ordinary,
            _ => return Err(invalid("kind is neither \"quick\" nor \"ordinary\"")),
        };
        let life = expires_in
            .map(|seconds| whole(seconds, "expiresInSeconds"))
            .transpose()?;
        let effects = self
            .client
            .invite(kind, life, time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    ///
    /// `INVITATION_UNKNOWN`.
    #[wasm_bindgen(js_name = cancelInvitation)]
    pub fn cancel_invitation(&mut self, id: &str) -> JsResult<JsValue> {
        let effects = self
            .client
            .cancel_invitation(invitation(id)?)
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Accepts an invitation.
    ///
    /// # Errors
    ///
    /// `INVITATION_MALFORMED`, `INVITATION_EXPIRED`, `RELAY_MISMATCH`, …
    pub fn accept(&mut self, uri: &str, in_person: bool, now: f64) -> JsResult<JsValue> {
        let effects = self
            .client
            .accept(uri, in_person, time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Only this fingerprint may answer the invitation.
    ///
    /// # Errors
    ///
    /// `INVITATION_UNKNOWN`, `INVALID_ARGUMENT`.
    pub fn expect(&mut self, id: &str, fingerprint: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let bytes = fingerprint
            .to_vec()
            .try_into()
            .map_err(|_| invalid("fingerprint is not 32 bytes"))?;
        let effects = self
            .client
            .expect(invitation(id)?, Fingerprint(bytes), time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// All contacts, oldest first.
    ///
    /// # Errors
    ///
    /// Never in practice.
    pub fn contacts(&self) -> JsResult<JsValue> {
        to_js(&self.client.contacts())
    }

    /// The digits match.
    ///
    /// # Errors
    ///
    /// `SAS_NOT_READY`, `CONTACT_SUSPECT`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = confirmSas)]
    pub fn confirm_sas(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        let effects = self
            .client
            .confirm_sas(contact(id)?, time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// The digits differ.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = rejectSas)]
    pub fn reject_sas(&mut self, id: &str) -> JsResult<JsValue> {
        let effects = self.client.reject_sas(contact(id)?).map_err(client_error)?;
        self.give(effects)
    }

    /// Removes a contact with everything kept of it.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = removeContact)]
    pub fn remove_contact(&mut self, id: &str) -> JsResult<JsValue> {
        let effects = self
            .client
            .remove_contact(contact(id)?)
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Proves, seals and queues a message.
    ///
    /// # Errors
    ///
    /// `CONTACT_PENDING`, `CONTACT_SUSPECT`, `MESSAGE_TOO_LARGE`,
    /// `CLOCK_BEHIND`, `INVALID_ARGUMENT`, …
    pub fn send(
        &mut self,
        id: &str,
        content_type: &str,
        body: &Uint8Array,
        filename: Option<String>,
        session: Option<String>,
        now: f64,
    ) -> JsResult<JsValue> {
        let body = content(body);
        let outgoing = Outgoing {
            content_type,
            body: &body,
            filename: filename.as_deref(),
            session: session.as_deref().unwrap_or_default(),
        };
        let effects = self
            .client
            .send(contact(id)?, outgoing, time(now)?, &mut rng())
            .map_err(client_error)?;
        self.give(effects)
    }

    /// Messages with a contact, oldest first, without bodies.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
    pub fn messages(&self, id: &str, before: Option<String>, limit: u32) -> JsResult<JsValue> {
        let id = contact(id)?;
        let before = match before {
            None => None,
            Some(text) => match parse_message_id(&text) {
                Some((of, ordinal)) if of == id => Some(ordinal),
                _ => return Err(client_error(ClientError::MessageUnknown)),
            },
        };
        to_js(
            &self
                .client
                .messages(id, before, limit as usize)
                .map_err(client_error)?,
        )
    }

    /// Where a message's body is stored.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = bodyKey)]
    pub fn body_key(&self, message: &str) -> JsResult<String> {
        let (contact, ordinal) =
            parse_message_id(message).ok_or_else(|| client_error(ClientError::MessageUnknown))?;
        self.client
            .readable(contact, ordinal)
            .map_err(client_error)?;
        Ok(client::body_key(contact, ordinal))
    }

    /// Opens a stored body.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = openBody)]
    pub fn open_body(&self, message: &str, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let plain = self
            .key
            .open(&self.body_key(message)?, &sealed.to_vec())
            .map_err(vault_error)?;
        Ok(bytes::array(&plain))
    }

    fn give<T: Serialize>(&self, effects: Effects<T>) -> JsResult<JsValue> {
        let object = Object::new();
        set(&object, "commit", &self.seal(effects.changes));
        set(&object, "events", &to_js(&effects.events)?);
        set(&object, "value", &to_js(&effects.value)?);
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

fn post(post: Post) -> JsValue {
    let object = Object::new();
    set(&object, "body", &array(&post.body));
    let tokens: Array = post
        .tokens
        .iter()
        .map(|token| JsValue::from(token.to_string()))
        .collect();
    set(&object, "tokens", &tokens);
    object.into()
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

fn mailbox(which: &str) -> JsResult<Mailbox> {
    Mailbox::parse(which).ok_or_else(|| invalid("which is neither \"own\" nor \"lobby\""))
}

fn contact(id: &str) -> JsResult<ContactId> {
    ContactId::parse(id).ok_or_else(|| client_error(ClientError::ContactUnknown))
}

fn invitation(id: &str) -> JsResult<InvitationId> {
    InvitationId::parse(id).ok_or_else(|| client_error(ClientError::InvitationUnknown))
}

fn client_error(error: ClientError) -> JsValue {
    js_error(error.code(), &error.to_string())
}

fn vault_error(error: VaultError) -> JsValue {
    js_error(error.code(), &error.to_string())
}
