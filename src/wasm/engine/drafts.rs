//! Drafts: text, files and session label that were not sent yet.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use zeroize::Zeroizing;

use super::{Engine, contact, messages::attachments, time};
use crate::{
    base::Content,
    client::{Draft, StoreKey},
    envelope::message::Layout,
    vault::VaultError,
    wasm::{
        bytes::{array, content},
        error::JsResult,
        object::nullable,
    },
};

#[wasm_bindgen]
impl Engine {
    /// Stores the text of a draft; an empty one deletes it.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = setDraft, unchecked_return_type = "Effects")]
    pub fn set_draft(&mut self, id: &str, text: &Uint8Array, now: f64) -> JsResult<JsValue> {
        self.put_draft(id, Draft::Text(&content(text)), now)
    }

    /// Stores the files of a draft, each as for `send`; none deletes them.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = setDraftFiles, unchecked_return_type = "Effects")]
    pub fn set_draft_files(
        &mut self,
        id: &str,
        #[wasm_bindgen(unchecked_param_type = "readonly EngineAttachment[]")] files: &Array,
        now: f64,
    ) -> JsResult<JsValue> {
        self.put_draft(id, Draft::Files(attachments(files)?), now)
    }

    /// Stores the session label of a draft; an empty one deletes it.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = setDraftSession, unchecked_return_type = "Effects")]
    pub fn set_draft_session(
        &mut self,
        id: &str,
        label: &Uint8Array,
        now: f64,
    ) -> JsResult<JsValue> {
        self.put_draft(id, Draft::Session(&content(label)), now)
    }

    /// Where the text, the session label and the files of a draft are stored.
    ///
    /// # Errors
    ///
    /// `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = draftKeys, unchecked_return_type = "DraftKeys")]
    pub fn draft_keys(&self, id: &str) -> JsResult<Vec<String>> {
        let keys = self.client.draft_keys(contact(id)?)?;
        Ok(keys.iter().map(StoreKey::to_string).collect())
    }

    /// Opens the stored text of a draft.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = openDraft)]
    pub fn open_draft(&self, id: &str, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let [text, ..] = self.client.draft_keys(contact(id)?)?;
        Ok(array(&self.open_part(text, sealed)?))
    }

    /// Opens the stored session label of a draft.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(js_name = openDraftSession)]
    pub fn open_draft_session(&self, id: &str, sealed: &Uint8Array) -> JsResult<Uint8Array> {
        let [_, session, _] = self.client.draft_keys(contact(id)?)?;
        Ok(array(&self.open_part(session, sealed)?))
    }

    /// Opens the stored files of a draft: `[content type, file name | null,
    /// bytes]` for each.
    ///
    /// # Errors
    ///
    /// `VAULT_DAMAGED`, `CONTACT_UNKNOWN`.
    #[wasm_bindgen(
        js_name = openDraftFiles,
        unchecked_return_type = "readonly [string, string | null, Uint8Array][]"
    )]
    pub fn open_draft_files(&self, id: &str, sealed: &Uint8Array) -> JsResult<Array> {
        let [.., files] = self.client.draft_keys(contact(id)?)?;
        let plain = self.open_part(files, sealed)?;
        let layout = Layout::decode(&Content::from(plain.as_slice()));
        let layout = layout.ok_or(VaultError::Damaged)?;
        let files = layout.attachments.into_iter().map(|file| {
            let body = plain.get(file.body).unwrap_or_default();
            Array::of3(
                &file.content_type.as_str().into(),
                &nullable(file.filename),
                &array(body),
            )
        });
        Ok(files.collect())
    }
}

impl Engine {
    fn put_draft(&mut self, id: &str, draft: Draft<'_>, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.set_draft(contact(id)?, draft, time(now)?))
    }

    fn open_part(&self, key: StoreKey, sealed: &Uint8Array) -> JsResult<Zeroizing<Vec<u8>>> {
        Ok(self.vault.key.open(&key.to_string(), &sealed.to_vec())?)
    }
}
