//! From error codes to JavaScript errors.
//!
//! What is thrown is a real `Error` named `TesseraError` with `code` and
//! `retryable`; the facade gives it its class. A message says which rule was
//! broken and never holds a secret, patient data or a value that was passed.

use wasm_bindgen::{JsCast as _, JsValue};

use super::object::set;
use crate::base::ErrorCode;
#[cfg(feature = "sdk")]
use crate::medcrypt::MedCryptError;
#[cfg(feature = "portal")]
use crate::{
    audit::AuditError,
    client::ClientError,
    emergency::SharesError,
    vault::{VaultError, bundle::BundleError},
};

/// What every binding returns.
pub(crate) type JsResult<T> = Result<T, JsValue>;

/// A JavaScript `Error` with the code, whether a retry may help, and a
/// sentence for developers.
pub(crate) fn js_error(code: ErrorCode, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    error.set_name("TesseraError");
    set(&error, "code", &JsValue::from_str(code.as_str()));
    set(&error, "retryable", &JsValue::from_bool(code.retryable()));
    error.unchecked_into()
}

/// The same, with what caused it kept as `cause`.
#[cfg(feature = "portal")]
pub(crate) fn js_error_caused(code: ErrorCode, message: &str, cause: &JsValue) -> JsValue {
    let error = js_error(code, message);
    set(&error, "cause", cause);
    error
}

impl From<ErrorCode> for JsValue {
    fn from(code: ErrorCode) -> Self {
        js_error(code, code.as_str())
    }
}

/// Throws errors of lower layers with their code and their sentence.
macro_rules! thrown {
    ($($error:ty)*) => {$(
        impl From<$error> for JsValue {
            fn from(error: $error) -> Self {
                js_error(error.code(), &error.to_string())
            }
        }
    )*};
}

#[cfg(feature = "portal")]
thrown! { AuditError BundleError ClientError SharesError VaultError }
#[cfg(feature = "sdk")]
thrown! { MedCryptError }
