//! Light reading of the own bucket: tags, windows, and what is read whole after
//! all. Protocol §13.

use rand_core::CryptoRng;

use super::scan::Manner;
use crate::{
    base::{ErrorCode, UnixTime},
    client::{
        Client, ClientError, Download, Effects, Mailbox, Received, StoreKey,
        flows::accept::Outcome,
        light::{Chain, Unit},
        mailboxes::IndexEntry,
        transaction::Transaction,
    },
    wire::{
        Batch, BatchDigest, BatchHeader, BatchRef, BatchTags, BucketId, BucketIndex, Fork, Held,
        Origin, SelectWindow, paths,
    },
};

impl Client {
    /// Reads the own bucket by its tags, with so many bitmaps in each request
    /// to the two relays; or whole, without. Not stored.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for other than 1 to 16 bitmaps.
    pub fn read_light(&mut self, queries: Option<u8>) -> Result<(), ClientError> {
        self.light.set_queries(queries)
    }

    /// Whether the own bucket is read by its tags.
    #[must_use]
    pub fn reads_light(&self) -> bool {
        self.light.queries().is_some()
    }

    /// Cells that were found in the own bucket and wait for another look.
    #[must_use]
    pub fn cells_to_retrieve(&self) -> usize {
        self.light.missing()
    }

    /// Of what a relay holds, what is read.
    pub(crate) fn accepted<'h>(&self, held: &'h [Held]) -> impl Iterator<Item = &'h Held> {
        held.iter()
            .filter(|held| self.mailboxes.trusts(Mailbox::Own, &held.origin))
    }

    /// The tags of the batches that follow those read; `None` if only the
    /// index says what there is.
    pub(crate) fn plan_next(&self, held: &[Held]) -> Option<Vec<Download>> {
        let bucket = self.bucket(Mailbox::Own).ok()?;
        let mut index = BucketIndex::default();
        self.accepted(held).next()?;
        for held in self.accepted(held) {
            let read = self.mailboxes.read_until(Mailbox::Own, &held.origin)?;
            let chain = self.light.chain(&held.origin)?;
            if !chain.is_in_step(read, held.epoch) {
                return None;
            }
            if held.epoch > read {
                index.batches.push(BatchRef {
                    origin: held.origin,
                    epoch: held.epoch,
                    count: 0,
                    digest: BatchDigest([0; 32]),
                });
            }
        }
        self.mailboxes.plan_tags(bucket, &index).ok()
    }

    /// The tags of everything that is new.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `RelayProtocol`.
    pub(crate) fn plan_look(
        &mut self,
        index_json: &[u8],
        now: UnixTime,
    ) -> Result<Effects<Vec<Download>>, ClientError> {
        let bucket = self.bucket(Mailbox::Own)?;
        let index = BucketIndex::parse(index_json).map_err(|_| ClientError::RelayProtocol)?;
        let plan = self.mailboxes.plan_tags(bucket, &index)?;
        let listed = IndexEntry::all(&index);
        let mut origins: Vec<Origin> = listed.iter().map(|entry| *entry.origin()).collect();
        origins.dedup();
        origins.retain(|origin| self.mailboxes.trusts(Mailbox::Own, origin));
        for origin in &origins {
            let of = listed.iter().filter(|entry| entry.origin() == origin);
            let entries = of.map(|entry| (entry.epochs(), entry.cells()));
            self.light.chain_mut(origin).list(entries);
        }
        let mut tx = Transaction::new(now);
        self.expire_units(&index, &mut tx);
        self.mailboxes.looked(Mailbox::Own, &index, &mut tx);
        Ok(self.commit(tx, plan))
    }

    /// Cells that no relay keeps any more are not to be retrieved.
    pub(crate) fn expire_units(&mut self, index: &BucketIndex, tx: &mut Transaction) {
        let mut expired = false;
        for origin in self.light.origins() {
            let chain = self.light.chain_mut(&origin);
            expired |= index.oldest.is_some_and(|oldest| chain.expire(oldest));
        }
        if expired {
            tx.touch(StoreKey::Light);
            self.refuse(ErrorCode::RetentionPassed, None, tx);
        }
    }

    /// Takes the tags of a download. Nothing is placed in a chain before the
    /// look is answered.
    ///
    /// # Errors
    ///
    /// `BatchInvalid`.
    pub(crate) fn take_tags(
        &mut self,
        download: &Download,
        bytes: &[u8],
    ) -> Result<(), ClientError> {
        let bucket = self.bucket(Mailbox::Own)?;
        let parts = match &download.entry {
            IndexEntry::Batch(_) => vec![bytes],
            IndexEntry::Segment(segment) => segment
                .split_tags(bucket, bytes)
                .map_err(|_| ClientError::BatchInvalid)?,
        };
        let origin = *download.entry.origin();
        let read: Result<Vec<_>, _> = parts.into_iter().map(BatchTags::parse).collect();
        let read = read.map_err(|_| ClientError::BatchInvalid)?;
        let (first, last) = download.entry.epochs();
        let expected = |tags: &BatchTags<'_>| {
            let epoch = tags.header().epoch;
            let listed = (first..=last).contains(&epoch);
            listed && tags.header().expect(bucket, &origin, epoch).is_ok()
        };
        if !read.iter().all(expected) || !self.mailboxes.trusts(Mailbox::Own, &origin) {
            return Err(ClientError::BatchInvalid);
        }
        let mailboxes = &self.mailboxes;
        let chain = self.light.chain_mut(&origin);
        let headers: Vec<_> = read.iter().map(BatchTags::header).collect();
        chain.shelf.read(&headers);
        for tags in &read {
            chain.remember(tags.header());
            if mailboxes.wants(Mailbox::Own, &origin, tags.header().epoch) {
                chain.fresh.push(Unit::new(tags));
            }
        }
        Ok(())
    }

    /// The windows of this look over what both relays hold of an origin, once
    /// the tags of what is new were searched.
    pub(crate) fn look_windows(&mut self, held: (Held, Held)) -> Vec<SelectWindow> {
        let Ok(info) = self.mailboxes.info() else {
            return Vec::new();
        };
        let (epoch_seconds, size) = (info.epoch_seconds.get(), info.cell_size);
        let mut chain = self.light.take(&held.0.origin);
        self.search(&mut chain);
        let from = chain.from(epoch_seconds);
        let windows = chain.shelf.windows(from, held, size);
        self.light.put(&held.0.origin, chain);
        windows
    }

    /// Whether the relay lists anything of an origin.
    pub(crate) fn is_listed(&self, origin: &Origin) -> bool {
        let chain = self.light.chain(origin);
        chain.is_some_and(|chain| chain.shelf.newest().is_some())
    }

    /// Finds the cells under watched tags in all that is not finished.
    pub(super) fn search(&mut self, chain: &mut Chain) {
        let units = chain.units.iter_mut().chain(&mut chain.fresh);
        for unit in units {
            self.prepare_tags(unit.header.closed_at);
            let tags = &self.inbox.tags;
            unit.search(|tag| tags.find(tag).is_some());
        }
    }

    /// The path of the tags of a batch.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`.
    pub(crate) fn tags_path(&self, origin: &Origin, epoch: u64) -> Result<String, ClientError> {
        let bucket = self.bucket(Mailbox::Own)?;
        Ok(paths::batch_tags(bucket, origin, epoch))
    }

    /// Whether the relay's header of a batch is known.
    pub(crate) fn knows_header(&self, origin: &Origin, epoch: u64) -> bool {
        let chain = self.light.chain(origin);
        chain.is_some_and(|chain| chain.header(epoch).is_some())
    }

    /// Takes the relay's header of a batch.
    ///
    /// # Errors
    ///
    /// `BatchInvalid`.
    pub(crate) fn take_header(
        &mut self,
        origin: &Origin,
        epoch: u64,
        tags: &[u8],
    ) -> Result<(), ClientError> {
        let header = self.header_of(origin, epoch, tags)?;
        self.light.chain_mut(origin).remember(&header);
        Ok(())
    }

    /// Compares the mirror's header of a batch with the relay's. Each contains
    /// the hash of the one before, so if they are equal, all before them are.
    /// Gives the proof if they differ.
    ///
    /// # Errors
    ///
    /// `BatchInvalid`.
    pub(crate) fn compare_header(
        &self,
        origin: &Origin,
        epoch: u64,
        tags: &[u8],
    ) -> Result<Option<Fork>, ClientError> {
        let theirs = self.header_of(origin, epoch, tags)?;
        let chain = self.light.chain(origin);
        let ours = chain.and_then(|chain| chain.header(epoch));
        match ours {
            Some(ours) if *ours == theirs => Ok(None),
            Some(ours) => Fork::prove(ours, &theirs)
                .map(Some)
                .ok_or(ClientError::BatchInvalid),
            None => Err(ClientError::BatchInvalid),
        }
    }

    fn header_of(
        &self,
        origin: &Origin,
        epoch: u64,
        tags: &[u8],
    ) -> Result<BatchHeader, ClientError> {
        let bucket = self.bucket(Mailbox::Own)?;
        let tags = BatchTags::parse(tags).map_err(|_| ClientError::BatchInvalid)?;
        let header = tags.header();
        let expected = header.expect(bucket, origin, epoch);
        expected.map_err(|_| ClientError::BatchInvalid)?;
        Ok(header.clone())
    }

    /// Two histories of one origin: kept, told, and the bucket is read whole.
    pub(crate) fn equivocated(&mut self, fork: Fork, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.forks.add(fork, &mut tx);
        self.light.suspend();
        self.commit(tx, ())
    }

    /// Whether the mirror answers, to be told when that changes.
    pub(crate) fn mirror_answers(&mut self, answers: bool, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        self.mailboxes.mirror_answers(answers, &mut tx);
        self.commit(tx, ())
    }

    /// What to read whole of what is not finished.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `RelayProtocol`.
    pub(crate) fn plan_again(&self, index_json: &[u8]) -> Result<Vec<Download>, ClientError> {
        let bucket = self.bucket(Mailbox::Own)?;
        let index = BucketIndex::parse(index_json).map_err(|_| ClientError::RelayProtocol)?;
        self.plan_unfinished(bucket, &index)
    }

    /// How many bytes that is, as far as the last index says.
    pub(crate) fn unfinished_bytes(&self) -> u64 {
        let Ok(info) = self.mailboxes.info() else {
            return 0;
        };
        let spans = self.light.unfinished(info.epoch_seconds.get());
        let cells = spans.iter().filter_map(|(origin, first, last)| {
            let chain = self.light.chain(origin)?;
            Some(chain.shelf.cells(*first..=*last))
        });
        cells.sum::<u64>() * u64::from(info.cell_size.get())
    }

    /// Whole windows of which only the tags were read, and in which something
    /// is not finished.
    pub(crate) fn plan_unfinished(
        &self,
        bucket: BucketId,
        index: &BucketIndex,
    ) -> Result<Vec<Download>, ClientError> {
        let epoch_seconds = self.mailboxes.info()?.epoch_seconds.get();
        let spans = self.light.unfinished(epoch_seconds);
        self.mailboxes.plan_again(bucket, index, &spans)
    }

    /// Reads whole batches whose tags were read before. If a cell is another
    /// than the two relays gave, one of them did not tell the truth: the bucket
    /// is read whole from then on.
    pub(crate) fn read_again(
        &mut self,
        batches: &[Batch<'_>],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Effects<Received> {
        let mut tx = Transaction::new(now).randomized(rng);
        let mut outcome = Outcome::default();
        tx.touch(StoreKey::Light);
        for batch in batches {
            let header = batch.header();
            let mut chain = self.light.take(&header.origin);
            let known = chain.unit(header.epoch);
            if known.is_some_and(|unit| unit.header == *header) {
                let cells: Vec<_> = batch.cells().collect();
                let differs = |(epoch, place, wrong): &(u64, u32, Vec<u8>)| {
                    let cell = cells.get(*place as usize);
                    *epoch == header.epoch && cell.is_some_and(|cell| *cell != wrong.as_slice())
                };
                if chain.wrong.iter().any(differs) {
                    self.light.suspend();
                }
                chain.wrong.retain(|(epoch, ..)| *epoch != header.epoch);
                let manner = (cells, Manner::Again);
                self.read_cells(header, manner, &mut outcome, &mut tx);
                if let Some(unit) = chain.unit(header.epoch) {
                    unit.read_whole();
                }
                self.search(&mut chain);
                chain.drop_finished();
            }
            self.light.put(&header.origin, chain);
        }
        self.end_reading(outcome, tx)
    }
}
