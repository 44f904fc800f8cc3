//! Plain JavaScript objects and numbers.

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// A plain object with these properties.
pub(crate) fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in properties {
        set(&object, key, value);
    }
    object.into()
}

/// Sets a property of an object of our own, which cannot refuse.
pub(crate) fn set(object: &JsValue, key: &str, value: &JsValue) {
    let done = Reflect::set(object, &JsValue::from_str(key), value);
    debug_assert!(done.is_ok(), "a plain object takes every property");
}

/// A property, or undefined.
#[cfg(feature = "portal")]
pub(crate) fn field(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(key)).unwrap_or(JsValue::UNDEFINED)
}

/// A time, a count or an index.
#[cfg(feature = "portal")]
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn number(value: u64) -> JsValue {
    JsValue::from_f64(value as f64)
}

/// The value, or null.
#[cfg(feature = "portal")]
pub(crate) fn nullable<T: Into<JsValue>>(value: Option<T>) -> JsValue {
    value.map_or(JsValue::NULL, Into::into)
}
