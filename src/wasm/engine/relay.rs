//! What the loop does with the relay.

use js_sys::{Array, Object, Uint8Array};
use serde::Serialize;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, client_error, time, to_js};
use crate::{
    client::{Mailbox, Post, Settings},
    wasm::{
        bytes::{array, invalid, rng},
        error::{JsResult, set},
    },
    wire::paths,
};

#[wasm_bindgen]
impl Engine {
    /// Takes the relay's `/v1/info`.
    ///
    /// # Errors
    ///
    /// `RELAY_PROTOCOL`.
    pub fn configure(&mut self, info: &str, now: f64) -> JsResult<JsValue> {
        let result = self.client.configure(info, time(now)?);
        self.give(result)
    }

    /// The relay is reached under this URL from now on.
    ///
    /// # Errors
    ///
    /// Never in practice.
    pub fn relocate(&mut self, url: &str, now: f64) -> JsResult<JsValue> {
        let effects = self.client.relocate(url, time(now)?);
        self.give(Ok(effects))
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
    pub fn plan_pull(&mut self, which: &str, index: &str, now: f64) -> JsResult<JsValue> {
        let mailbox = mailbox(which)?;
        let result = self.client.plan_pull(mailbox, index, time(now)?);
        if let Ok(effects) = &result {
            self.planned
                .retain(|_, planned| planned.mailbox() != mailbox);
            for planned in &effects.value {
                self.planned.insert(planned.path.clone(), planned.clone());
            }
        }
        self.give(result)
    }

    /// Reads what was planned under this path.
    ///
    /// # Errors
    ///
    /// `BATCH_INVALID`.
    pub fn receive(&mut self, path: &str, bytes: &Uint8Array, now: f64) -> JsResult<JsValue> {
        let planned = self
            .planned
            .get(&path.to_owned())
            .ok_or_else(|| invalid("path"))?;
        let result = self
            .client
            .receive(planned, &bytes.to_vec(), time(now)?, &mut rng());
        self.give(result)
    }

    /// The number of this person's bucket, for the stream of notices.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    pub fn bucket(&self) -> JsResult<u32> {
        self.client.own_bucket().map_err(client_error)
    }

    /// One slot, with the same cells for every bucket: `{ body, tokens }`.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = nextSlot)]
    pub fn next_slot(&self, now: f64) -> JsResult<JsValue> {
        self.client
            .next_slot(time(now)?, &mut rng())
            .map(post)
            .map_err(client_error)
    }

    /// What leaves at once, post by post: `{ body, tokens }`, or undefined
    /// when nothing waits.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = nextFlush)]
    pub fn next_flush(&self, now: f64) -> JsResult<JsValue> {
        let next = self.client.next_flush(time(now)?, &mut rng());
        Ok(next.map_err(client_error)?.map_or(JsValue::UNDEFINED, post))
    }

    /// Up to four cells for the lobby: `{ body, tokens }`, or undefined.
    ///
    /// # Errors
    ///
    /// `RELAY_UNREACHABLE` before the first `configure`.
    #[wasm_bindgen(js_name = nextLobbyPost)]
    pub fn next_lobby_post(&self, now: f64) -> JsResult<JsValue> {
        let next = self.client.next_lobby_post(time(now)?);
        Ok(next.map_err(client_error)?.map_or(JsValue::UNDEFINED, post))
    }

    /// The relay answered 202.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn posted(&mut self, tokens: Vec<String>, now: f64) -> JsResult<JsValue> {
        let effects = self.client.posted(&cells(&tokens)?, time(now)?);
        self.give(Ok(effects))
    }

    /// Whether a post that got no answer may be repeated as it was.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = mayPost)]
    pub fn may_post(&self, tokens: Vec<String>) -> JsResult<bool> {
        let tokens: Option<Vec<u64>> = tokens.iter().map(|token| token.parse().ok()).collect();
        let tokens = tokens.ok_or_else(|| invalid("tokens"))?;
        Ok(self.client.may_post(&tokens))
    }

    /// `{ graceDays, retentionDays }`.
    ///
    /// # Errors
    ///
    /// Never in practice.
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
        self.client.set_receipt_delay(minutes).map_err(client_error)
    }

    /// Sets both.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` out of range.
    #[wasm_bindgen(js_name = setSettings)]
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
        let result = self.client.set_settings(settings, time(now)?);
        self.give(result)
    }

    /// Wipes what a relay that withholds has kept from being shredded.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = shredExpiredKeys)]
    pub fn shred_expired_keys(&mut self, now: f64) -> JsResult<JsValue> {
        let effects = self.client.shred_expired_keys(time(now)?);
        self.give(Ok(effects))
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

    /// Lets time pass; `value` names the messages whose bodies
    /// `reseal` needs.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    pub fn tick(&mut self, now: f64) -> JsResult<JsValue> {
        let effects = self.client.tick(time(now)?);
        self.give(Ok(effects))
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
            per_bucket: u32,
            max_attachment_bytes: u32,
            retention_seconds: u32,
        }
        let info = self.client.relay_info().map_err(client_error)?;
        to_js(&Info {
            epoch_seconds: info.epoch_seconds.get(),
            lobby_epoch_seconds: info.lobby_epoch_seconds.get(),
            per_bucket: info.per_bucket.get(),
            max_attachment_bytes: info.max_attachment_bytes.get(),
            retention_seconds: info.retention_seconds.get(),
        })
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

/// The cells that a post's tokens name.
pub(super) fn cells(tokens: &[String]) -> JsResult<Vec<u64>> {
    let cells = tokens.iter().map(|token| token.parse().ok());
    cells
        .collect::<Option<_>>()
        .ok_or_else(|| invalid("tokens are not those of a post"))
}

fn mailbox(which: &str) -> JsResult<Mailbox> {
    Mailbox::parse(which).ok_or_else(|| invalid("which is neither \"own\" nor \"lobby\""))
}
