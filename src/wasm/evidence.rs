//! Evidence of who wrote a message, for anyone who has both.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    bytes::{array, pieces},
    error::{JsResult, js_error},
    object::{nullable, number, object},
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
    let checked = read
        .checked
        .map(|(by, at)| object(&[("by", by.word().into()), ("at", number(at.0))]));
    let label = read.id.label();
    Ok(object(&[
        ("sender", array(&read.sender.fingerprint().0).into()),
        ("senderPublicKey", array(&read.sender.encode()).into()),
        ("recipient", array(&read.recipient.0).into()),
        ("sentAt", number(read.sent_at.0)),
        ("device", read.device.into()),
        ("seq", number(read.seq)),
        ("session", nullable((!label.is_empty()).then_some(label))),
        ("contentType", read.content_type.as_str().into()),
        ("checked", nullable(checked)),
    ]))
}
