//! What light reading asks of a relay: origins, tags, segments, and sums.

use super::{Relay, relay::of_epoch};
use sha2::{Digest as _, Sha256};
use tessera::wire::{
    BatchHeader, BucketId, Origin, Select, Selection, batch_tags, paths, segment::grid_cell,
};

/// Batches of six hours of one bucket.
pub(crate) struct Segment {
    number: u64,
    headers: Vec<BatchHeader>,
}

impl Segment {
    pub(crate) fn holds(&self, header: &BatchHeader) -> bool {
        self.headers.contains(header)
    }

    fn bytes(&self, relay: &Relay) -> Vec<u8> {
        let batches = relay.batches(self.headers[0].bucket.get());
        let batches = batches.filter(|(header, _)| self.holds(header));
        batches
            .map(|(_, bytes)| bytes.as_slice())
            .collect::<Vec<_>>()
            .concat()
    }

    pub(crate) fn to_json(&self, relay: &Relay) -> String {
        let bytes = self.bytes(relay);
        let (first, last) = (&self.headers[0], &self.headers[self.headers.len() - 1]);
        let cells: u32 = self.headers.iter().map(|header| header.count).sum();
        format!(
            r#"{{"origin":"{}","number":{},"first":{},"last":{},"cells":{cells},"bytes":{},"digest":"{}"}}"#,
            first.origin,
            self.number,
            first.epoch,
            last.epoch,
            bytes.len(),
            hex::encode(Sha256::digest(&bytes)),
        )
    }
}

impl Relay {
    /// The complete segments of a numbered bucket.
    pub(crate) fn segments_of(
        &self,
        bucket: u32,
        listed: impl Fn(&BatchHeader) -> bool,
    ) -> Vec<Segment> {
        let mut segments = Vec::<Segment>::new();
        if !self.segments || bucket == BucketId::LOBBY.get() {
            return segments;
        }
        for (header, _) in self.batches(bucket).filter(|(header, _)| listed(header)) {
            let number = grid_cell(header.closed_at);
            let joins = |segment: &&mut Segment| {
                segment.number == number && segment.headers[0].origin == header.origin
            };
            match segments.last_mut().filter(joins) {
                Some(segment) => {
                    segment.headers.push(header.clone());
                }
                None => segments.push(Segment {
                    number,
                    headers: vec![header.clone()],
                }),
            }
        }
        segments.pop(); // The newest batches are listed one by one.
        segments
    }

    /// `GET /v1/origins`.
    pub(crate) fn origins(&self) -> String {
        let mut origins = Vec::<(Origin, u64, u64)>::new();
        let numbered = self.published.iter();
        let numbered = numbered.filter(|(bucket, _)| **bucket != BucketId::LOBBY.get());
        for (header, _) in numbered.flat_map(|(_, batches)| batches) {
            let origin = header.origin;
            match origins.iter_mut().find(|(known, ..)| *known == origin) {
                Some((_, oldest, newest)) => {
                    *oldest = (*oldest).min(header.epoch);
                    *newest = (*newest).max(header.epoch);
                }
                None => origins.push((origin, header.epoch, header.epoch)),
            }
        }
        let origins: Vec<String> = origins
            .iter()
            .map(|(origin, oldest, newest)| {
                format!(
                    r#"{{"origin":"{origin}","name":null,"kinds":{{"numbered":{{"oldest":{oldest},"epoch":{newest},"closed_at":1,"root":"{origin}"}},"lobby":null}},"fork":null}}"#
                )
            })
            .collect();
        format!(
            r#"{{"parameters":"{}","members":null,"origins":[{}]}}"#,
            "0".repeat(64),
            origins.join(",")
        )
    }

    /// `GET /v1/origins/…/numbered/headers?after=…`, of all buckets.
    pub(crate) fn headers(&self, path: &str, listed: impl Fn(&BatchHeader) -> bool) -> Vec<u8> {
        let numbered = self.published.iter();
        let numbered = numbered.filter(|(bucket, _)| **bucket != BucketId::LOBBY.get());
        let headers = numbered.flat_map(|(_, batches)| batches.iter().map(|(header, _)| header));
        let (path, after) = path.split_once("?after=").unwrap();
        let after: u64 = after.parse().unwrap();
        let origin = path.split('/').find_map(|part| part.parse::<Origin>().ok());
        let asked = headers.filter(|header| {
            Some(header.origin) == origin && header.epoch > after && listed(header)
        });
        asked.flat_map(|header| header.encode()).collect()
    }

    /// Segments, and the tags of batches and segments.
    pub(crate) fn get_light(&self, bucket: BucketId, path: &str) -> Option<Vec<u8>> {
        let whole = path.strip_suffix("/tags");
        let asked = whole.unwrap_or(path);
        let tags = |bytes: &[u8]| batch_tags(bytes).unwrap();
        for (header, bytes) in self.batches(bucket.get()).filter(of_epoch(asked)) {
            if whole == Some(paths::batch(bucket, &header.origin, header.epoch).as_str()) {
                return Some(tags(bytes));
            }
        }
        if !asked.contains("/segments/") {
            return None;
        }
        let segments = self.segments_of(bucket.get(), |_| true).into_iter();
        let segment = segments.into_iter().find(|segment| {
            asked == paths::segment(bucket, &segment.headers[0].origin, segment.number)
        })?;
        if whole.is_none() {
            return Some(segment.bytes(self));
        }
        let batches = self.batches(bucket.get());
        let batches = batches.filter(|(header, _)| segment.holds(header));
        Some(batches.flat_map(|(_, bytes)| tags(bytes)).collect())
    }

    /// `POST …/select`: `None` for 409 or another refusal.
    pub(crate) fn select(&self, path: &str, body: &[u8]) -> Option<Vec<u8>> {
        let bucket = self
            .mailboxes()
            .into_iter()
            .find(|bucket| path == paths::select(*bucket))?;
        let select = Select::decode(body, self.size).ok()?;
        let mut selection = Selection::new(&select, self.size);
        let window = select.window();
        for (header, bytes) in self.batches(bucket.get()) {
            let epochs = window.first..=window.last;
            if header.origin == window.origin && epochs.contains(&header.epoch) {
                selection.add(&select, bytes).unwrap();
            }
        }
        selection.finish(&select).ok()
    }
}
