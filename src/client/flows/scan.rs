//! One batch: one look-up per cell, and a consuming step from each form of
//! what was found to the next. Protocol §5 and §6.

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Gap, InvitationId, Mailbox,
    flows::accept::{Candidate, Outcome},
    inbox::Watched,
    invitations::Stage,
    mailboxes::Step,
};
use crate::{
    base::{ErrorCode, UnixTime, sorted_by_key},
    channel::{Direction, TagSlot},
    envelope::{Body, Delivery, EnvelopeError, open},
    wire::{Batch, Cell},
};

/// One batch being read.
struct Scan<'b> {
    closed_at: UnixTime,
    /// Read before: what was opened then is no replay.
    again: bool,
    now: UnixTime,
    cells: Vec<&'b [u8]>,
    /// Cells that need no second look.
    done: Vec<bool>,
    candidates: Vec<Candidate>,
}

impl Client {
    /// Reads one batch that was verified.
    pub(crate) fn read_batch(
        &mut self,
        mailbox: Mailbox,
        batch: &Batch<'_>,
        now: UnixTime,
        outcome: &mut Outcome,
        rng: &mut impl CryptoRng,
    ) {
        let header = batch.header();
        let whole = self.reads_whole(mailbox);
        let (gaps, again) = match self.relay.advance(mailbox, header, whole) {
            Step::Taken => return,
            Step::New(gaps) => (gaps, false),
            Step::Again => (Vec::new(), true),
        };
        self.pending.relay = true;
        let mut scan = Scan {
            closed_at: header.closed_at,
            again,
            now,
            cells: batch.cells().collect(),
            done: vec![false; batch.cells().len()],
            candidates: Vec::new(),
        };
        for gap in gaps {
            self.tell_gap(gap, now);
        }
        self.watch_for(scan.closed_at);
        while self.scan_once(&mut scan, rng) {
            // A contact that the pass brought is watched from here on.
            self.watch_for(scan.closed_at);
        }
        self.bound_unfinished(now);
        self.weigh_claims(now);
        self.accept_candidates(&mut scan, outcome);
        outcome.cells += scan.cells.len();
    }

    /// One pass over the cells; true if something new was opened, so that
    /// windows grew and another pass may find more.
    fn scan_once(&mut self, scan: &mut Scan<'_>, rng: &mut impl CryptoRng) -> bool {
        let mut found = false;
        for i in 0..scan.cells.len() {
            let (Some(bytes), Some(false)) = (scan.cells.get(i).copied(), scan.done.get(i)) else {
                continue;
            };
            let Some((watched, slot)) = bytes.first_chunk().and_then(|tag| self.watch.find(tag))
            else {
                continue;
            };
            if let Some(done) = scan.done.get_mut(i) {
                *done = true;
            }
            let Ok(size) = self.relay.info().map(|info| info.cell_size) else {
                return false;
            };
            let Ok(cell) = Cell::parse(bytes, size) else {
                continue;
            };
            let digest = cell.digest();
            let contact = match watched {
                Watched::Contact(id) => Some(id),
                Watched::Rendezvous(id, _) => {
                    self.invitations.get(&id).and_then(|open| open.contact)
                }
                Watched::Own => None,
            };
            if self.opened.contains_key(&digest) {
                if !scan.again {
                    self.refuse(ErrorCode::Replayed, contact, scan.now);
                }
                continue;
            }
            let result = match watched {
                Watched::Contact(id) => self.open_contact_cell(id, slot, digest, &cell, scan),
                Watched::Rendezvous(id, direction) => {
                    self.open_rendezvous_cell(id, direction, slot, &cell, scan.now, rng)
                }
                Watched::Own => self.open_own_cell(slot, &cell, scan.now, rng),
            };
            match result {
                Ok(()) => found = true,
                Err(error) => self.refuse(error.code(), contact, scan.now),
            }
        }
        found
    }

    /// Detected → opened: a cell under a contact's tag.
    fn open_contact_cell(
        &mut self,
        id: ContactId,
        slot: TagSlot,
        digest: [u8; 16],
        cell: &Cell,
        scan: &mut Scan<'_>,
    ) -> Result<(), ClientError> {
        let contact = self.contact(id)?;
        let channel = contact
            .channel
            .as_ref()
            .ok_or(EnvelopeError::NotAuthentic)?;
        let keys = channel
            .receiving_keys(slot.day, scan.closed_at, self.settings.grace())
            .ok_or(EnvelopeError::NotAuthentic)?;
        let body = open(self.identity.kem(), &keys.psk, cell)?;
        let before = channel.window(slot.day);
        let (index, count) = match &body {
            Body::Whole(_) => (0, 1),
            Body::Fragment(fragment) => (fragment.index, fragment.count.get()),
        };
        if let Some(channel) = self.contact_mut(id)?.channel.as_mut() {
            channel.opened(slot, index, count);
        }
        self.mark_opened(digest, slot.day, Some(id), None);
        self.watch_more(id, slot.day, scan.closed_at, &before);
        let chunks = match body {
            Body::Whole(bytes) => Some(vec![bytes]),
            Body::Fragment(fragment) => self.assemble(id.0, slot, fragment)?,
        };
        if let Some(chunks) = chunks {
            let delivery = Delivery::decode(chunks).ok_or(EnvelopeError::NotAuthentic)?;
            scan.candidates.push(Candidate {
                contact: id,
                slot,
                digest,
                delivery,
            });
        }
        Ok(())
    }

    /// Detected → opened: a cell of the rendezvous.
    fn open_rendezvous_cell(
        &mut self,
        id: InvitationId,
        direction: Direction,
        slot: TagSlot,
        cell: &Cell,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(), ClientError> {
        let open_invitation = self.invitation_mut(id)?;
        if open_invitation
            .response_cells
            .iter()
            .any(|own| own == cell.as_bytes())
        {
            return Ok(());
        }
        let body = open(
            &open_invitation.rendezvous.kem,
            &open_invitation.rendezvous.psk,
            cell,
        )?;
        let (index, count) = match &body {
            Body::Whole(_) => (0, 1),
            Body::Fragment(fragment) => (fragment.index, fragment.count.get()),
        };
        open_invitation.opened(direction, slot.counter, index, count);
        // Any cell that opens after the response was accepted tells of a second reader.
        let answered = matches!(open_invitation.stage, Stage::Answered);
        self.mark_opened(cell.digest(), now.day(), None, None);
        let bytes = match body {
            Body::Whole(bytes) => Some(bytes),
            Body::Fragment(_) if answered => Some(Vec::new()),
            Body::Fragment(fragment) => {
                let chunks = self.assemble(id.0, slot, fragment)?;
                chunks.map(|chunks| chunks.concat())
            }
        };
        if let Some(bytes) = bytes {
            self.rendezvous_message(id, direction, &bytes, now, rng);
        }
        self.watch.reset();
        Ok(())
    }

    /// Opened → authentic → fresh, in the order each sender counted.
    fn accept_candidates(&mut self, scan: &mut Scan<'_>, outcome: &mut Outcome) {
        let candidates = core::mem::take(&mut scan.candidates);
        for candidate in sorted_by_key(candidates, |c| (c.contact, c.delivery.seq())) {
            let contact = candidate.contact;
            if let Err(error) = self.accept_delivery(candidate, scan.closed_at, scan.now, outcome) {
                self.refuse(error.code(), Some(contact), scan.now);
            }
        }
        self.report_missing(scan.now);
    }

    /// Says which sequence numbers were passed over, once per number: only
    /// after the whole batch, whose cells are in no order.
    fn report_missing(&mut self, now: UnixTime) {
        let mut gaps = Vec::new();
        for contact in self.contacts.values_mut() {
            let Some(channel) = &mut contact.channel else {
                continue;
            };
            for missing in channel.newly_missing() {
                let (contact_id, from, to) = (contact.id, missing.start, missing.end - 1);
                gaps.push(Gap::Sequence {
                    contact_id,
                    from,
                    to,
                    closed: false,
                });
            }
        }
        for gap in gaps {
            self.tell_gap(gap, now);
        }
    }
}
