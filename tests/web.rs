//! The protocol's vectors in a browser, through the same code as natively:
//! `cargo test --target wasm32-unknown-unknown --test web`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::panic, reason = "a test")]

mod conformance;
mod embedded;

use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn every_vector_passes() {
    let mut failures = Vec::new();
    for (name, text) in embedded::FILES {
        match conformance::run_file(name, text) {
            Ok(conformance::Count {
                valid,
                invalid,
                refused,
            }) => {
                assert_eq!(refused.is_empty(), invalid == 0);
                console_log!(
                    "{name}: {} cases ({valid} valid, {invalid} invalid)",
                    valid + invalid
                );
            }
            Err(lines) => failures.extend(lines),
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
