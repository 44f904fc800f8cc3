//! Messages and their bodies.

use js_sys::{Array, Uint8Array};
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
        let result = self
            .client
            .send(contact(id)?, outgoing, time(now)?, &mut rng());
        self.give(result)
    }

    /// Whether anything waited so long that it is to be sealed again.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = hasOverdue)]
    pub fn has_overdue(&self, now: f64) -> JsResult<bool> {
        Ok(self.client.has_overdue(time(now)?))
    }

    /// Seals again what waited too long. `bodies` are `[message id, sealed
    /// body]` pairs; a message without one is given up.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn reseal(&mut self, bodies: &Array, now: f64) -> JsResult<JsValue> {
        let mut opened = Vec::new();
        for pair in bodies.iter() {
            let pair = Array::from(&pair);
            let id = pair.get(0).as_string().unwrap_or_default();
            let place = parse_message_id(&id);
            let sealed = Uint8Array::new(&pair.get(1)).to_vec();
            let body = self
                .body_key(&id)
                .and_then(|key| self.key.open(&key, &sealed).map_err(vault_error));
            if let (Some((contact, ordinal)), Ok(body)) = (place, body) {
                opened.push((contact, ordinal, body));
            }
        }
        let bodies: Vec<_> = opened
            .iter()
            .map(|(c, o, body)| (*c, *o, body.as_slice()))
            .collect();
        let effects = self.client.reseal(&bodies, time(now)?, &mut rng());
        self.give(Ok(effects))
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
