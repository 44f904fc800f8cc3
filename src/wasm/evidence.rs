//! Evidence of who wrote a message, for anyone who has both.

use js_sys::{Object, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    bytes::{array, pieces},
    error::{JsResult, js_error, set},
};
use crate::{base::ErrorCode, crypto::cbor::Deterministic as _, envelope::Evidence};

/// Verifies evidence and returns its statement about `body`: `{ sender,
/// senderPublicKey, recipient, sentAt, device, seq, session, contentType,
/// checked: { by, at } | null }`.
///
/// # Errors
///
/// `MALFORMED`; `NOT_AUTHENTIC` if it proves nothing about this body.
#[wasm_bindgen(js_name = verifyEvidence)]
pub fn verify_evidence(evidence: &Uint8Array, body: &Uint8Array) -> JsResult<JsValue> {
    let read = Evidence::decode(&evidence.to_vec());
    let read = read.ok_or_else(|| js_error(ErrorCode::Malformed, "this is not evidence"))?;
    if !read.verify(&pieces(body)) {
        let message = "the evidence does not prove who wrote this";
        return Err(js_error(ErrorCode::NotAuthentic, message));
    }
    let object = Object::new();
    set(&object, "sender", &array(&read.sender.fingerprint().0));
    set(&object, "senderPublicKey", &array(&read.sender.encode()));
    set(&object, "recipient", &array(&read.recipient.0));
    set(&object, "sentAt", &number(read.sent_at.0));
    set(&object, "device", &read.device.into());
    set(&object, "seq", &number(read.seq));
    let label = read.id.label();
    let label = if label.is_empty() {
        JsValue::NULL
    } else {
        label.into()
    };
    set(&object, "session", &label);
    set(&object, "contentType", &read.content_type.as_str().into());
    let checked = read.checked.map(|(by, at)| {
        let checked = Object::new();
        set(&checked, "by", &by.word().into());
        set(&checked, "at", &number(at.0));
        checked.into()
    });
    set(&object, "checked", &checked.unwrap_or(JsValue::NULL));
    Ok(object.into())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "times and counts are far below 2^53"
)]
fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}
