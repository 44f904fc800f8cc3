//! Parsing of a relay's responses by a client.

use super::{
    super::{
        BATCH_HEADER_LEN, BatchDigest, BucketCount, Origin,
        hex::decode_32,
        json::{self, Json, once},
        segment::MAX_SEGMENT_LEN,
    },
    BatchRef, BucketIndex, Held, InfoAnswer, MemberAnswer, PROTOCOL, RelayApiError, RelaySettings,
    SegmentRef, is_member_url,
};
use crate::base::{
    UnixTime,
    parameters::{MAX_EPOCH, MAX_RELAY_BUCKETS, MAX_UNIX_TIME},
};

impl InfoAnswer {
    /// Parses `GET /v1/info`.
    ///
    /// # Errors
    ///
    /// [`RelayApiError::Json`], [`RelayApiError::Protocol`] for a version other than [`PROTOCOL`],
    /// or [`RelayApiError::Range`].
    pub fn parse(text: &[u8]) -> Result<Self, RelayApiError> {
        let claims = Claims::read(text).ok_or(RelayApiError::Json)?;
        if claims.protocol == u64::from(PROTOCOL) {
            claims.check()
        } else {
            Err(RelayApiError::Protocol)
        }
    }
}

/// The fields as stated by the relay, unchecked.
struct Claims {
    protocol: u64,
    origin: Origin,
    buckets: u64,
    cell_size: u64,
    epoch_seconds: u64,
    lobby_epoch_seconds: u64,
    lobby_retention_seconds: u64,
    retention_seconds: u64,
    per_bucket: u64,
    max_attachment_bytes: u64,
    members: Vec<MemberAnswer>,
    time: u64,
}

impl Claims {
    fn read(text: &[u8]) -> Option<Self> {
        let (mut protocol, mut origin, mut buckets, mut cell_size) = (None, None, None, None);
        let (mut epoch_seconds, mut lobby, mut retention_seconds) = (None, None, None);
        let (mut slot, mut max_attachment_bytes, mut time) = (None, None, None);
        let mut members = None;
        json::object(text, &mut |json, key| match key {
            "protocol" => once(&mut protocol, json.number()),
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "buckets" => once(&mut buckets, json.number()),
            "cell_size" => once(&mut cell_size, json.number()),
            "epoch_seconds" => once(&mut epoch_seconds, json.number()),
            "lobby" => once(
                &mut lobby,
                numbers(json, ["epoch_seconds", "retention_seconds"]),
            ),
            "retention_seconds" => once(&mut retention_seconds, json.number()),
            "slot" => once(&mut slot, numbers(json, ["per_bucket"])),
            "max_attachment_bytes" => once(&mut max_attachment_bytes, json.number()),
            "federation" => once(&mut members, list(json, MemberAnswer::read)),
            "time" => once(&mut time, json.number()),
            _ => json.skip(),
        })?;
        let [lobby_epoch_seconds, lobby_retention_seconds] = lobby?;
        let [per_bucket] = slot?;
        Some(Self {
            protocol: protocol?,
            origin: origin?,
            buckets: buckets?,
            cell_size: cell_size?,
            epoch_seconds: epoch_seconds?,
            lobby_epoch_seconds,
            lobby_retention_seconds,
            retention_seconds: retention_seconds?,
            per_bucket,
            max_attachment_bytes: max_attachment_bytes?,
            members: members.unwrap_or_default(),
            time: time?,
        })
    }

    fn check(self) -> Result<InfoAnswer, RelayApiError> {
        if self.time > MAX_UNIX_TIME {
            return Err(RelayApiError::Range("time"));
        }
        let settings = RelaySettings {
            origin: self.origin,
            buckets: relay_buckets(self.buckets).ok_or(RelayApiError::Range("buckets"))?,
            cell_size: within(self.cell_size, "cell_size")?,
            epoch_seconds: within(self.epoch_seconds, "epoch_seconds")?,
            lobby_epoch_seconds: within(self.lobby_epoch_seconds, "lobby.epoch_seconds")?,
            retention_seconds: within(self.retention_seconds, "retention_seconds")?,
            per_bucket: within(self.per_bucket, "slot.per_bucket")?,
            max_attachment_bytes: within(self.max_attachment_bytes, "max_attachment_bytes")?,
        };
        Ok(InfoAnswer {
            settings,
            lobby_retention_seconds: within(
                self.lobby_retention_seconds,
                "lobby.retention_seconds",
            )?,
            members: self.members,
            time: UnixTime(self.time),
        })
    }
}

/// The numbers that an object has under these names.
fn numbers<const N: usize>(json: &mut Json<'_>, names: [&str; N]) -> Option<[u64; N]> {
    let mut found = [None; N];
    json.object(&mut |json, key| {
        let mut fields = names.iter().zip(&mut found);
        match fields.find(|(name, _)| **name == key) {
            Some((_, number)) => once(number, json.number()),
            None => json.skip(),
        }
    })?;
    let complete = found.iter().all(Option::is_some);
    complete.then(|| found.map(Option::unwrap_or_default))
}

fn within<T: TryFrom<u32>>(number: u64, field: &'static str) -> Result<T, RelayApiError> {
    u32::try_from(number)
        .ok()
        .and_then(|number| T::try_from(number).ok())
        .ok_or(RelayApiError::Range(field))
}

fn relay_buckets(number: u64) -> Option<BucketCount> {
    let number = u32::try_from(number).ok()?;
    let count = BucketCount::try_from(number).ok()?;
    (number <= MAX_RELAY_BUCKETS).then_some(count)
}

/// The number of an epoch or a segment.
fn epoch_number(json: &mut Json<'_>) -> Option<u64> {
    json.number().filter(|number| *number <= MAX_EPOCH)
}

impl BucketIndex {
    /// Parses a bucket's index.
    ///
    /// # Errors
    ///
    /// [`RelayApiError::Json`].
    pub fn parse(text: &[u8]) -> Result<Self, RelayApiError> {
        Self::read(text).ok_or(RelayApiError::Json)
    }

    fn read(text: &[u8]) -> Option<Self> {
        let (mut oldest, mut batches, mut segments) = (None, None, None);
        json::object(text, &mut |json, key| match key {
            "oldest" => once(&mut oldest, json.nullable(epoch_number)),
            "batches" => once(&mut batches, list(json, BatchRef::read)),
            "segments" => once(&mut segments, list(json, SegmentRef::read)),
            _ => json.skip(),
        })?;
        Some(Self {
            oldest: oldest.flatten(),
            batches: batches?,
            segments: segments.unwrap_or_default(),
        })
    }
}

impl MemberAnswer {
    /// URLs that no client uses are left out.
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let (mut origin, mut urls) = (None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "urls" => once(&mut urls, list(json, |json| json.text())),
            _ => json.skip(),
        })?;
        let urls = urls.unwrap_or_default().into_iter();
        Some(Self {
            origin: origin?,
            url: urls
                .map(|url| url.trim_end_matches('/').to_owned())
                .find(|url| is_member_url(url)),
        })
    }
}

impl BatchRef {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let (mut origin, mut epoch, mut count, mut digest) = (None, None, None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "epoch" => once(&mut epoch, epoch_number(json)),
            "count" => once(&mut count, json.number_as()),
            "digest" => once(&mut digest, hex(json).map(BatchDigest)),
            _ => json.skip(),
        })?;
        Some(Self {
            origin: origin?,
            epoch: epoch?,
            count: count?,
            digest: digest?,
        })
    }
}

impl SegmentRef {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let (mut origin, mut number, mut first, mut last) = (None, None, None, None);
        let (mut cells, mut bytes, mut digest) = (None, None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "number" => once(&mut number, epoch_number(json)),
            "first" => once(&mut first, epoch_number(json)),
            "last" => once(&mut last, epoch_number(json)),
            "cells" => once(&mut cells, json.number()),
            "bytes" => once(&mut bytes, json.number()),
            "digest" => once(&mut digest, hex(json).map(BatchDigest)),
            _ => json.skip(),
        })?;
        let segment = Self {
            origin: origin?,
            number: number?,
            first: first?,
            last: last?,
            cells: cells?,
            bytes: bytes?,
            digest: digest?,
        };
        let possible = segment.first <= segment.last
            && (BATCH_HEADER_LEN as u64..=MAX_SEGMENT_LEN).contains(&segment.bytes)
            && segment.cells <= segment.bytes;
        possible.then_some(segment)
    }
}

impl Held {
    /// Parses `GET /v1/origins`: the origins of which the relay has batches of
    /// numbered buckets.
    ///
    /// # Errors
    ///
    /// [`RelayApiError::Json`].
    pub fn parse(text: &[u8]) -> Result<Vec<Self>, RelayApiError> {
        Self::read_all(text).ok_or(RelayApiError::Json)
    }

    fn read_all(text: &[u8]) -> Option<Vec<Self>> {
        let mut origins = None;
        json::object(text, &mut |json, key| match key {
            "origins" => once(&mut origins, list(json, Self::read)),
            _ => json.skip(),
        })?;
        Some(origins?.into_iter().flatten().collect())
    }

    fn read(json: &mut Json<'_>) -> Option<Option<Self>> {
        let (mut origin, mut kinds) = (None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "kinds" => once(&mut kinds, numbered(json)),
            _ => json.skip(),
        })?;
        let origin = origin?;
        let held = kinds?.map(|[oldest, epoch]| Self {
            origin,
            oldest,
            epoch,
        });
        Some(held)
    }
}

/// The oldest and the newest epoch of the numbered buckets.
fn numbered(json: &mut Json<'_>) -> Option<Option<[u64; 2]>> {
    let mut found = None;
    json.object(&mut |json, key| match key {
        "numbered" => once(&mut found, json.nullable(epochs)),
        _ => json.skip(),
    })?;
    found
}

/// The oldest and the newest epoch.
fn epochs(json: &mut Json<'_>) -> Option<[u64; 2]> {
    let epochs = numbers(json, ["oldest", "epoch"]);
    epochs.filter(|[oldest, epoch]| oldest <= epoch && *epoch <= MAX_EPOCH)
}

fn hex(json: &mut Json<'_>) -> Option<[u8; 32]> {
    decode_32(&json.text()?).ok()
}

fn list<T>(json: &mut Json<'_>, item: fn(&mut Json<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut items = Vec::new();
    json.list(&mut |json| {
        items.push(item(json)?);
        Some(())
    })?;
    Some(items)
}
