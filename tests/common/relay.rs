//! What clients see of a relay: batches, one signed chain per origin and
//! mailbox, made by the wire layer's own code.

use std::{
    collections::{BTreeMap, HashSet},
    rc::Rc,
};

use super::{DAY, Dice, EPOCH, NOW, light::Segment, rng};
use rand_core::Rng as _;
use tessera::{
    base::UnixTime,
    client::{Client, Download, Mailbox},
    wire::{
        Batch, BatchHeader, BucketCount, BucketId, Cell, CellSize, OriginKey, batch::BatchPlace,
        cover_cell, paths, post,
    },
};

/// How long batches can be pulled: 60 days, and one day for the lobby's.
const RETENTION_SECONDS: u64 = 60 * DAY;
const LOBBY_RETENTION_SECONDS: u64 = DAY;

#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) key: Rc<OriginKey>,
    pub(crate) buckets: BucketCount,
    pub(crate) size: CellSize,
    pub(crate) per_bucket: u32,
    /// Cover cells of each batch.
    pub(crate) cover: usize,
    /// The last epoch that was closed.
    pub(crate) epoch: u64,
    /// Seconds by which its clock is ahead of the time.
    pub(crate) clock: i64,
    /// Seconds since the last close.
    pub(crate) since_close: u64,
    /// Whether the index leaves out what is past retention.
    pub(crate) expires: bool,
    /// Whether six hours of batches are listed as one segment.
    pub(crate) segments: bool,
    /// The keys of the members of its federation.
    pub(crate) members: Vec<Rc<OriginKey>>,
    /// Answered with 202, not published yet.
    pub(crate) pending: BTreeMap<u32, Vec<Cell>>,
    pub(crate) published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
    /// Digests of all cells posted: each is stored once.
    known: HashSet<[u8; 32]>,
    dice: Dice,
}

/// A copy of what a relay had stored.
pub(crate) struct Backup {
    pending: BTreeMap<u32, Vec<Cell>>,
    published: BTreeMap<u32, Vec<(BatchHeader, Vec<u8>)>>,
    known: HashSet<[u8; 32]>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self::seeded(Dice::new(rng().next_u64()))
    }

    pub(crate) fn seeded(mut dice: Dice) -> Self {
        Self {
            key: Rc::new(OriginKey::generate(&mut dice)),
            buckets: BucketCount::try_from(4).unwrap(),
            size: CellSize::DEFAULT,
            per_bucket: 1,
            cover: 3,
            epoch: NOW.0 / EPOCH,
            clock: 0,
            since_close: 60,
            expires: false,
            segments: false,
            members: Vec::new(),
            pending: BTreeMap::new(),
            published: BTreeMap::new(),
            known: HashSet::new(),
            dice,
        }
    }

    pub(crate) fn info(&self) -> String {
        format!(
            r#"{{"protocol":1,"origin":"{}","buckets":{},"cell_size":{},"epoch_seconds":{EPOCH},
            "lobby":{{"epoch_seconds":15,"cells":16,"retention_seconds":{LOBBY_RETENTION_SECONDS}}},
            "retention_seconds":{RETENTION_SECONDS},"slot":{{"per_bucket":{}}},"max_attachment_bytes":16777216,
            "cover":{{"mechanism":"fixed"}},"federation":[{}],"time":{}}}"#,
            self.key.origin(),
            self.buckets.get(),
            self.size.get(),
            self.per_bucket,
            self.federation(),
            self.time()
        )
    }

    fn federation(&self) -> String {
        let members = self.members.iter().enumerate().map(|(number, key)| {
            format!(
                r#"{{"origin":"{}","name":"x","urls":["http://x.example","{}/"],"publishes":true}}"#,
                key.origin(),
                member_url(number)
            )
        });
        members.collect::<Vec<_>>().join(",")
    }

    /// A minute after the last close.
    pub(crate) fn now(&self) -> UnixTime {
        UnixTime(self.epoch * EPOCH + 60)
    }

    /// Stores each cell once.
    pub(crate) fn post(&mut self, body: &[u8]) {
        for entry in post::decode(body, self.size, self.buckets).unwrap() {
            if self.known.insert(entry.cell.sha256()) {
                self.put(entry.bucket.get(), entry.cell);
            }
        }
    }

    /// Puts a cell into a mailbox without asking whether it is there already:
    /// what a hostile relay may do.
    pub(crate) fn put(&mut self, bucket: u32, cell: Cell) {
        self.pending.entry(bucket).or_default().push(cell);
    }

    /// The epoch ends: every mailbox gets its batch.
    pub(crate) fn close(&mut self) -> UnixTime {
        self.epoch += 1;
        self.close_mailboxes(&self.mailboxes());
        self.closing_time()
    }

    /// All mailboxes: the numbered buckets and the lobby.
    pub(crate) fn mailboxes(&self) -> Vec<BucketId> {
        self.buckets.numbered().chain([BucketId::LOBBY]).collect()
    }

    /// Publishes the batches of the epoch that ended for some mailboxes only.
    pub(crate) fn close_mailboxes(&mut self, mailboxes: &[BucketId]) {
        let (epoch, closed_at) = (self.epoch, self.closing_time());
        for &bucket in mailboxes {
            let mut cells = self.pending.remove(&bucket.get()).unwrap_or_default();
            cells.extend((0..self.cover).map(|_| cover_cell(self.size, &mut self.dice)));
            self.dice.shuffle(&mut cells);
            let chain = self.published.entry(bucket.get()).or_default();
            let origin = self.key.origin();
            let last = chain.iter().rfind(|(header, _)| header.origin == origin);
            let prev = last.map_or(BatchHeader::NO_PREV, |(header, _)| header.hash());
            let place = BatchPlace {
                bucket,
                epoch,
                closed_at,
                prev,
            };
            chain.push(Batch::build(&place, &cells, self.size, &self.key).unwrap());
        }
    }

    pub(crate) fn backup(&self) -> Backup {
        Backup {
            pending: self.pending.clone(),
            published: self.published.clone(),
            known: self.known.clone(),
        }
    }

    /// What came after the backup is gone, and another key signs from here on.
    pub(crate) fn restore(&mut self, backup: Backup) {
        self.key = Rc::new(OriginKey::generate(&mut self.dice));
        (self.pending, self.published) = (backup.pending, backup.published);
        self.known = backup.known;
    }

    pub(crate) fn index(&self, bucket: u32) -> String {
        self.index_of(bucket, |_| true)
    }

    /// An index that lists some of the batches only.
    pub(crate) fn index_of(&self, bucket: u32, listed: impl Fn(&BatchHeader) -> bool) -> String {
        let retention = if bucket == BucketId::LOBBY.get() {
            LOBBY_RETENTION_SECONDS
        } else {
            RETENTION_SECONDS
        };
        let oldest = self.closing_time().minus(retention);
        let kept =
            |header: &&BatchHeader| (!self.expires || header.closed_at > oldest) && listed(header);
        let headers = || self.batches(bucket).map(|(header, _)| header).filter(kept);
        let segments = self.segments_of(bucket, &listed);
        let batches: Vec<String> = headers()
            .filter(|header| !segments.iter().any(|segment| segment.holds(header)))
            .map(|h| {
                format!(
                    r#"{{"origin":"{}","epoch":{},"count":{},"digest":"{}"}}"#,
                    h.origin, h.epoch, h.count, h.digest
                )
            })
            .collect();
        let oldest = headers().map(|header| header.epoch).min();
        let oldest = oldest.map_or("null".to_owned(), |epoch| epoch.to_string());
        let segments: Vec<String> = segments
            .iter()
            .map(|segment| segment.to_json(self))
            .collect();
        format!(
            r#"{{"oldest":{oldest},"batches":[{}],"segments":[{}]}}"#,
            batches.join(","),
            segments.join(",")
        )
    }

    /// What this path gives; an index lists the batches that `listed` accepts.
    pub(crate) fn get(&self, path: &str, listed: impl Fn(&BatchHeader) -> bool) -> Option<Vec<u8>> {
        if path == paths::INFO {
            return Some(self.info().into_bytes());
        }
        if path == paths::ORIGINS {
            return Some(self.origins().into_bytes());
        }
        if path.contains("/numbered/headers") {
            return Some(self.headers(path, listed));
        }
        for bucket in self.mailboxes() {
            if path == paths::index(bucket) {
                return Some(self.index_of(bucket.get(), listed).into_bytes());
            }
            if let Some(found) = self.get_light(bucket, path) {
                return Some(found);
            }
            let mut batches = self.batches(bucket.get()).filter(of_epoch(path));
            let batch = batches.find(|(h, _)| path == paths::batch(bucket, &h.origin, h.epoch));
            if let Some((_, bytes)) = batch {
                return Some(bytes.clone());
            }
        }
        None
    }

    pub(crate) fn batch(&self, planned: &Download) -> Vec<u8> {
        self.batches(planned.bucket)
            .find(|(h, _)| h.epoch == planned.epoch && h.origin.to_string() == planned.origin)
            .unwrap()
            .1
            .clone()
    }

    pub(crate) fn batches(&self, bucket: u32) -> impl Iterator<Item = &(BatchHeader, Vec<u8>)> {
        self.published.get(&bucket).into_iter().flatten()
    }

    fn time(&self) -> u64 {
        self.closing_time().0 + self.since_close
    }

    fn closing_time(&self) -> UnixTime {
        UnixTime((self.epoch * EPOCH).saturating_add_signed(self.clock))
    }
}

/// The number of the bucket that a client reads as this mailbox.
pub(crate) fn bucket_of(client: &Client, mailbox: Mailbox) -> u32 {
    client.bucket(mailbox).unwrap().get()
}

/// The URL of a member of the federation, by its place in the list.
pub(crate) fn member_url(number: usize) -> String {
    format!("https://member-{number}.example")
}

/// Whether a batch is of the epoch with which a path ends: cheap, before whole paths are compared.
pub(crate) fn of_epoch(path: &str) -> impl Fn(&&(BatchHeader, Vec<u8>)) -> bool {
    let epoch = path.rsplit('/').next().and_then(|epoch| epoch.parse().ok());
    move |(header, _)| Some(header.epoch) == epoch
}
