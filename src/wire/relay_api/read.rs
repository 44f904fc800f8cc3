//! A relay's answers as a client reads them.

use core::num::NonZeroU32;

use super::{
    super::{
        BATCH_HEADER_LEN, BatchDigest, BucketCount, CellSize, Origin,
        hex::decode_32,
        json::{self, Json, once},
        segment::MAX_SEGMENT_LEN,
    },
    BatchRef, BucketIndex, PROTOCOL, RelayApiError, RelaySettings, SegmentRef,
};

impl RelaySettings {
    /// Reads `GET /v1/info`.
    ///
    /// # Errors
    ///
    /// [`RelayApiError::Json`], or [`RelayApiError::Protocol`] for a version other than [`PROTOCOL`].
    pub fn parse(text: &[u8]) -> Result<Self, RelayApiError> {
        let mut protocol = None;
        let settings = Self::read(text, &mut protocol).ok_or(RelayApiError::Json)?;
        if protocol == Some(PROTOCOL) {
            Ok(settings)
        } else {
            Err(RelayApiError::Protocol)
        }
    }

    fn read(text: &[u8], protocol: &mut Option<u32>) -> Option<Self> {
        let (mut origin, mut buckets, mut cell_size) = (None, None, None);
        let (mut epoch_seconds, mut lobby_epoch_seconds, mut retention_seconds) =
            (None, None, None);
        let (mut slot_cells, mut max_attachment_bytes) = (None, None);
        json::object(text, &mut |json, key| match key {
            "protocol" => once(protocol, json.number_as()),
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "buckets" => once(&mut buckets, json.number_as::<u32>()),
            "cell_size" => once(&mut cell_size, json.number_as::<u32>()),
            "epoch_seconds" => once(&mut epoch_seconds, json.number_as()),
            "lobby" => json.object(&mut |json, key| match key {
                "epoch_seconds" => once(&mut lobby_epoch_seconds, json.number_as()),
                _ => json.skip(),
            }),
            "retention_seconds" => once(&mut retention_seconds, json.number_as()),
            "slot_cells" => once(&mut slot_cells, json.number_as()),
            "max_attachment_bytes" => once(&mut max_attachment_bytes, json.number_as()),
            _ => json.skip(),
        })?;
        protocol.as_ref()?;
        let seconds = |value: Option<u32>| NonZeroU32::new(value?);
        Some(Self {
            origin: origin?,
            buckets: BucketCount::try_from(buckets?).ok()?,
            cell_size: CellSize::try_from(cell_size?).ok()?,
            epoch_seconds: seconds(epoch_seconds)?,
            lobby_epoch_seconds: seconds(lobby_epoch_seconds)?,
            retention_seconds: seconds(retention_seconds)?,
            slot_cells: NonZeroU32::new(slot_cells?)?,
            max_attachment_bytes: max_attachment_bytes?,
        })
    }
}

impl BucketIndex {
    /// Reads a bucket's index.
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
            "oldest" => once(&mut oldest, json.nullable(Json::number)),
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

impl BatchRef {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let (mut origin, mut epoch, mut count, mut digest) = (None, None, None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "epoch" => once(&mut epoch, json.number()),
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
        let (mut bytes, mut digest) = (None, None);
        json.object(&mut |json, key| match key {
            "origin" => once(&mut origin, hex(json).map(Origin)),
            "number" => once(&mut number, json.number()),
            "first" => once(&mut first, json.number()),
            "last" => once(&mut last, json.number()),
            "bytes" => once(&mut bytes, json.number()),
            "digest" => once(&mut digest, hex(json).map(BatchDigest)),
            _ => json.skip(),
        })?;
        let segment = Self {
            origin: origin?,
            number: number?,
            first: first?,
            last: last?,
            bytes: bytes?,
            digest: digest?,
        };
        let possible = segment.first <= segment.last
            && (BATCH_HEADER_LEN as u64..=MAX_SEGMENT_LEN).contains(&segment.bytes);
        possible.then_some(segment)
    }
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
