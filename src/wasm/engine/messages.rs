//! Messages and their bodies.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, contact, time, to_js, whole};
use crate::{
    base::text::{self, TextUse},
    client::{ClientError, FilingScope, MessageRef, Outgoing, StoreKey},
    envelope::{ContentType, message::Attachment},
    wasm::{
        bytes::{array, invalid, pieces, rng, text as utf8},
        error::JsResult,
    },
};

#[wasm_bindgen]
impl Engine {
    /// Proves, seals and queues a message: typed text, `[content type, file
    /// name | null, bytes, picked]` for each attachment, or both. A person
    /// does not choose the name of a picked file, so characters that a name may not
    /// have are removed from it.
    ///
    /// # Errors
    ///
    /// `CONTACT_PENDING`, `CONTACT_SUSPECT`, `MESSAGE_TOO_LARGE`,
    /// `CLOCK_BEHIND`, `INVALID_ARGUMENT`, …
    #[wasm_bindgen(unchecked_return_type = "Effects<BareMessage>")]
    pub fn send(
        &mut self,
        id: &str,
        typed: Option<Uint8Array>,
        #[wasm_bindgen(unchecked_param_type = "readonly EngineAttachment[]")] attachments: &Array,
        session: Option<String>,
        now: f64,
    ) -> JsResult<JsValue> {
        let typed = typed.map(|bytes| utf8(&bytes, "text")).transpose()?;
        let outgoing = Outgoing {
            text: typed.as_ref().map(|text| text.as_str()),
            attachments: self::attachments(attachments)?,
            session: session.as_deref().unwrap_or_default(),
        };
        let (contact, now) = (contact(id)?, time(now)?);
        let mut result = self.client.send(contact, outgoing, now, &mut rng());
        if let Ok(sent) = &mut result {
            let sent = core::slice::from_mut(&mut sent.value);
            self.client.estimate_departures(sent, now);
        }
        self.vault.give(result)
    }

    /// Cancels a message that has not left completely.
    ///
    /// # Errors
    ///
    /// `MESSAGE_SENT`, `MESSAGE_UNKNOWN`, `CLOCK_BEHIND`.
    #[wasm_bindgen(unchecked_return_type = "Effects<BareMessage>")]
    pub fn cancel(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.cancel(message(id)?, time(now)?, &mut rng()))
    }

    /// Marks the messages of a contact as read, up to one of them or all.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(js_name = markRead, unchecked_return_type = "Effects")]
    pub fn mark_read(&mut self, id: &str, until: Option<String>, now: f64) -> JsResult<JsValue> {
        let until = until.as_deref().map(message).transpose()?;
        self.vault
            .give(self.client.mark_read(contact(id)?, until, time(now)?))
    }

    /// Deletes a message with its body; a message that waits for the relay is
    /// withdrawn first.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNFILED` unless those may be discarded; `MESSAGE_SENT`,
    /// `MESSAGE_UNKNOWN`, `CONTACT_PENDING`, `CLOCK_BEHIND`.
    #[wasm_bindgen(js_name = deleteMessage, unchecked_return_type = "Effects")]
    pub fn delete_message(
        &mut self,
        id: &str,
        discard_unfiled: bool,
        now: f64,
    ) -> JsResult<JsValue> {
        let (message, now) = (message(id)?, time(now)?);
        if !discard_unfiled {
            self.client.require_filed(FilingScope::Message(message))?;
        }
        self.vault
            .give(self.client.delete_message(message, now, &mut rng()))
    }

    /// Messages of several cells in transit.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(unchecked_return_type = "Transfer[]")]
    pub fn transfers(&self) -> JsResult<JsValue> {
        to_js(&self.client.transfers()?)
    }

    /// Messages with a contact, oldest first, without bodies.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`, `MESSAGE_UNKNOWN`.
    #[wasm_bindgen(unchecked_return_type = "BareMessage[]")]
    pub fn messages(
        &self,
        id: &str,
        before: Option<String>,
        limit: u32,
        now: f64,
    ) -> JsResult<JsValue> {
        let id = contact(id)?;
        let before = match before {
            None => None,
            Some(text) => match MessageRef::parse(&text) {
                Some(message) if message.contact == id => Some(message.ordinal),
                _ => return Err(ClientError::MessageUnknown.into()),
            },
        };
        let mut found = self.client.messages(id, before, limit as usize)?;
        self.client.estimate_departures(&mut found, time(now)?);
        to_js(&found)
    }

    /// An upper bound for sending this many bytes: `{ cells, seconds }`.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(unchecked_return_type = "Estimate")]
    pub fn estimate(&self, bytes: f64, prompt: bool) -> JsResult<JsValue> {
        let bytes = whole(bytes, "bytes")?;
        to_js(&self.client.estimate(bytes, prompt)?)
    }

    /// Where the evidence of a message is stored.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`, `CONTACT_PENDING` while it is held,
    /// `EVIDENCE_MISSING` for a message that was written here.
    #[wasm_bindgen(js_name = evidenceKey)]
    pub fn evidence_key(&self, id: &str) -> JsResult<String> {
        Ok(self.client.evidence_key(message(id)?)?.to_string())
    }

    /// The stored evidence of a message, with how its sender was checked.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, and as `evidenceKey`.
    #[wasm_bindgen(js_name = openEvidence)]
    pub fn open_evidence(&self, id: &str, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let key = self.evidence_key(id)?;
        let stored = self.vault.key.open(&key, &sealed.to_vec())?;
        Ok(array(&self.client.evidence(message(id)?, &stored)?))
    }

    /// Where the pieces of a message's body are stored.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`, `CONTACT_PENDING` while it is held.
    #[wasm_bindgen(js_name = bodyKeys, unchecked_return_type = "string[]")]
    pub fn body_keys(&self, id: &str) -> JsResult<Vec<String>> {
        let keys = self.client.body_keys(message(id)?)?;
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
        let key = key.ok_or(ClientError::MessageUnknown)?;
        Ok(array(&self.vault.key.open(key, &sealed.to_vec())?))
    }
}

/// Files as the page gives them: `[content type, file name | null, bytes,
/// picked]` for each.
pub(super) fn attachments(files: &Array) -> JsResult<Vec<Attachment>> {
    (0..)
        .zip(files.iter())
        .map(|(index, file)| attachment(index, &file))
        .collect()
}

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

pub(super) fn message(id: &str) -> JsResult<MessageRef> {
    Ok(MessageRef::parse(id).ok_or(ClientError::MessageUnknown)?)
}
