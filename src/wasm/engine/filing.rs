//! Filing of messages in the health record.

use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, messages::message, time, to_js};
use crate::{
    base::ErrorCode,
    client::{FilingScope, FilingUpdate, MessageState},
    wasm::{bytes::invalid, error::JsResult},
};

#[wasm_bindgen]
impl Engine {
    /// Whether messages are filed in the health record.
    #[wasm_bindgen(js_name = filesMessages)]
    #[must_use]
    pub fn files_messages(&self) -> bool {
        self.client.files_messages()
    }

    /// Sets whether messages are filed in the health record.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = setFilesMessages, unchecked_return_type = "Effects")]
    pub fn set_files_messages(&mut self, filed: bool, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(Ok(self.client.set_files_messages(filed, time(now)?)))
    }

    /// The host sends a message to the record now.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNKNOWN`, `CONTACT_PENDING`, `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = filingStarted, unchecked_return_type = "Effects")]
    pub fn filing_started(&mut self, id: &str, now: f64) -> JsResult<JsValue> {
        self.mark_filing(id, &FilingUpdate::Started, now)
    }

    /// The record has a message, in the state `as`.
    ///
    /// # Errors
    ///
    /// As `filingStarted`.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn filed(
        &mut self,
        id: &str,
        record_id: String,
        version: Option<String>,
        filed_as: &str,
        now: f64,
    ) -> JsResult<JsValue> {
        let filed_as = MessageState::parse(filed_as);
        let update = FilingUpdate::Filed {
            id: record_id,
            version,
            filed_as: filed_as.ok_or_else(|| invalid("filedAs is not a state of a message"))?,
        };
        self.mark_filing(id, &update, now)
    }

    /// The record does not have a message.
    ///
    /// # Errors
    ///
    /// As `filingStarted`.
    #[wasm_bindgen(js_name = filingFailed, unchecked_return_type = "Effects")]
    pub fn filing_failed(&mut self, id: &str, code: &str, now: f64) -> JsResult<JsValue> {
        let code = ErrorCode::parse(code).ok_or_else(|| invalid("code is not an error code"))?;
        self.mark_filing(id, &FilingUpdate::Failed(code), now)
    }

    /// The first messages that the record lacks, or has in an earlier state.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "BareMessage[]")]
    pub fn unfiled(&self, limit: u32) -> JsResult<JsValue> {
        to_js(&self.client.unfiled(limit as usize))
    }

    /// The number of all messages that `unfiled` lists.
    #[wasm_bindgen(js_name = countUnfiled)]
    #[must_use]
    pub fn count_unfiled(&self) -> u32 {
        u32::try_from(self.client.count_unfiled(FilingScope::All)).unwrap_or(u32::MAX)
    }

    /// Throws while messages are unfiled; call it before the vault is destroyed.
    ///
    /// # Errors
    ///
    /// `MESSAGE_UNFILED`.
    #[wasm_bindgen(js_name = requireFiled)]
    pub fn require_filed(&self) -> JsResult<()> {
        Ok(self.client.require_filed(FilingScope::All)?)
    }
}

impl Engine {
    fn mark_filing(&mut self, id: &str, update: &FilingUpdate, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.mark_filing(message(id)?, update, time(now)?))
    }
}
