//! Bytes across the boundary.
//!
//! Secrets and content come in as `&Uint8Array` and are copied straight into
//! memory that is wiped: a `&[u8]` or `&str` argument would leave a copy of
//! them in the module's memory.

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

use super::error::{JsResult, js_error};
use crate::base::{Content, ErrorCode, Secret};

/// The operating system's generator, through `crypto.getRandomValues`.
pub(crate) type Rng = rand_core::UnwrapErr<getrandom::SysRng>;

/// A generator; it has no state.
pub(crate) fn rng() -> Rng {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// A secret of exactly `N` bytes, copied once, into its own box.
pub(crate) fn secret<const N: usize>(array: &Uint8Array, name: &str) -> JsResult<Secret<N>> {
    require_length(array, N, name)?;
    Ok(Secret::fill_with(|bytes| array.copy_to(bytes)))
}

/// Exactly `N` bytes that are not secret.
pub(crate) fn fixed<const N: usize>(array: &Uint8Array, name: &str) -> JsResult<[u8; N]> {
    require_length(array, N, name)?;
    let mut bytes = [0; N];
    array.copy_to(&mut bytes);
    Ok(bytes)
}

/// Content of any length, wiped on drop.
pub(crate) fn content(array: &Uint8Array) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(vec![0; array.length() as usize]);
    array.copy_to(&mut bytes);
    bytes
}

/// Content of any size, in pieces, wiped on drop.
pub(crate) fn pieces(array: &Uint8Array) -> Content {
    Content::fill_with(array.length() as usize, |at, piece| {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        let end = at.saturating_add(u32::try_from(piece.len()).unwrap_or(u32::MAX));
        array.subarray(at, end).copy_to(piece);
    })
}

/// Content that must be UTF-8, wiped on drop.
pub(crate) fn text(array: &Uint8Array, name: &str) -> JsResult<Zeroizing<String>> {
    match String::from_utf8(array.to_vec()) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(invalid(&format!("{name} is not UTF-8")))
        }
    }
}

/// A copy for JavaScript to own.
pub(crate) fn array(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// `INVALID_ARGUMENT` with a sentence that names the argument, not its value.
pub(crate) fn invalid(message: &str) -> JsValue {
    js_error(ErrorCode::InvalidArgument, message)
}

fn require_length(array: &Uint8Array, len: usize, name: &str) -> JsResult<()> {
    if array.length() as usize == len {
        return Ok(());
    }
    Err(invalid(&format!("{name} is not {len} bytes")))
}
