//! The relay: its parameters, and how it is reached.

use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, time, to_js};
use crate::{
    client::{Mailbox, Settings},
    wasm::{bytes::invalid, error::JsResult},
    wire::paths,
};

#[wasm_bindgen]
impl Engine {
    /// Processes the relay's `/v1/info`.
    ///
    /// # Errors
    ///
    /// `RELAY_PROTOCOL`.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn configure(&mut self, info: &str, now: f64) -> JsResult<JsValue> {
        self.vault.give(self.client.configure(info, time(now)?))
    }

    /// Changes the relay's URL.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "Effects")]
    pub fn relocate(&mut self, url: &str, now: f64) -> JsResult<JsValue> {
        self.vault.give(Ok(self.client.relocate(url, time(now)?)))
    }

    /// "info" or "cells".
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = relayPath)]
    pub fn relay_path(
        &self,
        #[wasm_bindgen(unchecked_param_type = "\"info\" | \"cells\"")] which: &str,
    ) -> JsResult<String> {
        match which {
            "info" => Ok(paths::INFO.into()),
            "cells" => Ok(paths::CELLS.into()),
            _ => Err(invalid("which")),
        }
    }

    /// The number of this person's bucket, for the stream of notices.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    pub fn bucket(&self) -> JsResult<u32> {
        Ok(self.client.bucket(Mailbox::Own)?.get())
    }

    /// `{ graceDays, retentionDays }`.
    ///
    /// # Errors
    ///
    /// Never in practice.
    #[wasm_bindgen(unchecked_return_type = "Settings")]
    pub fn settings(&self) -> JsResult<JsValue> {
        to_js(&self.client.settings())
    }

    /// Sets how long receipts wait on average, in minutes. Not stored.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` above 2 880.
    #[wasm_bindgen(js_name = setReceiptDelay)]
    pub fn set_receipt_delay(&mut self, minutes: u32) -> JsResult<()> {
        Ok(self.client.set_receipt_delay(minutes)?)
    }

    /// Turns on light reading of the own bucket, with this many bitmaps in each
    /// request to the two relays. Not stored.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for other than 1 to 16.
    #[wasm_bindgen(js_name = readLight)]
    pub fn read_light(&mut self, queries: u8) -> JsResult<()> {
        Ok(self.client.read_light(Some(queries))?)
    }

    /// URLs of other members of the relay's federation, which are used while the relay
    /// does not answer: undefined for those that the relay names; and of the second relay
    /// of light reading. Not stored.
    #[wasm_bindgen(js_name = setMembers)]
    pub fn set_members(&mut self, members: Option<Vec<String>>, mirror: Option<String>) {
        self.client.set_members(members, mirror);
    }

    /// Sets the grace and the retention, in days.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` out of range.
    #[wasm_bindgen(js_name = setSettings, unchecked_return_type = "Effects")]
    pub fn set_settings(
        &mut self,
        grace_days: u32,
        retention_days: u32,
        now: f64,
    ) -> JsResult<JsValue> {
        let settings = Settings {
            grace_days,
            retention_days,
        };
        self.vault
            .give(self.client.set_settings(settings, time(now)?))
    }

    /// Shreds expired keys whose shredding a relay has delayed by withholding batches.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = shredExpiredKeys, unchecked_return_type = "Effects<number>")]
    pub fn shred_expired_keys(&mut self, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(Ok(self.client.shred_expired_keys(time(now)?)))
    }

    /// The number of cells that wait for the relay.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.client.queued()
    }

    /// Whether the lobby must be read.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = lobbyWatch)]
    pub fn lobby_watch(&self, now: f64) -> JsResult<bool> {
        Ok(self.client.lobby_watch(time(now)?))
    }

    /// The part of `/v1/info` that the loop needs.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(unchecked_return_type = "RelayParameters")]
    pub fn info(&self) -> JsResult<JsValue> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            epoch_seconds: u32,
            lobby_epoch_seconds: u32,
            per_bucket: u32,
            max_attachment_bytes: u32,
            retention_seconds: u32,
        }
        let info = self.client.relay_info()?;
        to_js(&Info {
            epoch_seconds: info.epoch_seconds.get(),
            lobby_epoch_seconds: info.lobby_epoch_seconds.get(),
            per_bucket: info.per_bucket.get(),
            max_attachment_bytes: info.max_attachment_bytes.get(),
            retention_seconds: info.retention_seconds.get(),
        })
    }
}
