//! A secret in several hands. Protocol §10.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{
    base::ErrorCode,
    crypto::shamir::{self, Point},
    wasm::{
        bytes::{array, invalid, rng, secret},
        error::{JsResult, js_error},
        object::object,
    },
};

/// The share points `{ x, y }` of a 32-byte secret.
///
/// # Errors
///
/// `INVALID_ARGUMENT` unless 2 ≤ threshold ≤ shares ≤ 255 and the secret is
/// 32 bytes.
#[wasm_bindgen(js_name = emergencySplit)]
pub fn split(secret_bytes: &Uint8Array, threshold: u8, shares: u8) -> JsResult<Array> {
    let points = shamir::split(
        &secret(secret_bytes, "secret")?,
        threshold,
        shares,
        &mut rng(),
    )
    .ok_or_else(|| invalid("threshold is not 2 to the number of shares"))?;
    Ok(points
        .iter()
        .map(|point| {
            let y = array(point.y().expose());
            object(&[("x", point.x().into()), ("y", y.into())])
        })
        .collect())
}

/// Collects share points; all of them are used.
#[wasm_bindgen]
#[derive(Default)]
pub struct ShareSet(Vec<Point>);

#[wasm_bindgen]
impl ShareSet {
    /// An empty set.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a point.
    ///
    /// # Errors
    ///
    /// `SHARES_INVALID` at x = 0, `INVALID_ARGUMENT` unless y is 32 bytes.
    pub fn add(&mut self, x: u8, y: &Uint8Array) -> JsResult<()> {
        let point =
            Point::new(x, secret(y, "y")?).ok_or_else(|| shares_invalid("a share at x = 0"))?;
        self.0.push(point);
        Ok(())
    }

    /// The secret of the polynomial through all points. Fewer points than the
    /// threshold give another secret; whether it is the right one shows only when
    /// it opens something.
    ///
    /// # Errors
    ///
    /// `SHARES_INVALID` for fewer than two, more than 255 or a repeated share.
    pub fn combine(&self) -> JsResult<Uint8Array> {
        let points: Vec<&Point> = self.0.iter().collect();
        u8::try_from(points.len())
            .ok()
            .and_then(|count| shamir::combine(count, &points))
            .map(|secret| array(secret.expose()))
            .ok_or_else(|| shares_invalid("fewer than two shares, or the same share twice"))
    }
}

fn shares_invalid(message: &str) -> wasm_bindgen::JsValue {
    js_error(ErrorCode::SharesInvalid, message)
}
