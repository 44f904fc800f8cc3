//! One batch: one look-up per cell, and a consuming step from each form of
//! what was found to the next. Protocol §5 and §6.

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, UnixTime, sorted_by_key},
    channel::{Direction, TagSlot},
    client::{
        Client, ContactId, Gap, InvitationId, Mailbox,
        devices::Verdict,
        flows::accept::{Candidate, Outcome},
        inbox::TagOwner,
        invitations::Stage,
        mailboxes::Step,
        transaction::Transaction,
    },
    envelope::{Announcement, Body, Delivery, EnvelopeError, open},
    wire::{Batch, Cell, CellSize},
};

/// One batch being read.
struct Scan<'b> {
    closed_at: UnixTime,
    size: CellSize,
    /// Read before: what was opened then is no replay.
    again: bool,
    cells: Vec<&'b [u8]>,
    /// Cells that need no second look.
    done: Vec<bool>,
    candidates: Vec<Candidate>,
}

/// What an opened cell turned out to be.
enum Incoming {
    /// A complete delivery: verified after all cells of the batch were opened,
    /// in the order in which its sender counted.
    Delivery(Candidate),
    /// A message of the rendezvous.
    Rendezvous(InvitationId, Direction, Vec<u8>),
    /// An announcement of a sibling device, or of an emergency access.
    Announcement(Announcement),
    /// A fragment of an incomplete message.
    Fragment,
}

impl Client {
    /// Reads one batch that was verified.
    pub(crate) fn read_batch(
        &mut self,
        mailbox: Mailbox,
        batch: &Batch<'_>,
        outcome: &mut Outcome,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        let header = batch.header();
        let whole = self.reads_whole(mailbox);
        let (gaps, again) = match self.mailboxes.advance(mailbox, header, whole, tx) {
            Step::Taken => return,
            Step::New(gaps) => (gaps, false),
            Step::Again => (Vec::new(), true),
        };
        let mut scan = Scan {
            closed_at: header.closed_at,
            size: header.cell_size,
            again,
            cells: batch.cells().collect(),
            done: vec![false; batch.cells().len()],
            candidates: Vec::new(),
        };
        for gap in gaps {
            self.report_gap(gap, tx);
        }
        self.prepare_tags(scan.closed_at);
        while self.scan_once(&mut scan, outcome, rng, tx) {
            // A contact that the pass added is watched from here on.
            self.prepare_tags(scan.closed_at);
        }
        for key in self.inbox.reassembly.overfull() {
            self.give_up_incomplete(key, tx);
        }
        if self.devices.resolve_claims(tx) {
            self.abandon_own_index(tx);
        }
        self.accept_candidates(&mut scan, outcome, tx);
        outcome.cells += scan.cells.len();
    }

    /// One pass over the cells; true if something was opened, so that windows
    /// grew and another pass may find more.
    fn scan_once(
        &mut self,
        scan: &mut Scan<'_>,
        outcome: &mut Outcome,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) -> bool {
        let mut found = false;
        for i in 0..scan.cells.len() {
            let (Some(bytes), Some(false)) = (scan.cells.get(i).copied(), scan.done.get(i)) else {
                continue;
            };
            let tag = bytes.first_chunk();
            let Some((owner, slot)) = tag.and_then(|tag| self.inbox.tags.find(tag)) else {
                continue;
            };
            if let Some(done) = scan.done.get_mut(i) {
                *done = true;
            }
            let Ok(cell) = Cell::parse(bytes, scan.size) else {
                continue;
            };
            let contact = match owner {
                TagOwner::Contact(id) => Some(id),
                TagOwner::Rendezvous(id, _) => {
                    self.invitations.get(id).and_then(|open| open.contact)
                }
                TagOwner::OwnDevices => None,
            };
            if self.inbox.replays.has_opened(&cell.digest()) {
                if !scan.again {
                    self.refuse(ErrorCode::Replayed, contact, tx);
                }
                continue;
            }
            match self.open_cell(owner, slot, &cell, scan.closed_at, outcome, tx) {
                Ok(incoming) => {
                    found = true;
                    self.apply(incoming, scan, rng, tx);
                }
                Err(code) => self.refuse(code, contact, tx),
            }
        }
        found
    }

    fn open_cell(
        &mut self,
        owner: TagOwner,
        slot: TagSlot,
        cell: &Cell,
        closed_at: UnixTime,
        outcome: &mut Outcome,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        match owner {
            TagOwner::Contact(id) => self.open_contact_cell(id, slot, cell, closed_at, outcome, tx),
            TagOwner::Rendezvous(id, direction) => {
                self.open_rendezvous_cell(id, direction, slot, cell, outcome, tx)
            }
            TagOwner::OwnDevices => {
                let account = &self.account;
                let announcement = account.own.open(&account.identity, slot.day, cell);
                let announcement = announcement.map_err(EnvelopeError::code)?;
                let replays = &mut self.inbox.replays;
                replays.opened(cell.digest(), slot.day, None, tx);
                Ok(Incoming::Announcement(announcement))
            }
        }
    }

    fn apply(
        &mut self,
        incoming: Incoming,
        scan: &mut Scan<'_>,
        rng: &mut impl CryptoRng,
        tx: &mut Transaction,
    ) {
        match incoming {
            Incoming::Delivery(candidate) => scan.candidates.push(candidate),
            Incoming::Rendezvous(id, direction, bytes) => {
                self.rendezvous_message(id, direction, &bytes, rng, tx);
            }
            Incoming::Announcement(announcement) => match self.devices.hear(announcement, tx) {
                Verdict::Nothing => {}
                Verdict::Superseded(by) => self.supersede(by, rng, tx),
                Verdict::EmergencyBegan {
                    id,
                    began_at,
                    minutes,
                    reason,
                } => {
                    self.emergencies.begin(id, (began_at, minutes, reason), tx);
                    self.emergencies.emit_pending(tx);
                }
                Verdict::EmergencyEnded { id, ended_at } => {
                    self.emergencies.end_announced(id, ended_at, tx);
                    self.emergencies.emit_pending(tx);
                }
            },
            Incoming::Fragment => {}
        }
    }

    /// Detected → opened: a cell under a contact's tag.
    fn open_contact_cell(
        &mut self,
        id: ContactId,
        slot: TagSlot,
        cell: &Cell,
        closed_at: UnixTime,
        outcome: &mut Outcome,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        let contact = self.contacts.get(id).ok_or(ErrorCode::NotAuthentic)?;
        let channel = contact.channel.as_ref().ok_or(ErrorCode::NotAuthentic)?;
        let keys = channel
            .receiving_keys(slot.day, closed_at, self.settings.grace())
            .ok_or(ErrorCode::NotAuthentic)?;
        let body = open(self.account.identity.kem(), &keys.psk, cell);
        let body = body.map_err(EnvelopeError::code)?;
        let before = channel.window(slot.day);
        if let Some(channel) = self.contacts.update_channel(id, tx) {
            let (index, count) = place(&body);
            channel.opened(slot, index, count);
            let windows = (&before, &channel.window(slot.day));
            let owner = TagOwner::Contact(id);
            self.inbox
                .tags
                .extend(owner, &keys.tag_key, slot.day, windows);
        }
        let (digest, replays) = (cell.digest(), &mut self.inbox.replays);
        replays.opened(digest, slot.day, Some(id), tx);
        let Some(chunks) = self.assemble(id.0, slot, body, outcome, tx)? else {
            return Ok(Incoming::Fragment);
        };
        Ok(Incoming::Delivery(Candidate {
            contact: id,
            slot,
            digest,
            delivery: Delivery::decode(chunks).ok_or(ErrorCode::NotAuthentic)?,
        }))
    }

    /// Detected → opened: a cell of the rendezvous.
    fn open_rendezvous_cell(
        &mut self,
        id: InvitationId,
        direction: Direction,
        slot: TagSlot,
        cell: &Cell,
        outcome: &mut Outcome,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        let Some(invitation) = self.invitations.get(id) else {
            return Ok(Incoming::Fragment);
        };
        let mut own = invitation.response_cells.iter();
        if own.any(|own| own == cell.as_bytes()) {
            return Ok(Incoming::Fragment);
        }
        let rendezvous = &invitation.rendezvous;
        let body = open(&rendezvous.kem, &rendezvous.psk, cell).map_err(EnvelopeError::code)?;
        let key = rendezvous.tag_key(direction);
        // Any cell that opens after a response was accepted shows that somebody
        // else read the invitation.
        let answered = matches!(invitation.stage, Stage::Answered);
        if let Some(invitation) = self.invitations.update(id, tx) {
            let new = invitation.opened(direction, slot.counter, place(&body));
            let tags = &mut self.inbox.tags;
            tags.extend_rendezvous((id, direction), &key, new);
        }
        let today = tx.now.day();
        self.inbox.replays.opened(cell.digest(), today, None, tx);
        let bytes = match body {
            Body::Fragment(_) if answered => Some(Vec::new()),
            body => {
                let chunks = self.assemble(id.0, slot, body, outcome, tx)?;
                chunks.map(|chunks| chunks.concat())
            }
        };
        Ok(bytes.map_or(Incoming::Fragment, |bytes| {
            Incoming::Rendezvous(id, direction, bytes)
        }))
    }

    /// All chunks of a message, once they are there.
    fn assemble(
        &mut self,
        owner: [u8; 8],
        slot: TagSlot,
        body: Body,
        outcome: &mut Outcome,
        tx: &mut Transaction,
    ) -> Result<Option<Vec<Vec<u8>>>, ErrorCode> {
        match body {
            Body::Whole(bytes) => Ok(Some(vec![bytes])),
            Body::Fragment(fragment) => {
                outcome.grown.insert((owner, fragment.message_id));
                let reassembly = &mut self.inbox.reassembly;
                let added = reassembly.add(owner, slot, fragment, tx);
                added.map_err(EnvelopeError::code)
            }
        }
    }

    /// Opened → authentic → fresh, in the order in which each sender counted.
    fn accept_candidates(
        &mut self,
        scan: &mut Scan<'_>,
        outcome: &mut Outcome,
        tx: &mut Transaction,
    ) {
        let candidates = core::mem::take(&mut scan.candidates);
        for candidate in sorted_by_key(candidates, |c| (c.contact, c.delivery.seq())) {
            let contact = candidate.contact;
            if let Err(code) = self.accept_delivery(candidate, scan.closed_at, outcome, tx) {
                self.refuse(code, Some(contact), tx);
            }
        }
        self.report_missing(tx);
    }

    /// Reports the sequence numbers that were passed over, each once: only
    /// after the whole batch, whose cells are in no order.
    fn report_missing(&mut self, tx: &mut Transaction) {
        let mut gaps = Vec::new();
        for (contact_id, channel) in self.contacts.channels_mut() {
            gaps.extend(
                channel
                    .newly_missing()
                    .into_iter()
                    .map(|missing| Gap::Sequence {
                        contact_id,
                        from: missing.start,
                        to: missing.end - 1,
                        closed: false,
                    }),
            );
        }
        for gap in gaps {
            self.report_gap(gap, tx);
        }
    }
}

/// Which fragment of how many a body is.
fn place(body: &Body) -> (u32, u32) {
    match body {
        Body::Whole(_) => (0, 1),
        Body::Fragment(fragment) => (fragment.index, fragment.count.get()),
    }
}
