//! Verification of an exported audit log. Protocol §11.

use js_sys::Uint8Array;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    audit::{self, AuditError},
    wasm::{
        bytes::content,
        object::{nullable, number, object},
    },
    wire::hex,
};

/// Verifies the text of an export against checkpoints that were kept elsewhere, if
/// any: `{ problem, index }`, or `{ problem: null, owner, entries,
/// signed, anchoredAt }`.
#[wasm_bindgen(js_name = verifyAudit)]
#[must_use]
pub fn verify_audit(export: &Uint8Array, kept: Option<Uint8Array>) -> JsValue {
    let export = content(export);
    let kept = kept.as_ref().map(content);
    let verified = audit::verify(&export, kept.as_deref().map(Vec::as_slice));
    match verified {
        Ok(attested) => object(&[
            ("problem", JsValue::NULL),
            ("owner", hex::encode(attested.owner().as_bytes()).into()),
            ("entries", attested.records().count().into()),
            ("signed", index(attested.signed())),
            ("anchoredAt", index(attested.anchored_at())),
        ]),
        Err(error) => {
            let (problem, at) = match error {
                AuditError::Malformed => ("malformed", None),
                AuditError::KeptMalformed => ("keptMalformed", None),
                AuditError::Broken { index } => ("broken", Some(index)),
                AuditError::Truncated => ("truncated", None),
                AuditError::Checkpoint => ("checkpoint", None),
            };
            object(&[("problem", problem.into()), ("index", index(at))])
        }
    }
}

fn index(index: Option<u64>) -> JsValue {
    nullable(index.map(number))
}
