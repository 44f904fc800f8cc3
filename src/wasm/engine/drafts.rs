//! Drafts: text that was written and not sent yet.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, client_error, contact, time, vault_error};
use crate::wasm::{
    bytes::{array, content},
    error::JsResult,
};

#[wasm_bindgen]
impl Engine {
    /// Stores the draft to a contact; an empty text deletes it.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = setDraft, unchecked_return_type = "Effects")]
    pub fn set_draft(&mut self, id: &str, text: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let result = self
            .client
            .set_draft(contact(id)?, &content(text), time(now)?);
        self.give(result)
    }

    /// Where the draft to a contact is stored.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = draftKey)]
    pub fn draft_key(&self, id: &str) -> JsResult<String> {
        let key = self.client.draft_key(contact(id)?).map_err(client_error)?;
        Ok(key.to_string())
    }

    /// Opens a stored draft.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = openDraft)]
    pub fn open_draft(&self, id: &str, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let plain = self
            .key
            .open(&self.draft_key(id)?, &sealed.to_vec())
            .map_err(vault_error)?;
        Ok(array(&plain))
    }
}
