//! Messages and their bodies.

use js_sys::{Array, Object, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, client_error, contact, relay::cells, time, to_js, vault_error, whole};
use crate::{
    base::{
        Content,
        text::{self, TextUse},
    },
    client::{ClientError, MessageRef, Outgoing, StoreKey},
    envelope::{ContentType, message::Attachment},
    wasm::{
        bytes::{array, invalid, pieces, rng, text as utf8},
        error::{JsResult, set},
    },
};

#[wasm_bindgen]
impl Engine {
    /// Proves, seals and queues a message: typed text, `[content type, file
    /// name | null, bytes, picked]` for each attachment, or both. The name of a
    /// file that was picked is not the person's choice, so what a name may not
    /// have is left out of it.
    ///
    /// # Errors
    ///
    /// `CONTACT_PENDING`, `CONTACT_SUSPECT`, `MESSAGE_TOO_LARGE`,
    /// `CLOCK_BEHIND`, `INVALID_ARGUMENT`, …
    pub fn send(
        &mut self,
        id: &str,
        typed: Option<Uint8Array>,
        attachments: &Array,
        session: Option<String>,
        now: f64,
    ) -> JsResult<JsValue> {
        let typed = typed.map(|bytes| utf8(&bytes, "text")).transpose()?;
        let attachments: JsResult<Vec<_>> = (0..)
            .zip(attachments.iter())
            .map(|(index, file)| attachment(index, &file))
            .collect();
        let outgoing = Outgoing {
            text: typed.as_ref().map(|text| text.as_str()),
            attachments: attachments?,
            session: session.as_deref().unwrap_or_default(),
        };
        let result = self
            .client
            .send(contact(id)?, outgoing, time(now)?, &mut rng());
        self.give(result)
    }

    /// Whether `reseal` has anything to do.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = hasOverdue)]
    pub fn has_overdue(&self, now: f64) -> JsResult<bool> {
        Ok(self.client.has_overdue(time(now)?))
    }

    /// Seals again what waited too long. `bodies` are `[message id, [sealed
    /// piece, …]]` pairs; a message without its body is given up.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn reseal(&mut self, bodies: &Array, now: f64) -> JsResult<JsValue> {
        let mut opened = Vec::new();
        for pair in bodies.iter() {
            let pair = Array::from(&pair);
            let id = pair.get(0).as_string().unwrap_or_default();
            let body = self.open_pieces(&id, &Array::from(&pair.get(1)));
            if let (Some(message), Ok(body)) = (MessageRef::parse(&id), body) {
                opened.push((message, body));
            }
        }
        let effects = self.client.reseal(&opened, time(now)?, &mut rng());
        self.give(Ok(effects))
    }

    /// The large message of which cells are to be sealed next, and the pieces
    /// of its body that they are cut from: `{ id, pieces: [[number, store key], …] }`,
    /// or undefined.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn wanted(&self, now: f64) -> JsResult<JsValue> {
        let Some(needed) = self.client.pieces_needed(time(now)?) else {
            return Ok(JsValue::UNDEFINED);
        };
        let keys = self.keys_of(needed.message)?;
        let pieces: Array = needed
            .pieces
            .iter()
            .filter_map(|number| Some((number, keys.get(*number as usize)?)))
            .map(|(number, key)| Array::of2(&(*number).into(), &key.to_string().into()))
            .collect();
        let object = Object::new();
        set(&object, "id", &needed.message.to_string().into());
        set(&object, "pieces", &pieces);
        Ok(object.into())
    }

    /// Seals the next cells of a large message from `[number, sealed piece]`
    /// pairs; one whose pieces are missing is given up.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = sealMore)]
    pub fn seal_more(&mut self, id: &str, pieces: &Array, now: f64) -> JsResult<JsValue> {
        let message = message(id)?;
        let keys = self.keys_of(message)?;
        let opened: Vec<_> = pieces
            .iter()
            .filter_map(|pair| {
                let pair = Array::from(&pair);
                let number = whole(pair.get(0).as_f64()?, "number").ok()?;
                let key = keys.get(usize::try_from(number).ok()?)?;
                let sealed = Uint8Array::new(&pair.get(1)).to_vec();
                Some((
                    u32::try_from(number).ok()?,
                    self.key.open(&key.to_string(), &sealed).ok()?,
                ))
            })
            .collect();
        let pieces = opened
            .iter()
            .map(|(n, piece)| (*n, piece.as_slice()))
            .collect();
        let effects = self
            .client
            .seal_more(message, &pieces, time(now)?, &mut rng());
        self.give(Ok(effects))
    }

    /// Withdraws a message of which not all has left; `in_flight` are the
    /// tokens of a post without an answer.
    ///
    /// # Errors
    ///
    /// `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CLOCK_BEHIND`.
    pub fn cancel(&mut self, id: &str, in_flight: Vec<String>, now: f64) -> JsResult<JsValue> {
        let (message, in_flight) = (message(id)?, cells(&in_flight)?);
        let result = self
            .client
            .cancel(message, &in_flight, time(now)?, &mut rng());
        self.give(result)
    }

    /// Marks the messages of a contact as read, up to one of them or all.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = markRead)]
    pub fn mark_read(&mut self, id: &str, until: Option<String>, now: f64) -> JsResult<JsValue> {
        let until = until.as_deref().map(message).transpose()?;
        let result = self.client.mark_read(contact(id)?, until, time(now)?);
        self.give(result)
    }

    /// Deletes a message with its body; a message that waits for the relay is
    /// withdrawn first.
    ///
    /// # Errors
    ///
    /// `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CONTACT_PENDING`, `CLOCK_BEHIND`.
    #[wasm_bindgen(js_name = deleteMessage)]
    pub fn delete_message(
        &mut self,
        id: &str,
        in_flight: Vec<String>,
        now: f64,
    ) -> JsResult<JsValue> {
        let (message, in_flight) = (message(id)?, cells(&in_flight)?);
        let result = self
            .client
            .delete_message(message, &in_flight, time(now)?, &mut rng());
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

    /// A whole stored body.
    fn open_pieces(&self, id: &str, pieces: &Array) -> JsResult<Content> {
        let mut body = Content::default();
        for (key, sealed) in self.body_keys(id)?.iter().zip(pieces.iter()) {
            let sealed = Uint8Array::new(&sealed).to_vec();
            body.push(&self.key.open(key, &sealed).map_err(vault_error)?);
        }
        Ok(body)
    }
}

/// `[content type, file name | null, bytes, picked]`.
fn attachment(index: usize, file: &JsValue) -> JsResult<Attachment> {
    let items = Array::from(file);
    let content_type = items.get(0).as_string();
    let content_type = content_type.and_then(|text| ContentType::new(&text));
    let content_type = content_type.ok_or_else(|| {
        let name = format!("attachments[{index}].contentType");
        invalid(&format!(
            "{name} is not 1 to 127 printable ASCII characters"
        ))
    })?;
    let filename = items.get(1).as_string();
    Ok(Attachment {
        content_type,
        filename: match items.get(3).is_truthy() {
            true => filename.and_then(|name| text::cleaned(&name, TextUse::FileName)),
            false => filename,
        },
        body: pieces(&Uint8Array::new(&items.get(2))),
    })
}

fn message(id: &str) -> JsResult<MessageRef> {
    MessageRef::parse(id).ok_or_else(|| client_error(ClientError::MessageUnknown))
}
