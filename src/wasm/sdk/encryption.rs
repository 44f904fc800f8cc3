//! A proof and its message, sealed to one recipient. Protocol §8.

use js_sys::{Object, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;

use super::identity::{Sender, public_identity};
use crate::{
    base::ErrorCode,
    secure_encryption::ProvenMessage,
    wasm::{
        bytes::{array, content, invalid, rng},
        error::{JsResult, js_error, set},
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
    let proof = proof
        .to_vec()
        .try_into()
        .map_err(|_| invalid("proof is not 64 bytes"))?;
    let sealed = ProvenMessage {
        proof,
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
pub fn decrypt(ciphertext: &Uint8Array, recipient: &Sender) -> JsResult<Object> {
    let opened = ProvenMessage::decrypt(&recipient.0, &ciphertext.to_vec())
        .map_err(|error| js_error(error.code(), "the ciphertext does not open with this key"))?;
    let out = Object::new();
    set(&out, "proof", &array(&opened.proof));
    set(&out, "message", &array(&opened.message));
    Ok(out)
}
