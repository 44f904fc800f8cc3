//! Pulling: what to ask the relay for, and what its answers lead to.
//! Protocol §12 and §13.

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Effects, Event, Mailbox, Planned, Received,
    flows::accept::Outcome, mailboxes::Listed,
};
use crate::{
    base::{SortedMap, UnixTime},
    envelope::DeliveryId,
    wire::{Batch, BucketId, BucketIndex, RelaySettings, paths},
};

impl Client {
    /// Takes the relay's description of itself, `GET /v1/info`.
    ///
    /// # Errors
    ///
    /// `RelayProtocol`.
    pub fn configure(&mut self, info_json: &str) -> Result<Effects, ClientError> {
        if self.relay.configure(info_json)? {
            self.pending.relay = true;
        }
        Ok(self.finish(()))
    }

    /// The relay is reached under this URL from now on; invitations carry it.
    pub fn relocate(&mut self, url: &str) -> Effects {
        if self.relay.relocate(url) {
            self.pending.relay = true;
        }
        self.finish(())
    }

    /// What the relay said of itself.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn relay_info(&self) -> Result<&RelaySettings, ClientError> {
        self.relay.info()
    }

    /// The path of a mailbox's index.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`.
    pub fn index_path(&self, mailbox: Mailbox) -> Result<String, ClientError> {
        Ok(paths::index(self.bucket(mailbox)?))
    }

    /// What to fetch, oldest first: always whole batches or segments, always all
    /// of them, so that a request says nothing about what it looks for.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`, `RelayProtocol`.
    pub fn plan_pull(
        &mut self,
        mailbox: Mailbox,
        index_json: &str,
    ) -> Result<Effects<Vec<Planned>>, ClientError> {
        let bucket = self.bucket(mailbox)?;
        let index =
            BucketIndex::parse(index_json.as_bytes()).map_err(|_| ClientError::RelayProtocol)?;
        let whole = self.reads_whole(mailbox);
        let backfill = self.lobby_backfill(mailbox);
        let plan = self.relay.plan(mailbox, bucket, &index, whole, backfill)?;
        self.pending.relay = true;
        Ok(self.finish(plan))
    }

    /// Reads what was planned: verifies it, finds what is for us, opens,
    /// verifies, and moves the cursor, all in one set of changes.
    ///
    /// # Errors
    ///
    /// `BatchInvalid` for bytes that are not what the index listed; ask for
    /// them again later, nothing is lost and nothing has changed.
    pub fn receive(
        &mut self,
        planned: &Planned,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<Received>, ClientError> {
        let bucket = self.bucket(planned.mailbox)?;
        let batches = match &planned.listed {
            Listed::Batch(_) => vec![bytes],
            Listed::Segment(segment) => segment
                .split(bucket, bytes)
                .map_err(|_| ClientError::BatchInvalid)?,
        };
        let batches = self.verified(planned.mailbox, &batches)?;
        if let (Listed::Batch(listed), [batch]) = (&planned.listed, batches.as_slice()) {
            let header = batch.header();
            header
                .expect(bucket, &listed.origin, listed.epoch)
                .map_err(|_| ClientError::BatchInvalid)?;
        }
        self.read(planned.mailbox, &batches, now, rng)
    }

    /// The same for one batch that comes from wherever.
    ///
    /// # Errors
    ///
    /// `BatchInvalid`.
    pub fn receive_batch(
        &mut self,
        mailbox: Mailbox,
        bytes: &[u8],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<Received>, ClientError> {
        let batches = self.verified(mailbox, &[bytes])?;
        self.read(mailbox, &batches, now, rng)
    }

    /// The batches, each signed by the mailbox's relay: before any of them
    /// changes anything.
    fn verified<'b>(
        &self,
        mailbox: Mailbox,
        batches: &[&'b [u8]],
    ) -> Result<Vec<Batch<'b>>, ClientError> {
        let size = self.relay.info()?.cell_size;
        let bucket = self.bucket(mailbox)?;
        let verified = batches.iter().map(|bytes| {
            let batch = Batch::parse(bytes).ok()?;
            let header = batch.header();
            let asked_for = header.bucket == bucket
                && header.cell_size == size
                && self.relay.trusts(mailbox, &header.origin);
            asked_for.then_some(batch)
        });
        let verified: Option<_> = verified.collect();
        verified.ok_or(ClientError::BatchInvalid)
    }

    fn read(
        &mut self,
        mailbox: Mailbox,
        batches: &[Batch<'_>],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Effects<Received>, ClientError> {
        let mut outcome = Outcome::default();
        for batch in batches {
            self.read_batch(mailbox, batch, now, &mut outcome, rng);
        }
        self.acknowledge(&outcome.receipts, now, rng)?;
        Ok(self.finish_pull(outcome))
    }

    fn acknowledge(
        &mut self,
        receipts: &[(ContactId, DeliveryId)],
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let mut by_contact = SortedMap::<ContactId, Vec<DeliveryId>>::new();
        for (contact, session) in receipts {
            by_contact
                .get_or_insert(*contact, Vec::new())
                .push(session.clone());
        }
        for (contact, sessions) in by_contact {
            match self.send_receipts(contact, &sessions, now, rng) {
                // A clock that is behind must not keep a message from being shown.
                Ok(()) | Err(ClientError::ClockBehind) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn finish_pull(&mut self, outcome: Outcome) -> Effects<Received> {
        for key in core::mem::take(&mut self.pending.grown) {
            if let Some(transfer) = self.incoming_transfer(key) {
                self.tell(Event::Transfer { transfer });
            }
        }
        let effects = self.finish(());
        let mut rejected = Vec::new();
        let mut gaps = Vec::new();
        for event in &effects.events {
            match event {
                Event::Rejected(refusal) => rejected.push(refusal.clone()),
                Event::Gap(gap) => gaps.push(gap.clone()),
                _ => {}
            }
        }
        let value = Received {
            messages: outcome.messages,
            rejected,
            gaps,
            cells: outcome.cells,
        };
        effects.map(|()| value)
    }

    /// Whether what was missed in the mailbox may concern one.
    pub(crate) fn reads_whole(&self, mailbox: Mailbox) -> bool {
        mailbox == Mailbox::Own || self.looks_in_lobby()
    }

    /// The number of one's own bucket.
    ///
    /// # Errors
    ///
    /// `RelayUnknown`.
    pub fn own_bucket(&self) -> Result<u32, ClientError> {
        Ok(self.bucket(Mailbox::Own)?.get())
    }

    fn bucket(&self, mailbox: Mailbox) -> Result<BucketId, ClientError> {
        match mailbox {
            Mailbox::Own => self.relay.bucket_of(&self.identity.public().fingerprint()),
            Mailbox::Lobby => Ok(BucketId::LOBBY),
        }
    }
}
