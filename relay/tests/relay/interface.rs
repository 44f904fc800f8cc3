//! `/v1/info`, HTTP methods and preflights.

use serde_json::Value;
use tempfile::TempDir;
use tessera::wire::{CellSize, paths, post};

use crate::{bucket, entries, server::Server, socket::Socket};

#[test]
fn info_states_parameters_and_cover() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "--cover-cells 5 --retention 1h");
    let info = server.client.info();
    assert_eq!(
        (
            info.buckets.get(),
            info.cell_size,
            info.slot.per_bucket.get()
        ),
        (2, CellSize::DEFAULT, 1)
    );
    assert_eq!(
        (info.epoch_seconds.get(), info.retention_seconds.get()),
        (1, 3600)
    );
    assert_eq!(
        (info.lobby.cells.get(), info.lobby.retention_seconds.get()),
        (16, 7_200)
    );
    assert_eq!(
        (info.cover.mechanism.as_str(), info.cover.cells),
        ("fixed", Some(5))
    );
    assert_eq!((info.cover.epsilon, info.cover.delta), (None, None));
    assert!(
        info.cover
            .note
            .unwrap()
            .contains("no differential-privacy guarantee")
    );
    assert!(info.time > 1_700_000_000);
    server.stop();
}

#[test]
fn methods_and_preflights_get_the_right_response() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    for (path, allow) in [
        (paths::INFO, "GET, HEAD, OPTIONS"),
        (paths::CELLS, "POST, OPTIONS"),
        ("/v1/buckets/0/index", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
    ] {
        for method in [
            "DELETE",
            "PUT",
            "PATCH",
            "PROPFIND",
            if path == paths::CELLS { "GET" } else { "POST" },
        ] {
            let answer = client.request(method, path, &[], b"");
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allow)),
                "{method} {path}"
            );
            assert_eq!(answer.problem().code, "RELAY_REFUSED");
        }
        let preflight = [
            ("Origin", "https://portal.example"),
            ("Access-Control-Request-Method", "POST"),
        ];
        let answer = client.request("OPTIONS", path, &preflight, b"");
        assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)));
        let readers = (path != paths::CELLS).then_some("*");
        assert_eq!(answer.header("access-control-allow-origin"), readers);
        assert!(
            answer
                .header("access-control-allow-headers")
                .unwrap()
                .contains("content-type")
        );
        assert!(
            answer
                .header("access-control-allow-methods")
                .unwrap()
                .contains("OPTIONS")
        );
    }
    let post = client.post_body(&post::encode(&entries(bucket(0), 1)).unwrap());
    assert_eq!(post.header("access-control-allow-origin"), None);
    assert_eq!(post.header("server"), None, "no banner");
    assert_eq!(client.get("/healthz").status, 200);
    assert_eq!(client.get("/readyz").status, 200);
    server.stop();
}

/// Compares the members of a response with its schema.
fn conforms(document: &Value, schema: &str, answer: &Value) {
    let schema = &document["components"]["schemas"][schema];
    let properties = schema["properties"].as_object().unwrap();
    let answer = answer.as_object().unwrap();
    for required in schema["required"].as_array().unwrap() {
        assert!(
            answer.contains_key(required.as_str().unwrap()),
            "{required}"
        );
    }
    if schema.get("additionalProperties").is_none() {
        for name in answer.keys() {
            assert!(properties.contains_key(name), "{name}");
        }
    }
}

#[test]
fn responses_match_the_openapi_document() {
    let directory = TempDir::new().unwrap();
    let server = Server::start(directory.path(), "");
    let client = server.client;
    let json = |path: &str| -> Value { serde_json::from_slice(&client.get(path).body).unwrap() };
    let document = json("/v1/openapi.json");
    let info = json("/v1/info");
    conforms(&document, "RelayInfo", &info);
    conforms(&document, "Cover", &info["cover"]);
    client.index_when(bucket(0), |index| !index.batches.is_empty());
    let index = json("/v1/buckets/0/index");
    conforms(&document, "BucketIndex", &index);
    conforms(&document, "BatchRef", &index["batches"][0]);
    let origins = json("/v1/origins");
    conforms(&document, "Origins", &origins);
    conforms(&document, "Standing", &origins["origins"][0]);
    conforms(&document, "Problem", &json("/v1/nowhere"));
    let mut socket = Socket::subscribe(client.0, "{\"bucket\":0}");
    conforms(&document, "Notice", &socket.notice());
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{bucket}", "0")
            .replace("{origin}", info["origin"].as_str().unwrap())
            .replace("{epoch}", &index["batches"][0]["epoch"].to_string())
            .replace("{number}", "0");
        for method in ["GET", "POST", "DELETE"] {
            let answer = client.request(method, &path, &[], b"");
            let documented = item.get(method.to_lowercase());
            match documented {
                Some(operation) => {
                    let status = answer.status.to_string();
                    assert!(
                        operation["responses"].get(&status).is_some(),
                        "{method} {path}: {status}"
                    );
                }
                None => assert_eq!(answer.status, 405, "{method} {path}"),
            }
        }
    }
    server.stop();
}
