//! MedCrypt v1 messages. Protocol §9. PBKDF2 is WebCrypto's, in the facade.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    base::Month,
    medcrypt::{Message, MonthKey, PBKDF2_ITERATIONS, month_salt},
    wasm::{
        bytes::{array, invalid, rng, secret, text},
        error::JsResult,
        object::object,
    },
};

/// The salt of a month's key: 16 bytes, not secret.
///
/// # Errors
///
/// `INVALID_ARGUMENT` unless the secret is UTF-8 and the month 1–12.
#[wasm_bindgen(js_name = medcryptMonthSalt)]
pub fn salt_of_month(secret: &Uint8Array, year: u16, month: u8) -> JsResult<Uint8Array> {
    if !(1..=12).contains(&month) {
        return Err(invalid("month is not YYYY-MM"));
    }
    let secret = text(secret, "secret")?;
    let month = Month(u32::from(year) * 12 + u32::from(month) - 1);
    Ok(array(&month_salt(&secret, month)))
}

/// The rounds of PBKDF2 that the format asks for.
#[wasm_bindgen(js_name = medcryptIterations)]
#[must_use]
pub fn iterations() -> u32 {
    PBKDF2_ITERATIONS
}

/// A key that seals and opens messages.
#[wasm_bindgen]
pub struct MedcryptKey(MonthKey);

#[wasm_bindgen]
impl MedcryptKey {
    /// Takes over 32 derived bytes.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for another length.
    #[wasm_bindgen(constructor)]
    pub fn new(key: &Uint8Array) -> JsResult<Self> {
        secret(key, "key").map(|key| Self(MonthKey::from_derived(key)))
    }

    /// The wire text of a sealed message.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for an empty patient id or text that is not UTF-8.
    pub fn seal(&self, message: &Uint8Array, patient_id: &Uint8Array) -> JsResult<String> {
        let (message, patient_id) = (text(message, "text")?, text(patient_id, "patientId")?);
        Ok(self.0.seal(&patient_id, &message, &mut rng())?.to_string())
    }

    /// `{ text, patientId }` of a wire text.
    ///
    /// # Errors
    ///
    /// `MALFORMED` or `NOT_AUTHENTIC`.
    pub fn open(&self, wire: &str) -> JsResult<JsValue> {
        let message = Message::parse(wire)?;
        let text = self.0.open(&message)?;
        Ok(object(&[
            ("text", JsValue::from_str(&text)),
            ("patientId", message.patient_id().into()),
        ]))
    }

    /// The 32 bytes: an export the caller asked for.
    #[must_use]
    pub fn export(&self) -> Uint8Array {
        array(self.0.expose().expose())
    }
}

/// `{ patientId, nonce, sealed }` of a wire text, for WebCrypto to open.
///
/// # Errors
///
/// `MALFORMED`.
#[wasm_bindgen(js_name = medcryptParse)]
pub fn parse(wire: &str) -> JsResult<JsValue> {
    let message = Message::parse(wire)?;
    Ok(object(&[
        ("patientId", message.patient_id().into()),
        ("nonce", array(message.nonce()).into()),
        ("sealed", array(message.sealed()).into()),
    ]))
}
