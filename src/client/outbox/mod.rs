//! Finished cells on their way out: committed before they are posted, and
//! posted, the identical bytes, until the relay answers 202.

mod large;

pub(crate) use large::{Key, seal_fragment};
pub use large::{Pieces, Wanted};

use rand_core::CryptoRng;

use crate::client::{
    Client, ClientError, ContactId, Effects, Event, MessageView, flows::restore::is_greeting,
    view::MessageState,
};
use crate::{
    base::{
        Day, SortedMap, SortedSet, UnixTime,
        parameters::{LISTENING_DAYS, WINDOW},
        sorted_by_key,
    },
    identity::Fingerprint,
    vault::stored::{self, ControlRecord, QueuedRecord},
    wire::{BucketId, Cell, Entry, MAX_LOBBY_ENTRIES, RelaySettings, cover_cell, hex, post},
};

/// Most cells of one post: the relay's limit.
pub const MAX_POST: usize = crate::wire::MAX_ENTRIES;

/// One request body for `POST /v1/cells`, and what it carries.
#[derive(Clone, Debug)]
pub struct Post {
    /// 1 to 64 entries.
    pub body: Vec<u8>,
    /// Outbox ordinals of the real cells in it.
    pub tokens: Vec<u64>,
}

/// What a cell belongs to, so that it can be sealed again.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// The rendezvous: its tags never grow old.
    Rendezvous,
    /// An announcement to oneself: another takes its place.
    Own,
    /// A message that shows.
    Message(ContactId, u32),
    /// A confirm or receipts.
    Control(ContactId, ControlRecord),
}

/// Where a cell goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination {
    Lobby,
    Bucket(Fingerprint),
}

impl Client {
    /// Cells waiting for the relay, those not sealed yet included.
    #[must_use]
    pub fn queued(&self) -> usize {
        let unsealed = self.large.values();
        let unsealed = unsealed.map(|record| (record.count - record.next) as usize);
        self.outbox.len() + unsealed.sum::<usize>()
    }

    /// One slot: queued cells first, then cover to uniformly random buckets,
    /// in random order, so that whether anyone writes does not show.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn next_slot(&self, now: UnixTime, rng: &mut impl CryptoRng) -> Result<Post, ClientError> {
        let info = self.relay.info()?;
        let (entries, tokens) = self.take(slot_cells(info), now.day())?;
        let body = slot(entries, info, rng)?;
        Ok(Post { body, tokens })
    }

    /// Up to 64 queued cells without cover; `None` if nothing waits. Shows
    /// the relay how much one writes: for labs and tests.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn next_flush(&self, now: UnixTime) -> Result<Option<Post>, ClientError> {
        let (entries, tokens) = self.take(MAX_POST, now.day())?;
        if entries.is_empty() {
            return Ok(None);
        }
        let body = encode(&entries)?;
        Ok(Some(Post { body, tokens }))
    }

    /// The relay answered 202: these cells are durable there.
    pub fn posted(&mut self, tokens: &[u64]) -> Effects {
        let mut moved = SortedMap::<_, u32>::new();
        for token in tokens {
            let Some(queued) = self.outbox.remove(token) else {
                continue;
            };
            self.pending.changes.insert(outbox_key(*token), None);
            if let (Some(contact), Some(ordinal)) = (queued.contact, queued.message) {
                *moved.get_or_insert((ContactId(contact), ordinal), 0) += 1;
            }
        }
        for ((contact, ordinal), cells) in moved {
            self.cells_stored(contact, ordinal, cells);
        }
        self.finish(())
    }

    /// Queues finished cells. They leave only after the commit.
    pub(crate) fn enqueue(&mut self, cells: Vec<Cell>, to: Destination, day: Day, part: &Part) {
        let first = self.next_ordinal;
        self.next_ordinal += cells.len() as u64;
        self.enqueue_from(first, cells, to, day, part);
    }

    /// The same, at places of the queue that were kept for them.
    pub(crate) fn enqueue_from(
        &mut self,
        first: u64,
        cells: Vec<Cell>,
        to: Destination,
        day: Day,
        part: &Part,
    ) {
        let (contact, message, control) = match part {
            Part::Rendezvous | Part::Own => (None, None, None),
            Part::Message(contact, ordinal) => (Some(contact.0), Some(*ordinal), None),
            Part::Control(contact, control) => (Some(contact.0), None, Some(control)),
        };
        for (ordinal, cell) in (first..).zip(cells) {
            let queued = QueuedRecord {
                cell: cell.as_bytes().to_vec(),
                to: match to {
                    Destination::Lobby => None,
                    Destination::Bucket(fingerprint) => Some(fingerprint.0),
                },
                day: day.0,
                contact,
                message,
                control: control.cloned(),
            };
            self.pending
                .changes
                .insert(outbox_key(ordinal), Some(stored::encode(&queued)));
            self.outbox.insert(ordinal, queued);
        }
    }

    /// Whether anything is to be [sealed](Client::reseal) again, or anew.
    #[must_use]
    pub fn has_overdue(&self, now: UnixTime) -> bool {
        !self.held_back(now.day()).is_empty() || self.announcement_due(now)
    }

    /// Contacts for whom something waited so long that its recipient stops
    /// looking for it. Nothing is posted to them until all that waits is
    /// sealed again, so that messages keep their order. Protocol §6.
    pub(crate) fn held_back(&self, today: Day) -> SortedSet<[u8; 8]> {
        let late = |day: u32| day + LISTENING_DAYS <= today.0;
        let queued = self.outbox.values().filter(|queued| late(queued.day));
        let large = self.large.iter();
        let large = large.filter(|(_, record)| late(UnixTime(record.sent_at).day().0));
        queued
            .filter_map(|queued| queued.contact)
            .chain(large.map(|(key, _)| key.0.0))
            .collect()
    }

    /// What is to be sealed again, in the order it was first sealed: each
    /// message and control delivery once.
    ///
    /// Not if that would discard a whole window of cells of today: their
    /// counters are used, and the recipient would not find what comes after
    /// such a hole. Then it waits for tomorrow's counters. Protocol §5.
    pub(crate) fn overdue(&self, today: Day) -> Vec<(Part, Destination)> {
        let held_back = self.held_back(today).into_iter();
        let held_back: SortedSet<_> = held_back
            .filter(|contact| !self.leaves_hole(ContactId(*contact), today))
            .collect();
        // What took the number of a cancelled message stands beside it.
        let mut found = SortedMap::new();
        for queued in self.outbox.values() {
            let Some(contact) = queued.contact.filter(|id| held_back.contains(id)) else {
                continue;
            };
            let contact = ContactId(contact);
            let to = queued.to.map_or(Destination::Lobby, |fingerprint| {
                Destination::Bucket(Fingerprint(fingerprint))
            });
            if let Some(control) = queued.control.as_ref().filter(|_| self.has_index()) {
                let part = Part::Control(contact, control.clone());
                found.insert((contact, false, control.seq, true), (part, to));
            } else if let Some(ordinal) = queued.message
                && let Some(record) = self.messages.get(&(contact, ordinal))
            {
                let former = self.is_former(contact, ordinal);
                let part = Part::Message(contact, ordinal);
                found.insert((contact, former, record.seq, false), (part, to));
            }
        }
        for key in self.large.keys().filter(|key| held_back.contains(&key.0.0)) {
            let peer = self.contacts.get(&key.0).and_then(|contact| contact.peer);
            if let (Some(peer), Some(record)) = (peer, self.messages.get(key)) {
                let to = Destination::Bucket(peer.fingerprint());
                let part = Part::Message(key.0, key.1);
                found.insert((key.0, false, record.seq, false), (part, to));
            }
        }
        found.into_values().collect()
    }

    /// The days whose counters what waits for a contact has used.
    pub(crate) fn days_waiting(&self, contact: ContactId) -> Vec<Day> {
        let queued = self.outbox.values();
        let queued = queued.filter(|queued| queued.contact == Some(contact.0));
        let large = self.large.iter().filter(|(key, _)| key.0 == contact);
        queued
            .map(|queued| Day(queued.day))
            .chain(large.map(|(_, record)| UnixTime(record.sent_at).day()))
            .collect()
    }

    /// Whether discarding what waits for a contact would leave a hole in the
    /// day's counters that no window spans.
    pub(crate) fn leaves_hole(&self, contact: ContactId, day: Day) -> bool {
        self.uses_of(contact.0, day) >= WINDOW as usize
    }

    /// How many of a day's counters what waits for a contact has used.
    fn uses_of(&self, contact: [u8; 8], day: Day) -> usize {
        let queued = self.outbox.values();
        let queued = queued.filter(|q| q.contact == Some(contact) && q.day == day.0);
        let large = self
            .large
            .iter()
            .filter(|(key, record)| key.0.0 == contact && UnixTime(record.sent_at).day() == day);
        let unsealed = large.map(|(_, record)| (record.count - record.next) as usize);
        queued.count() + unsealed.sum::<usize>()
    }

    /// The payloads of the control deliveries that wait, in their order.
    pub(crate) fn queued_controls(&self) -> Vec<(ContactId, Vec<u8>, Destination)> {
        let mut found = SortedMap::new();
        for queued in self.outbox.values() {
            if let (Some(contact), Some(control)) = (queued.contact, &queued.control) {
                let to = queued.to.map_or(Destination::Lobby, |fingerprint| {
                    Destination::Bucket(Fingerprint(fingerprint))
                });
                let delivery = (ContactId(contact), control.payload.clone(), to);
                found.insert((contact, control.seq), delivery);
            }
        }
        found.into_values().collect()
    }

    /// Discards the cells of one message or control delivery.
    pub(crate) fn discard(&mut self, part: &Part) {
        if let Part::Message(contact, ordinal) = part {
            self.forget_large((*contact, *ordinal));
        }
        self.drop_queued(|queued| match part {
            Part::Rendezvous | Part::Own => false,
            Part::Message(contact, ordinal) => {
                queued.contact == Some(contact.0) && queued.message == Some(*ordinal)
            }
            Part::Control(contact, control) => {
                queued.contact == Some(contact.0)
                    && queued
                        .control
                        .as_ref()
                        .is_some_and(|c| c.seq == control.seq)
            }
        });
    }

    /// Discards the queued cells that `gone` names.
    pub(crate) fn drop_queued(&mut self, gone: impl Fn(&QueuedRecord) -> bool) {
        let ordinals: Vec<u64> = self
            .outbox
            .iter()
            .filter(|(_, queued)| gone(queued))
            .map(|(ordinal, _)| *ordinal)
            .collect();
        for ordinal in ordinals {
            self.outbox.remove(&ordinal);
            self.pending.changes.insert(outbox_key(ordinal), None);
        }
    }

    /// The cells to post next, oldest first; those of large messages last,
    /// so that a picture to one person does not hold up a word to another.
    /// What goes to one contact keeps its order.
    fn take(&self, most: usize, today: Day) -> Result<(Vec<Entry>, Vec<u64>), ClientError> {
        let size = self.relay.info()?.cell_size;
        let (held_back, barriers) = (self.held_back(today), self.barriers());
        let ready = |ordinal: u64, queued: &QueuedRecord| {
            self.may_post(ordinal, queued)
                && queued.contact.is_none_or(|id| {
                    !held_back.contains(&id) && barriers.get(&id).is_none_or(|end| ordinal < *end)
                })
        };
        let is_large = |queued: &QueuedRecord| match (queued.contact, queued.message) {
            (Some(id), Some(ordinal)) => self.large.contains_key(&(ContactId(id), ordinal)),
            _ => false,
        };
        let mut entries = Vec::new();
        let mut tokens = Vec::new();
        let spoken_to: SortedSet<_> = self
            .outbox
            .values()
            .filter(|queued| !is_greeting(queued))
            .filter_map(|queued| queued.contact)
            .collect();
        let waits = |queued: &QueuedRecord| {
            is_greeting(queued) && queued.contact.is_none_or(|id| !spoken_to.contains(&id))
        };
        let mut lobby = 0;
        let mut fits = |queued: &QueuedRecord| {
            lobby += usize::from(queued.to.is_none());
            queued.to.is_some() || lobby <= MAX_LOBBY_ENTRIES
        };
        let ready = self.outbox.iter().filter(|(o, queued)| ready(**o, queued));
        let in_turn = sorted_by_key(ready, |(ordinal, queued)| {
            (waits(queued), is_large(queued), **ordinal)
        });
        let fitting = in_turn.filter(|(_, queued)| fits(queued));
        for (ordinal, queued) in fitting.take(most) {
            let bucket = match queued.to {
                None => BucketId::LOBBY,
                Some(fingerprint) => self.relay.bucket_of(&Fingerprint(fingerprint))?,
            };
            let cell =
                Cell::parse(queued.cell.clone(), size).map_err(|_| ClientError::RelayProtocol)?;
            entries.push(Entry { bucket, cell });
            tokens.push(*ordinal);
        }
        Ok((entries, tokens))
    }

    fn cells_stored(&mut self, contact: ContactId, ordinal: u32, cells: u32) {
        let Some(record) = self.messages.get(&(contact, ordinal)) else {
            return;
        };
        let mut record = record.clone();
        record.cells_left = record.cells_left.saturating_sub(cells);
        let all = record.cells_left == 0 && record.state == MessageState::Queued as u8;
        if all {
            record.state = MessageState::Stored as u8;
            let message = MessageView::new(contact, ordinal, &record);
            self.tell(Event::State { message });
        }
        self.store_message(contact, ordinal, record);
        if let Some(transfer) = self.outgoing_transfer((contact, ordinal)) {
            self.tell(Event::Transfer { transfer });
        }
    }
}

fn slot_cells(info: &RelaySettings) -> usize {
    ((info.per_bucket.get() * info.buckets.get()) as usize).min(MAX_POST)
}

/// The body of one slot: these entries among cover, in random order.
pub(crate) fn slot(
    mut entries: Vec<Entry>,
    info: &RelaySettings,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, ClientError> {
    while entries.len() < slot_cells(info) {
        let bucket = info.buckets.wrap(rng.next_u64());
        entries.push(Entry {
            bucket,
            cell: cover_cell(info.cell_size, rng),
        });
    }
    shuffle(&mut entries, rng);
    encode(&entries)
}

fn encode(entries: &[Entry]) -> Result<Vec<u8>, ClientError> {
    post::encode(entries).map_err(|_| ClientError::Internal)
}

/// Fisher–Yates with unbiased draws.
fn shuffle<T>(items: &mut [T], rng: &mut impl CryptoRng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i + 1, rng));
    }
}

fn below(bound: usize, rng: &mut impl CryptoRng) -> usize {
    let bound = bound as u64;
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return usize::try_from(draw % bound).unwrap_or(0);
        }
    }
}

pub(crate) fn outbox_key(ordinal: u64) -> String {
    format!("s/q/{}", hex::encode(&ordinal.to_be_bytes()))
}
