//! The protocol's vectors in a browser: a WebAssembly module, optimized like the package's, that
//! `tests/e2e/vectors.test.mjs` loads.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs, reason = "wasm-bindgen generates items without them")]

use wasm_bindgen::{JsError, prelude::wasm_bindgen};

#[path = "../tests/conformance/mod.rs"]
mod conformance;

/// Runs a file of vectors and returns the numbers of its valid and its invalid cases.
///
/// # Errors
///
/// A line for each case that failed.
#[wasm_bindgen(js_name = runFile)]
pub fn run_file(name: &str, text: &str) -> Result<Vec<usize>, JsError> {
    conformance::run_file(name, text)
        .map(|count| vec![count.valid, count.invalid])
        .map_err(|lines| JsError::new(&lines.join("\n")))
}
