//! Pulling: requests to the relay, and processing of its responses. Protocol §12
//! and §13.

use rand_core::CryptoRng;

use crate::{
    base::UnixTime,
    client::{
        Client, ClientError, Download, Effects, Mailbox, Received, StoreKey,
        flows::accept::Outcome,
        mailboxes::{IndexEntry, Part},
        transaction::{Randomized, Transaction},
        view::Event,
    },
    wire::{Batch, BucketId, BucketIndex, Hashes, InfoAnswer},
};

impl Client {
    /// Processes the relay's parameters, `GET /v1/info`. A refused response changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// `RelayProtocol`.
    pub fn configure(&mut self, info_json: &str, now: UnixTime) -> Result<Effects, ClientError> {
        let answer = InfoAnswer::parse(info_json.as_bytes());
        let answer = answer.map_err(|_| ClientError::RelayProtocol)?;

        let mut tx = Transaction::new(now);
        let before = self.bucket(Mailbox::Own).ok();
        let home = (self.mailboxes.url(), &answer.settings.origin);
        self.members.name(&answer.members, home, &mut tx);
        self.mailboxes.configure(answer, &mut tx);
        if before.is_some() && self.bucket(Mailbox::Own).ok() != before {
            self.light.reset();
            tx.touch(StoreKey::Light);
        }
        self.outbox.fit(&self.mailboxes);
        Ok(self.commit(tx, ()))
    }

    /// Changes the relay's URL, which invitations contain. What the former relay
    /// may have without an answer is sealed again: the same cells at two relays
    /// would show which of them are real.
    pub fn relocate(&mut self, url: &str, now: UnixTime) -> Effects {
        let mut tx = Transaction::new(now);
        if self.mailboxes.relocate(url, &mut tx) {
            self.move_posts(None, &mut tx);
            self.members.relocate(&mut tx);
        }
        self.commit(tx, ())
    }

    /// Returns what to download, oldest first: always whole batches or segments, and
    /// always all of them, so that requests do not reveal what the client looks for.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `RelayProtocol`.
    pub fn plan_pull(
        &mut self,
        mailbox: Mailbox,
        index_json: &str,
        now: UnixTime,
    ) -> Result<Effects<Vec<Download>>, ClientError> {
        let bucket = self.bucket(mailbox)?;
        let index =
            BucketIndex::parse(index_json.as_bytes()).map_err(|_| ClientError::RelayProtocol)?;
        let whole = self.reads_whole(mailbox);
        let backfill = mailbox == Mailbox::Lobby && self.invitations.await_offer();
        let part = (whole, Part::Cells);
        let mut plan = self
            .mailboxes
            .plan(mailbox, bucket, &index, part, backfill)?;
        if mailbox == Mailbox::Own {
            // The bucket was read by its tags before. Older batches are read first,
            // because opening their cells adds watched tags.
            plan.splice(..0, self.plan_unfinished(bucket, &index)?);
        }

        let mut tx = Transaction::new(now);
        if mailbox == Mailbox::Own {
            self.expire_units(&index, &mut tx);
        }
        self.mailboxes.looked(mailbox, &index, &mut tx);
        if plan.is_empty() {
            self.mailboxes.read_to_the_end(mailbox, &mut tx);
        }
        Ok(self.commit(tx, plan))
    }

    /// Reads a download: verifies it, finds what is for this person, opens,
    /// verifies, and moves the cursor, all in one set of changes.
    ///
    /// # Errors
    ///
    /// `BatchInvalid` for bytes that do not match the index. Nothing is lost: request
    /// them again later.
    pub fn receive(
        &mut self,
        download: &Download,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<Received>, ClientError> {
        self.receive_hashed(download, (bytes, &Hashes::default()), now, rng)
    }

    pub(crate) fn receive_hashed(
        &mut self,
        download: &Download,
        (bytes, hashes): (&[u8], &Hashes),
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<Received>, ClientError> {
        let bucket = self.bucket(download.mailbox)?;
        let batches = match &download.entry {
            IndexEntry::Batch(_) => vec![bytes],
            IndexEntry::Segment(segment) => segment
                .split_hashed(bucket, bytes, hashes.whole)
                .map_err(|_| ClientError::BatchInvalid)?,
        };
        if download.part == Part::Tags {
            return Err(ClientError::BatchInvalid); // Tags are no batch: `take_tags`.
        }
        let batches = self.verified(download.mailbox, &batches, &hashes.rests)?;
        if let (IndexEntry::Batch(listed), [batch]) = (&download.entry, batches.as_slice()) {
            let header = batch.header();
            header
                .expect(bucket, &listed.origin, listed.epoch)
                .map_err(|_| ClientError::BatchInvalid)?;
        }
        if download.part == Part::Again {
            return Ok(self.read_again(&batches, now, rng));
        }
        self.light.relist();
        let mut tx = Transaction::new(now).randomized(rng);
        let mut outcome = Outcome::default();
        for batch in &batches {
            let batch = (batch, download.whole);
            self.read_batch(download.mailbox, batch, &mut outcome, &mut tx);
        }
        Ok(self.end_reading(outcome, tx))
    }

    /// The batches, each signed by the mailbox's relay: all are verified
    /// before any of them changes anything.
    fn verified<'b>(
        &self,
        mailbox: Mailbox,
        batches: &[&'b [u8]],
        rests: &[[u8; 32]],
    ) -> Result<Vec<Batch<'b>>, ClientError> {
        let bucket = self.bucket(mailbox)?;
        let verified = batches.iter().enumerate().map(|(place, bytes)| {
            let batch = Batch::parse_hashed(bytes, rests.get(place).copied()).ok()?;
            let header = batch.header();
            let asked_for =
                header.bucket == bucket && self.mailboxes.trusts(mailbox, &header.origin);
            asked_for.then_some(batch)
        });
        let verified: Option<_> = verified.collect();
        verified.ok_or(ClientError::BatchInvalid)
    }

    /// Acknowledges what was read, and commits.
    pub(crate) fn end_reading(
        &mut self,
        outcome: Outcome,
        mut tx: Randomized<'_, impl CryptoRng>,
    ) -> Effects<Received> {
        self.acknowledge(outcome.receipts, &mut tx);
        for key in outcome.grown {
            if let Some(transfer) = self.incoming_transfer(key) {
                tx.emit(Event::Transfer { transfer });
            }
        }
        let mut received = Received {
            messages: outcome.messages,
            cells: outcome.cells,
            ..Received::default()
        };
        for event in &tx.events {
            match event {
                Event::Rejected(rejected) => received.rejected.push(rejected.clone()),
                Event::Gap(gap) => received.gaps.push(gap.clone()),
                _ => {}
            }
        }
        self.commit(tx, received)
    }

    /// Whether the relay's last description names the origin of a download as its
    /// own or a former one.
    pub(crate) fn trusts(&self, download: &Download) -> bool {
        let origin = download.entry.origin();
        self.mailboxes.trusts(download.mailbox, origin)
    }

    /// Whether everything missed in the mailbox may concern this person.
    pub(crate) fn reads_whole(&self, mailbox: Mailbox) -> bool {
        let mut in_lobby = self.invitations.open_in_lobby(&self.contacts);
        mailbox == Mailbox::Own || in_lobby.next().is_some()
    }

    /// The bucket of a mailbox.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`.
    pub fn bucket(&self, mailbox: Mailbox) -> Result<BucketId, ClientError> {
        match mailbox {
            Mailbox::Own => self.mailboxes.bucket_of(&self.public().fingerprint()),
            Mailbox::Lobby => Ok(BucketId::LOBBY),
        }
    }
}
