//! Messages and their bodies.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, client_error, contact, time, to_js, vault_error};
use crate::{
    client::{ClientError, MessageRef, Outgoing, StoreKey},
    wasm::{
        bytes::{array, pieces, rng},
        error::JsResult,
    },
};

#[wasm_bindgen]
impl Engine {
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
        let outgoing = Outgoing {
            content_type,
            body: pieces(body),
            filename: filename.as_deref(),
            session: session.as_deref().unwrap_or_default(),
        };
        let result = self
            .client
            .send(contact(id)?, outgoing, time(now)?, &mut rng());
        self.give(result)
    }

    /// Withdraws a message of several cells of which not all have left.
    ///
    /// # Errors
    ///
    /// `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CLOCK_BEHIND`.
    pub fn cancel(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        let result = self.client.cancel(message(id)?, time(now)?, &mut rng());
        self.give(result)
    }

    /// Messages of several cells that are under way.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    pub fn transfers(&self) -> JsResult<JsValue> {
        to_js(&self.client.transfers().map_err(client_error)?)
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
            Some(text) => match MessageRef::parse(&text) {
                Some(message) if message.contact == id => Some(message.ordinal),
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

    /// Where the pieces of a message's body are stored.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`, `CONTACT_PENDING` while it is held.
    #[wasm_bindgen(js_name = bodyKeys)]
    pub fn body_keys(&self, id: &str) -> JsResult<Vec<String>> {
        let keys = self.keys_of(message(id)?)?;
        Ok(keys.iter().map(StoreKey::to_string).collect())
    }

    /// Opens one piece of a stored body.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = openPiece)]
    pub fn open_piece(&self, id: &str, number: u32, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let keys = self.body_keys(id)?;
        let key = keys.get(number as usize);
        let key = key.ok_or_else(|| client_error(ClientError::MessageUnknown))?;
        let plain = self.key.open(key, &sealed.to_vec()).map_err(vault_error)?;
        Ok(array(&plain))
    }
}

impl Engine {
    fn keys_of(&self, message: MessageRef) -> JsResult<Vec<StoreKey>> {
        self.client.body_keys(message).map_err(client_error)
    }
}

fn message(id: &str) -> JsResult<MessageRef> {
    MessageRef::parse(id).ok_or_else(|| client_error(ClientError::MessageUnknown))
}
