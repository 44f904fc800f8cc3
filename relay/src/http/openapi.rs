//! `GET /v1/openapi.json`. Written by hand, because the types it describes belong
//! to the core, which does not depend on HTTP. Tests compare it with the routes,
//! the refusals and the responses of a relay.

use axum::response::Response;

use super::buckets::{JSON, answer};

/// The document.
const DOCUMENT: &str = include_str!("openapi.json");

pub(super) async fn document() -> Response {
    answer(JSON, "public, max-age=3600", DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use tessera::{
        base::ErrorCode,
        wire::{PostError, SelectError},
    };

    use super::*;
    use crate::{http::Refusal, limits::Wait, store::StoreError};

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    #[test]
    fn the_document_lists_every_route() {
        let routes: BTreeSet<_> = include_str!("mod.rs")
            .split('"')
            .filter(|text| {
                ["/v1/", "/healthz", "/readyz"]
                    .iter()
                    .any(|start| text.starts_with(start))
                    && *text != "/v1/buckets/"
            })
            .collect();
        let document = document();
        let documented = document["paths"].as_object().unwrap();
        let documented: BTreeSet<_> = documented.keys().map(String::as_str).collect();
        assert_eq!(routes, documented);
        assert!(routes.len() > 5);
    }

    #[test]
    fn the_document_lists_exactly_the_refusals() {
        let refusals = [
            Refusal::Post(PostError::Empty),
            Refusal::Post(PostError::Bucket),
            Refusal::Incomplete,
            Refusal::Select(SelectError::Malformed),
            Refusal::Select(SelectError::TooLarge),
            Refusal::Select(SelectError::Window),
            Refusal::Unauthorized,
            Refusal::NotFound,
            Refusal::Method,
            Refusal::Slow,
            Refusal::Expired { oldest: None },
            Refusal::TooLarge,
            Refusal::MediaType,
            Refusal::Upgrade,
            Refusal::TooMuch(Wait { seconds: 1 }),
            Refusal::Draining,
            Refusal::Overloaded,
            Refusal::Store(StoreError::Full),
            Refusal::Store(StoreError::Busy),
            Refusal::Store(StoreError::Unavailable),
            Refusal::Store(StoreError::Failed),
            Refusal::Store(StoreError::Damaged),
        ];
        let given: BTreeSet<(String, &str)> = refusals
            .into_iter()
            .map(|refusal| {
                (
                    refusal.status().as_u16().to_string(),
                    refusal.code().as_str(),
                )
            })
            .collect();
        let document = document();
        let responses = document["components"]["responses"].as_object().unwrap();
        let documented = responses.iter().flat_map(|(status, response)| {
            let codes = response["x-codes"].as_array().unwrap().iter();
            codes.map(|code| (status.clone(), code.as_str().unwrap()))
        });
        assert_eq!(documented.collect::<BTreeSet<_>>(), given);
        let codes = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
        let codes: BTreeSet<_> = codes
            .as_array()
            .unwrap()
            .iter()
            .map(|code| code.as_str().unwrap())
            .collect();
        assert_eq!(codes, given.iter().map(|(_, code)| *code).collect());
        assert!(
            codes
                .iter()
                .all(|code| ErrorCode::ALL.iter().any(|known| known.as_str() == *code))
        );
    }

    #[test]
    fn every_reference_resolves() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(reference)) = members.get("$ref") {
                        let path = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(path).is_some(), "{reference}");
                    }
                    members.values().for_each(|value| check(value, document));
                }
                Value::Array(values) => values.iter().for_each(|value| check(value, document)),
                _ => (),
            }
        }
        let document = document();
        check(&document, &document);
    }
}
