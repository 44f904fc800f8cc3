use super::*;
use crate::wire::BucketId;
use serde_json::{Value, json};

fn info() -> Value {
    json!({
        "protocol": 1, "origin": "ab".repeat(32), "buckets": 8, "cell_size": 2048, "epoch_seconds": 1800,
        "lobby": {"epoch_seconds": 15, "cells": 16, "retention_seconds": 86400},
        "retention_seconds": 5_184_000, "slot": {"per_bucket": 1}, "max_attachment_bytes": 262_144,
        "cover": {"mechanism": "fixed", "cells": 64, "epsilon": null, "delta": null, "sensitivity": null,
            "mean": null},
        "time": 1_795_000_000
    })
}

fn parse(value: &Value) -> Result<InfoAnswer, RelayApiError> {
    InfoAnswer::parse(value.to_string().as_bytes())
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (pointer, bad) in [
        ("/protocol", json!("1")),
        ("/origin", json!("ab")),
        ("/buckets", json!(8.0)),
        ("/epoch_seconds", json!(-1)),
        ("/epoch_seconds", json!("1800")),
        ("/lobby", json!(null)),
        ("/slot", json!(4)),
        ("/time", json!(null)),
    ] {
        let mut value = info();
        *value.pointer_mut(pointer).unwrap() = bad.clone();
        assert_eq!(parse(&value), Err(RelayApiError::Json), "{pointer} = {bad}");
    }
    for field in info().as_object().unwrap().keys() {
        if field == "cover" {
            continue; // Not for clients.
        }
        let mut value = info();
        value.as_object_mut().unwrap().remove(field);
        assert_eq!(parse(&value), Err(RelayApiError::Json), "without {field}");
    }
    assert_eq!(InfoAnswer::parse(b""), Err(RelayApiError::Json));
}

/// Each number that a relay states, with its bounds.
const RANGES: [(&str, &str, u64, u64); 9] = [
    ("/buckets", "buckets", 1, 64),
    ("/cell_size", "cell_size", 1_024, 16_384),
    ("/epoch_seconds", "epoch_seconds", 1, 86_400),
    ("/lobby/epoch_seconds", "lobby.epoch_seconds", 1, 86_400),
    (
        "/lobby/retention_seconds",
        "lobby.retention_seconds",
        2,
        31_622_400,
    ),
    ("/retention_seconds", "retention_seconds", 2, 31_622_400),
    ("/slot/per_bucket", "slot.per_bucket", 1, 8),
    (
        "/max_attachment_bytes",
        "max_attachment_bytes",
        1_024,
        16 << 20,
    ),
    ("/time", "time", 0, 253_402_300_799),
];

#[test]
fn numbers_are_accepted_at_their_bounds_and_refused_beyond() {
    for (pointer, field, least, greatest) in RANGES {
        for good in [least, greatest] {
            let mut value = info();
            *value.pointer_mut(pointer).unwrap() = json!(good);
            assert!(parse(&value).is_ok(), "{field} = {good}");
        }
        let below = least.checked_sub(1);
        for bad in below.into_iter().chain([greatest + 1, u64::MAX]) {
            let mut value = info();
            *value.pointer_mut(pointer).unwrap() = json!(bad);
            assert_eq!(parse(&value), Err(RelayApiError::Range(field)), "{bad}");
        }
    }
    for (pointer, field, bad) in [
        ("/buckets", "buckets", 3),
        ("/cell_size", "cell_size", 2_049),
    ] {
        let mut value = info();
        *value.pointer_mut(pointer).unwrap() = json!(bad);
        assert_eq!(parse(&value), Err(RelayApiError::Range(field)));
    }
}

#[test]
fn a_client_parses_what_a_relay_serializes() {
    let written: RelayInfo = serde_json::from_value(info()).unwrap();
    let answer = InfoAnswer::parse(&serde_json::to_vec(&written).unwrap()).unwrap();
    assert_eq!(answer.time.0, written.time);
    assert_eq!(
        answer.lobby_retention_seconds,
        written.lobby.retention_seconds
    );
    let read = answer.settings;
    assert_eq!(
        (read.origin, read.buckets, read.cell_size),
        (written.origin, written.buckets, written.cell_size)
    );
    assert_eq!(read.epoch_seconds, written.epoch_seconds);
    assert_eq!(read.lobby_epoch_seconds, written.lobby.epoch_seconds);
    assert_eq!(read.retention_seconds, written.retention_seconds);
    assert_eq!(
        (read.per_bucket, read.max_attachment_bytes),
        (written.slot.per_bucket, written.max_attachment_bytes)
    );
    let batch = BatchRef {
        origin: Origin([1; 32]),
        epoch: 7,
        count: 64,
        digest: BatchDigest([2; 32]),
    };
    let segment = SegmentRef {
        origin: Origin([1; 32]),
        number: 1,
        first: 2,
        last: 3,
        cells: 5,
        bytes: 400,
        digest: BatchDigest([2; 32]),
    };
    let written = BucketIndex {
        oldest: Some(7),
        batches: vec![batch; 2],
        segments: vec![segment],
    };
    assert_eq!(
        BucketIndex::parse(&serde_json::to_vec(&written).unwrap()),
        Ok(written)
    );
}

#[test]
fn a_repeated_field_is_refused() {
    let text = info().to_string();
    assert!(InfoAnswer::parse(text.as_bytes()).is_ok());
    let twice = text.replacen('{', "{\"buckets\":8,", 1);
    assert_eq!(
        InfoAnswer::parse(twice.as_bytes()),
        Err(RelayApiError::Json)
    );
}

#[test]
fn another_protocol_version_has_its_own_error() {
    let mut value = info();
    value["protocol"] = json!(2);
    assert_eq!(parse(&value), Err(RelayApiError::Protocol));
}

#[test]
fn unknown_fields_of_a_newer_relay_are_ignored() {
    let mut value = info();
    value["streams"] = json!(["ws"]);
    value["cover"]["mechanism"] = json!("something new");
    assert_eq!(parse(&value).unwrap().settings.buckets.get(), 8);
    let index = json!({"oldest": null, "batches": [], "etag": 7});
    assert_eq!(
        BucketIndex::parse(index.to_string().as_bytes()),
        Ok(BucketIndex::default())
    );
}

#[test]
fn an_index_with_a_bad_entry_is_refused() {
    let good =
        json!({"origin": "ab".repeat(32), "epoch": 7, "count": 64, "digest": "cd".repeat(32)});
    let index =
        |entry: &Value| json!({"oldest": 7, "batches": [entry], "segments": []}).to_string();
    assert_eq!(
        BucketIndex::parse(index(&good).as_bytes())
            .unwrap()
            .batches
            .len(),
        1
    );
    for (field, bad) in [
        ("epoch", json!("7")),
        ("epoch", json!(-7)),
        ("epoch", json!(1_u64 << 53)),
        ("count", json!(1.5)),
        ("digest", json!("")),
    ] {
        let mut entry = good.clone();
        entry[field] = bad;
        assert_eq!(
            BucketIndex::parse(index(&entry).as_bytes()),
            Err(RelayApiError::Json),
            "{field}"
        );
    }
}

#[test]
fn an_impossible_segment_is_refused() {
    let good = json!({"origin": "ab".repeat(32), "number": 83_115, "first": 7, "last": 9, "cells": 3,
        "bytes": 576, "digest": "cd".repeat(32)});
    let index =
        |segment: &Value| json!({"oldest": 7, "batches": [], "segments": [segment]}).to_string();
    let read = BucketIndex::parse(index(&good).as_bytes()).unwrap();
    assert_eq!((read.segments[0].first, read.segments[0].last), (7, 9));
    for (field, bad) in [
        ("number", json!(-1)),
        ("number", json!("83115")),
        ("first", json!(10)),
        ("last", json!(6)),
        ("cells", json!(577)),
        ("cells", json!(null)),
        ("bytes", json!(191)),
        ("bytes", json!((16 << 20) + 1)),
        ("bytes", json!(576.5)),
        ("digest", json!("CD".repeat(32))),
        ("origin", json!(null)),
    ] {
        let mut segment = good.clone();
        segment[field] = bad.clone();
        assert_eq!(
            BucketIndex::parse(index(&segment).as_bytes()),
            Err(RelayApiError::Json),
            "{field} = {bad}"
        );
    }
    for field in good.as_object().unwrap().keys() {
        let mut segment = good.clone();
        segment.as_object_mut().unwrap().remove(field);
        assert!(
            BucketIndex::parse(index(&segment).as_bytes()).is_err(),
            "without {field}"
        );
    }
}

#[test]
fn paths_use_lower_case_hexadecimal() {
    let origin = Origin([0xAB; 32]);
    let bucket = BucketId::try_from(7).unwrap();
    assert_eq!(paths::index(BucketId::LOBBY), "/v1/buckets/lobby/index");
    assert_eq!(
        paths::batch(bucket, &origin, 9),
        format!("/v1/buckets/7/batches/{}/9", "ab".repeat(32))
    );
    assert_eq!(
        paths::segment(bucket, &origin, 83_115),
        format!("/v1/buckets/7/segments/{}/83115", "ab".repeat(32))
    );
}
