//! A proof and its message, sealed to one recipient. Protocol §8.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::identity::{Sender, public_identity};
use crate::{
    base::ErrorCode,
    secure_encryption::ProvenMessage,
    wasm::{
        bytes::{array, content, fixed, rng},
        error::{JsResult, js_error},
        object::object,
    },
};

/// `enc || ciphertext || tag` for the recipient.
///
/// # Errors
///
/// `INVALID_ARGUMENT` unless the proof is 64 bytes and the key too,
/// `INVALID_KEY` for a key the protocol refuses.
#[wasm_bindgen(js_name = secureEncrypt)]
pub fn encrypt(
    proof: &Uint8Array,
    message: &Uint8Array,
    recipient: &Uint8Array,
) -> JsResult<Uint8Array> {
    let recipient = public_identity(recipient)?;
    let sealed = ProvenMessage {
        proof: fixed(proof, "proof")?,
        message: content(message),
    }
    .encrypt(&recipient, &mut rng())
    .ok_or_else(|| js_error(ErrorCode::Internal, "HPKE refused a valid key"))?;
    Ok(array(&sealed))
}

/// `{ proof, message }` of a ciphertext sealed to this identity.
///
/// # Errors
///
/// `NOT_AUTHENTIC`, whatever was wrong.
#[wasm_bindgen(js_name = secureDecrypt)]
pub fn decrypt(ciphertext: &Uint8Array, recipient: &Sender) -> JsResult<JsValue> {
    let opened = ProvenMessage::decrypt(&recipient.0, &ciphertext.to_vec());
    let opened = opened.ok_or_else(|| {
        let message = "the ciphertext does not open with this key";
        js_error(ErrorCode::NotAuthentic, message)
    })?;
    Ok(object(&[
        ("proof", array(&opened.proof).into()),
        ("message", array(&opened.message).into()),
    ]))
}
