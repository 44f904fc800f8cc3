//! Verification of an exported audit log. Protocol §11.

use js_sys::{Object, Uint8Array};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    audit::{self, AuditError},
    wasm::{bytes::content, error::set},
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
    let object = Object::new();
    match verified {
        Ok(attested) => {
            set(&object, "problem", &JsValue::NULL);
            let owner = hex::encode(attested.owner().as_bytes());
            set(&object, "owner", &owner.into());
            set(&object, "entries", &attested.records().count().into());
            set(&object, "signed", &index(attested.signed()));
            set(&object, "anchoredAt", &index(attested.anchored_at()));
        }
        Err(error) => {
            let (problem, at) = match error {
                AuditError::Malformed => ("malformed", None),
                AuditError::KeptMalformed => ("keptMalformed", None),
                AuditError::Broken { index } => ("broken", Some(index)),
                AuditError::Truncated => ("truncated", None),
                AuditError::Checkpoint => ("checkpoint", None),
            };
            set(&object, "problem", &problem.into());
            set(&object, "index", &index(at));
        }
    }
    object.into()
}

#[expect(clippy::cast_precision_loss, reason = "an index into what was read")]
fn index(index: Option<u64>) -> JsValue {
    index.map_or(JsValue::NULL, |index| JsValue::from_f64(index as f64))
}
