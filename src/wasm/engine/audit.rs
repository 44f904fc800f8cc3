//! The audit log: signed, exported, and read back from the store.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Engine, time, whole};
use crate::{
    audit::{AuditError, Head, checkpoint_line, entry_line, kept_checkpoints, owner_line},
    client::{Journal, StoreKey},
    wasm::{
        bytes::{invalid, rng},
        error::JsResult,
        object::{nullable, number, object},
    },
    wire::hex,
};

#[wasm_bindgen]
impl Engine {
    /// Signs the current log.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(unchecked_return_type = "Effects<AuditCheckpoint>")]
    pub fn checkpoint(&mut self, now: f64) -> JsResult<JsValue> {
        self.vault
            .give(self.client.checkpoint(None, time(now)?, &mut rng()))
    }

    /// Logs an export, "ndjson", "csv" or "fhir", and signs the log with it.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = exportLog, unchecked_return_type = "Effects<AuditCheckpoint>")]
    pub fn export_log(&mut self, format: &str, now: f64) -> JsResult<JsValue> {
        let formats = ["ndjson", "csv", "fhir"];
        let format = formats
            .into_iter()
            .find(|known| *known == format)
            .ok_or_else(|| invalid("format is not \"ndjson\", \"csv\" or \"fhir\""))?;
        self.vault
            .give(self.client.checkpoint(Some(format), time(now)?, &mut rng()))
    }

    /// `{ length, head, owner, checkpoint }`: the end of the log, the first line of
    /// an export, and the line of the last checkpoint or null.
    #[wasm_bindgen(js_name = logState, unchecked_return_type = "LogState")]
    #[must_use]
    pub fn log_state(&self) -> JsValue {
        let journal = self.client.journal();
        let owner = owner_line(self.client.public().statement());
        let checkpoint = journal.last_checkpoint().map(checkpoint_line);
        object(&[
            ("length", number(journal.head().len())),
            ("head", hex::encode(journal.head().hash()).into()),
            ("owner", owner.into()),
            ("checkpoint", nullable(checkpoint)),
        ])
    }

    /// `[index, head]` pairs of the checkpoints of this log in a text that
    /// was kept elsewhere.
    ///
    /// # Errors
    ///
    /// `MALFORMED`, `AUDIT_INVALID`.
    #[wasm_bindgen(js_name = keptCheckpoints, unchecked_return_type = "KeptCheckpoint[]")]
    pub fn kept_checkpoints(&self, text: &str) -> JsResult<Array> {
        let owner = self.client.public().statement();
        let checkpoints = kept_checkpoints(text.as_bytes(), owner)?;
        let pairs = checkpoints.iter().map(|checkpoint| {
            let head = hex::encode(checkpoint.head());
            Array::of2(&number(checkpoint.index()), &head.into())
        });
        Ok(pairs.collect())
    }

    /// Opens entries from `first` on: `records` are `[key, bytes]` pairs as they
    /// follow each other in the store, `before` is the head before the first, if it
    /// is known. Returns `{ entries: { index, record, head, line }[], broken }`;
    /// `broken` is the index of the first altered entry, or null.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT`.
    #[wasm_bindgen(js_name = readLog, unchecked_return_type = "LogPage")]
    pub fn read_log(
        &self,
        first: f64,
        #[wasm_bindgen(unchecked_param_type = "StoredRecords")] records: &Array,
        before: Option<String>,
    ) -> JsResult<JsValue> {
        let first = whole(first, "first")?;
        let before = before.map(|text| hex::decode(&text).ok_or_else(|| invalid("before")));
        let known = before.transpose()?;
        let entries = Array::new();
        let mut broken = JsValue::NULL;
        let mut at = known.map(|hash| Head::from_stored(first, hash));
        for (index, pair) in (first..).zip(records.iter()) {
            match self.read_logged(index, &Array::from(&pair), at) {
                Ok((entry, next)) => {
                    entries.push(&entry);
                    at = Some(next);
                }
                Err(_) => {
                    broken = number(index);
                    break;
                }
            }
        }
        Ok(object(&[("entries", entries.into()), ("broken", broken)]))
    }
}

impl Engine {
    fn read_logged(
        &self,
        index: u64,
        pair: &Array,
        at: Option<Head>,
    ) -> Result<(JsValue, Head), AuditError> {
        let broken = AuditError::Broken { index };
        let key = StoreKey::LogEntry(index).to_string();
        if pair.get(0).as_string().as_ref() != Some(&key) {
            return Err(broken);
        }
        let sealed = Uint8Array::new(&pair.get(1)).to_vec();
        let stored = self.vault.key.open(&key, &sealed).map_err(|_| broken)?;
        let at = match at {
            Some(at) => at,
            None => Journal::head_before(index, &stored)?,
        };
        let (entry, next) = self.client.journal().replay(at, &stored)?;
        let line = entry_line(index, &entry, next.hash());
        let entry = object(&[
            ("index", number(index)),
            ("record", entry.record().into()),
            ("head", hex::encode(next.hash()).into()),
            ("line", line.into()),
        ]);
        Ok((entry, next))
    }
}
