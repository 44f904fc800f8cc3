//! Messages and their bodies.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, client_error, contact, time, to_js, vault_error};
use crate::{
    client::{self, ClientError, Outgoing, parse_message_id},
    wasm::{
        bytes::{array, content, rng},
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

    /// Seals a message again whose cells waited too long, from its stored
    /// body.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `MESSAGE_UNKNOWN`, `CLOCK_BEHIND`.
    pub fn reseal(&mut self, message: &str, sealed: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let store_key = self.body_key(message)?;
        let body = self
            .key
            .open(&store_key, &sealed.to_vec())
            .map_err(vault_error)?;
        let (contact, ordinal) =
            parse_message_id(message).ok_or_else(|| client_error(ClientError::MessageUnknown))?;
        let effects = self
            .client
            .reseal(contact, ordinal, &body, time(now)?, &mut rng())
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
        Ok(array(&plain))
    }
}
