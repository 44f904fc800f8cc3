//! One batch: one look-up per cell, and a consuming step from each form of
//! what was found to the next. Protocol §5 and §6.

use std::collections::HashMap;

use rand_core::CryptoRng;

use crate::{
    base::{ErrorCode, sorted_by_key},
    channel::{Direction, Tag, TagSlot},
    client::{
        Client, ContactId, Gap, InvitationId, Mailbox,
        contacts::GenerationId,
        flows::accept::{Candidate, Outcome},
        inbox::{Peer, TagOwner},
        mailboxes::Step,
        transaction::{Randomized, Transaction},
    },
    envelope::{Announcement, Body, Delivery, open},
    wire::{Batch, BatchHeader, Cell},
};

/// Maximum number of cells of an offer or a response. Both need two cells of the
/// smallest size. Anyone who has the invitation's link can send them, so storage for
/// them is limited.
const MAX_RENDEZVOUS_CELLS: u32 = 16;

/// How the cells of a batch came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// The whole batch is read.
    Whole,
    /// It is read again: what was opened before is no replay.
    Again,
    /// By their places, from two relays. A cell that does not open may not be what
    /// was published.
    Retrieved,
}

/// One batch being read.
struct Scan<'b> {
    /// Names the origin and the epoch of everything that is found.
    header: &'b BatchHeader,
    manner: Manner,
    /// Retrieved cells that do not open.
    failed: Vec<usize>,
    cells: Vec<&'b [u8]>,
    candidates: Vec<Candidate>,
    outcome: &'b mut Outcome,
}

/// The content of an opened cell.
enum Incoming {
    /// A complete delivery: verified after all cells of the batch were opened,
    /// in the order in which its sender counted.
    Delivery(Candidate),
    /// A message of the rendezvous.
    Rendezvous(InvitationId, Direction, Vec<u8>),
    /// What a device of this person tells the others.
    Own(Announcement),
    /// A fragment of an incomplete message.
    Fragment,
}

impl Client {
    /// Reads one verified batch. `whole` says whether skipped batches before it
    /// count as missing.
    pub(crate) fn read_batch(
        &mut self,
        mailbox: Mailbox,
        (batch, whole): (&Batch<'_>, bool),
        outcome: &mut Outcome,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let header = batch.header();
        let (gaps, manner) = match self.mailboxes.advance(mailbox, header, whole, tx) {
            Step::Taken => return,
            Step::New(gaps) => (gaps, Manner::Whole),
            Step::Again => (Vec::new(), Manner::Again),
        };
        for gap in gaps {
            self.report_gap(gap, tx);
        }
        let cells = batch.cells().collect();
        self.read_cells(header, (cells, manner), outcome, tx);
    }

    /// Reads cells of a batch that was placed in its chain. Returns the places of
    /// retrieved cells that do not open.
    pub(crate) fn read_cells(
        &mut self,
        header: &BatchHeader,
        (cells, manner): (Vec<&[u8]>, Manner),
        outcome: &mut Outcome,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) -> Vec<usize> {
        let mut scan = Scan {
            header,
            manner,
            failed: Vec::new(),
            cells,
            candidates: Vec::new(),
            outcome,
        };
        self.prepare_tags(header.closed_at);
        self.scan(&mut scan, tx);
        for key in self.inbox.reassembly.overfull() {
            self.abandon_incomplete(key, tx);
        }
        if self.devices.resolve_claims(tx) {
            self.abandon_own_index(tx);
        }
        self.accept_candidates(&mut scan, tx);
        scan.outcome.cells += scan.cells.len();
        scan.failed
    }

    /// Looks up every cell once, and again those whose tags are watched only since
    /// a cell of this batch was opened. So a batch costs one look-up per cell and
    /// per added tag, in any order of its cells.
    fn scan(&mut self, scan: &mut Scan<'_>, tx: &mut Randomized<'_, impl CryptoRng>) {
        self.inbox.tags.take_new();
        let mut later = HashMap::<Tag, Vec<usize>>::new();
        for place in 0..scan.cells.len() {
            let tag = scan.cells.get(place).and_then(|cell| cell.first_chunk());
            let Some(tag) = tag else { continue };
            match self.inbox.tags.find(tag) {
                Some(found) => self.look_at(place, found, scan, tx),
                None => later.entry(*tag).or_default().push(place),
            }
        }
        loop {
            let new = self.inbox.tags.take_new();
            if new.is_empty() {
                return;
            }
            for tag in new {
                let places = later.remove(&tag).unwrap_or_default();
                let Some(found) = self.inbox.tags.find(&tag) else {
                    continue;
                };
                for place in places {
                    self.look_at(place, found, scan, tx);
                }
            }
        }
    }

    /// Opens the cell at a place of the batch, whose tag was found.
    fn look_at(
        &mut self,
        place: usize,
        (owner, slot): (TagOwner, TagSlot),
        scan: &mut Scan<'_>,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        let cell = scan.cells.get(place).copied();
        let Some(Ok(cell)) = cell.map(|bytes| Cell::parse(bytes, scan.header.cell_size)) else {
            return;
        };
        let contact = match owner {
            TagOwner::Channel(Peer::Contact(id), _) => Some(id),
            TagOwner::Channel(Peer::Own, _) => None,
            TagOwner::Rendezvous(id, _) => self.invitations.get(id).and_then(|open| open.contact),
        };
        if self.inbox.replays.has_opened(&cell.digest()) {
            if scan.manner != Manner::Again {
                self.refuse(ErrorCode::Replayed, contact, tx);
            }
            return;
        }
        self.inbox.work.cells_opened += 1;
        match self.open_cell(owner, slot, &cell, scan, tx) {
            Ok(incoming) => self.apply(incoming, scan, tx),
            Err(ErrorCode::NotAuthentic) if scan.manner == Manner::Retrieved => {
                scan.failed.push(place);
            }
            Err(code) => self.refuse(code, contact, tx),
        }
    }

    fn open_cell(
        &mut self,
        owner: TagOwner,
        slot: TagSlot,
        cell: &Cell,
        scan: &mut Scan<'_>,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        match owner {
            TagOwner::Channel(Peer::Contact(id), generation) => {
                self.open_contact_cell((id, generation), slot, cell, scan, tx)
            }
            TagOwner::Rendezvous(id, direction) => {
                self.open_rendezvous_cell((id, direction), slot, cell, scan, tx)
            }
            TagOwner::Channel(Peer::Own, _) => {
                let account = &self.account;
                let announcement = account.own.open(&account.identity, slot.day, cell)?;
                let replays = &mut self.inbox.replays;
                replays.record(cell.digest(), slot.day, None, None, tx);
                Ok(Incoming::Own(announcement))
            }
        }
    }

    fn apply(
        &mut self,
        incoming: Incoming,
        scan: &mut Scan<'_>,
        tx: &mut Randomized<'_, impl CryptoRng>,
    ) {
        match incoming {
            Incoming::Delivery(candidate) => scan.candidates.push(candidate),
            Incoming::Rendezvous(id, direction, bytes) => {
                let origin = (direction, scan.header.closed_at);
                self.rendezvous_message(id, origin, &bytes, tx);
            }
            Incoming::Own(announcement) => self.hear(announcement, tx),
            Incoming::Fragment => {}
        }
    }

    /// Detected → opened: a cell under a contact's tag.
    fn open_contact_cell(
        &mut self,
        (id, generation): (ContactId, GenerationId),
        slot: TagSlot,
        cell: &Cell,
        scan: &mut Scan<'_>,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        let contact = self.contacts.get(id).ok_or(ErrorCode::NotAuthentic)?;
        let channel = contact.channel.as_ref().ok_or(ErrorCode::NotAuthentic)?;
        let (closed_at, grace) = (scan.header.closed_at, self.settings.grace());
        let keys = channel
            .receiving_keys(generation, slot.day, closed_at, grace)
            .ok_or(ErrorCode::NotAuthentic)?;
        let body = open(self.account.identity.kem(), &keys.psk, cell)?;
        let before = channel.window(generation, slot.day);
        if let Some(channel) = self.contacts.update_channel(id, tx) {
            channel.opened(generation, slot, place(&body));
            let windows = (&before, &channel.window(generation, slot.day));
            let owner = TagOwner::Channel(Peer::Contact(id), generation);
            let tags = &mut self.inbox.tags;
            tags.extend(owner, &keys.tag_key, slot.day, windows);
        }
        let (digest, replays) = (cell.digest(), &mut self.inbox.replays);
        replays.record(digest, slot.day, Some(id), None, tx);
        let Some(chunks) = self.assemble(id.0, slot, body, scan, tx)? else {
            return Ok(Incoming::Fragment);
        };
        Ok(Incoming::Delivery(Candidate {
            contact: id,
            generation,
            slot,
            digest,
            delivery: Delivery::decode(chunks).ok_or(ErrorCode::NotAuthentic)?,
        }))
    }

    /// Detected → opened: a cell of the rendezvous.
    fn open_rendezvous_cell(
        &mut self,
        (id, direction): (InvitationId, Direction),
        slot: TagSlot,
        cell: &Cell,
        scan: &mut Scan<'_>,
        tx: &mut Transaction,
    ) -> Result<Incoming, ErrorCode> {
        let Some(invitation) = self.invitations.get(id) else {
            return Ok(Incoming::Fragment);
        };
        if invitation.is_own_cell(cell.as_bytes()) {
            return Ok(Incoming::Fragment);
        }
        let rendezvous = &invitation.rendezvous;
        let kem = match invitation.is_own() && !invitation.is_qr {
            true => self.account.identity.kem(),
            false => &rendezvous.kem,
        };
        let body = open(kem, &rendezvous.psk, cell)?;
        if matches!(&body, Body::Fragment(fragment) if fragment.count.get() > MAX_RENDEZVOUS_CELLS)
        {
            return Err(ErrorCode::NotAuthentic);
        }
        let key = rendezvous.tag_key(direction);
        if let Some(invitation) = self.invitations.update(id, tx) {
            let new = invitation.opened(direction, slot.counter, place(&body));
            let tags = &mut self.inbox.tags;
            tags.extend_rendezvous((id, direction), &key, new);
        }
        let today = tx.now.day();
        let replays = &mut self.inbox.replays;
        replays.record(cell.digest(), today, None, None, tx);
        let chunks = self.assemble(id.0, slot, body, scan, tx)?;
        Ok(chunks.map_or(Incoming::Fragment, |chunks| {
            Incoming::Rendezvous(id, direction, chunks.concat())
        }))
    }

    /// All chunks of a message, once they are there.
    fn assemble(
        &mut self,
        owner: [u8; 8],
        slot: TagSlot,
        body: Body,
        scan: &mut Scan<'_>,
        tx: &mut Transaction,
    ) -> Result<Option<Vec<Vec<u8>>>, ErrorCode> {
        match body {
            Body::Whole(bytes) => Ok(Some(vec![bytes])),
            Body::Fragment(fragment) => {
                scan.outcome.grown.insert((owner, fragment.message_id));
                let reassembly = &mut self.inbox.reassembly;
                Ok(reassembly.add(owner, slot, fragment, tx)?)
            }
        }
    }

    /// Opened → authentic → fresh, in the order in which each sender counted.
    fn accept_candidates(&mut self, scan: &mut Scan<'_>, tx: &mut Randomized<'_, impl CryptoRng>) {
        let candidates = core::mem::take(&mut scan.candidates);
        for candidate in sorted_by_key(candidates, |c| (c.contact, c.delivery.seq())) {
            let contact = candidate.contact;
            let taken = self.accept_delivery(candidate, scan.header, scan.outcome, tx);
            if let Err(code) = taken {
                self.refuse(code, Some(contact), tx);
            }
        }
        // Skipped sequence numbers are reported after the whole batch: its cells are
        // in random order.
        for (contact_id, missing) in self.contacts.newly_missing() {
            let gap = Gap::Sequence {
                contact_id,
                from: missing.start,
                to: missing.end - 1,
                closed: false,
            };
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
