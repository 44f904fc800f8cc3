//! Evidence that another implementation made, `tests/data/evidence/evidence.py`:
//! what it says, what it proves, and what is refused.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use serde_json::{Value, json};
use tessera::{base::Content, crypto::cbor::Deterministic as _, envelope::Evidence};

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    hex::decode(case[field].as_str().unwrap()).unwrap()
}

#[test]
fn evidence_of_another_implementation_is_read_verified_and_refused() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("data/evidence/evidence.json")).unwrap();
    let (mut valid, mut refused) = (0, 0);
    for case in &cases {
        let name = &case["name"];
        let body = Content::from(bytes(case, "body").as_slice());
        let given = bytes(case, "evidence");
        let read = Evidence::decode(&given);
        match (case["error"].as_str(), read) {
            (None, Some(read)) => {
                assert!(read.verify(&body), "{name}");
                assert_eq!(read.encode(), given, "{name}");
                let checked = read.checked.map(|(by, at)| json!([by as u8, at.0]));
                let says = json!({
                    "sender": hex::encode(read.sender.fingerprint().0),
                    "recipient": hex::encode(read.recipient.0),
                    "sent_at": read.sent_at.0,
                    "device": read.device,
                    "seq": read.seq,
                    "content_type": read.content_type.as_str(),
                    "label": read.id.label(),
                    "checked": checked,
                });
                for (field, value) in says.as_object().unwrap() {
                    assert_eq!(&case[field], value, "{name}: {field}");
                }
                let mut other = bytes(case, "body");
                other.push(0);
                assert!(!read.verify(&other.as_slice().into()), "{name}");
                valid += 1;
            }
            (Some("NOT_AUTHENTIC"), Some(read)) => {
                assert!(!read.verify(&body), "{name}");
                refused += 1;
            }
            (Some("MALFORMED"), None) => refused += 1,
            (expected, read) => panic!("{name}: {expected:?}, {}", read.is_some()),
        }
    }
    assert_eq!((valid, refused), (6, 15));
}
