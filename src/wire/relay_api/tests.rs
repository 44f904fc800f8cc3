use super::*;
use crate::wire::BucketId;
use serde_json::{Value, json};

fn info() -> Value {
    json!({
        "protocol": 1, "origin": "ab".repeat(32), "buckets": 8, "cell_size": 2048, "epoch_seconds": 1800,
        "lobby": {"epoch_seconds": 15, "cells": 16, "retention_seconds": 86400},
        "retention_seconds": 5_184_000, "slot_cells": 4, "max_attachment_bytes": 262_144,
        "cover": {"mechanism": "fixed", "cells": 64, "epsilon": null, "delta": null, "sensitivity": null,
            "mean": null},
        "time": 1_795_000_000
    })
}

fn parse(value: &Value) -> Result<RelaySettings, RelayApiError> {
    RelaySettings::parse(value.to_string().as_bytes())
}

#[test]
fn values_out_of_type_or_range_are_refused() {
    for (pointer, bad) in [
        ("/protocol", json!("1")),
        ("/origin", json!("ab")),
        ("/buckets", json!(3)),
        ("/buckets", json!(8.0)),
        ("/cell_size", json!(2049)),
        ("/epoch_seconds", json!(0)),
        ("/epoch_seconds", json!(-1)),
        ("/epoch_seconds", json!(4_294_967_296_u64)),
        ("/lobby", json!(null)),
        ("/lobby/epoch_seconds", json!(0)),
        ("/slot_cells", json!(0)),
    ] {
        let mut value = info();
        *value.pointer_mut(pointer).unwrap() = bad.clone();
        assert_eq!(parse(&value), Err(RelayApiError::Json), "{pointer} = {bad}");
    }
    for field in info().as_object().unwrap().keys() {
        if ["cover", "time"].contains(&field.as_str()) {
            continue; // Not for clients.
        }
        let mut value = info();
        value.as_object_mut().unwrap().remove(field);
        assert_eq!(parse(&value), Err(RelayApiError::Json), "without {field}");
    }
    assert_eq!(RelaySettings::parse(b""), Err(RelayApiError::Json));
}

#[test]
fn what_a_relay_writes_is_what_a_client_reads() {
    let written: RelayInfo = serde_json::from_value(info()).unwrap();
    let read = RelaySettings::parse(&serde_json::to_vec(&written).unwrap()).unwrap();
    assert_eq!(
        (read.origin, read.buckets, read.cell_size),
        (written.origin, written.buckets, written.cell_size)
    );
    assert_eq!(read.epoch_seconds, written.epoch_seconds);
    assert_eq!(read.lobby_epoch_seconds, written.lobby.epoch_seconds);
    assert_eq!(read.retention_seconds, written.retention_seconds);
    assert_eq!(
        (read.slot_cells, read.max_attachment_bytes),
        (written.slot_cells, written.max_attachment_bytes)
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
fn a_field_that_comes_twice_is_refused() {
    let text = info().to_string();
    assert!(RelaySettings::parse(text.as_bytes()).is_ok());
    let twice = text.replacen('{', "{\"buckets\":8,", 1);
    assert_eq!(
        RelaySettings::parse(twice.as_bytes()),
        Err(RelayApiError::Json)
    );
}

#[test]
fn another_protocol_is_told_apart() {
    let mut value = info();
    value["protocol"] = json!(2);
    assert_eq!(parse(&value), Err(RelayApiError::Protocol));
}

#[test]
fn a_newer_relay_may_say_more() {
    let mut value = info();
    value["streams"] = json!(["ws"]);
    value["cover"]["mechanism"] = json!("something new");
    assert_eq!(parse(&value).unwrap().buckets.get(), 8);
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
fn a_segment_that_cannot_be_is_refused() {
    let good = json!({"origin": "ab".repeat(32), "number": 83_115, "first": 7, "last": 9, "bytes": 576,
        "digest": "cd".repeat(32)});
    let index =
        |segment: &Value| json!({"oldest": 7, "batches": [], "segments": [segment]}).to_string();
    let read = BucketIndex::parse(index(&good).as_bytes()).unwrap();
    assert_eq!((read.segments[0].first, read.segments[0].last), (7, 9));
    for (field, bad) in [
        ("number", json!(-1)),
        ("number", json!("83115")),
        ("first", json!(10)),
        ("last", json!(6)),
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
fn paths_spell_names_in_lower_case() {
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
