//! Selection of the cells to post. Protocol §13.

use crate::{
    base::{Day, SortedMap, SortedSet, sorted_by_key},
    client::{ClientError, MessageRef, mailboxes::Mailboxes},
    wire::{BucketId, Cell, CellSize, MAX_LOBBY_ENTRIES, PostEntry},
};

use super::{Outbox, Post, QueuedCell, Slot, resealing::SEAL_AGAIN, slot};

/// What this device may post, as [`Devices`](crate::client::devices::Devices)
/// decides it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendPolicy {
    /// Whether what waits was sealed under this device's index.
    pub(crate) settled: bool,
    /// Whether that index is final. Before, only announcements, the
    /// rendezvous, and messages that the device of the backup sealed leave.
    pub(crate) confirmed: bool,
    /// Cells below this ordinal were sealed by the device of the backup.
    pub(crate) former_below: u64,
}

impl SendPolicy {
    fn allows(&self, ordinal: u64, queued: &QueuedCell) -> bool {
        let former = queued.message().is_some() && ordinal < self.former_below;
        self.confirmed || queued.contact().is_none() || former
    }
}

/// A queued cell that may be posted now.
pub(super) struct Ready<'a> {
    pub(super) ordinal: u64,
    bucket: BucketId,
    queued: &'a QueuedCell,
}

impl Ready<'_> {
    fn cell(&self, size: CellSize) -> Result<Cell, ClientError> {
        self.queued.cell_of(size).ok_or(ClientError::RelayProtocol)
    }
}

impl Outbox {
    /// The next slot: what may leave and is admitted, and cover for the rest.
    pub(crate) fn slot(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
        mut admission: impl FnMut(u64) -> bool,
    ) -> Result<Slot, ClientError> {
        let relay = mailboxes.for_posting()?;
        let mut slot = Slot::new(&relay);
        let ready = self.ready(policy, today, mailboxes)?.into_iter();
        let ready = ready.filter(|ready| !ready.bucket.is_lobby());
        for ready in ready.filter(|ready| admission(ready.ordinal)) {
            slot.take(ready.ordinal, ready.bucket, || ready.cell(relay.cell_size))?;
        }
        Ok(slot)
    }

    /// The next cells for the lobby, which no slot carries.
    pub(crate) fn lobby_post(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
        mut admission: impl FnMut(u64) -> bool,
    ) -> Result<Option<Post>, ClientError> {
        let size = mailboxes.info()?.cell_size;
        let ready = self.ready(policy, today, mailboxes)?.into_iter();
        let for_lobby = ready.filter(|ready| ready.bucket.is_lobby());
        let for_lobby = for_lobby.filter(|ready| admission(ready.ordinal));
        let (mut entries, mut tokens) = (Vec::new(), Vec::new());
        for ready in for_lobby.take(MAX_LOBBY_ENTRIES) {
            let (bucket, cell) = (ready.bucket, ready.cell(size)?);
            entries.push(PostEntry { bucket, cell });
            tokens.push(ready.ordinal);
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let body = slot::encode(&entries)?;
        Ok(Some(Post { body, tokens }))
    }

    /// What may leave now, oldest first; cells of large messages last, so that a
    /// picture for one person does not delay a text for another. Cells for one
    /// contact keep their order.
    pub(super) fn ready(
        &self,
        policy: SendPolicy,
        today: Day,
        mailboxes: &Mailboxes,
    ) -> Result<Vec<Ready<'_>>, ClientError> {
        if mailboxes.is_changing() {
            return Ok(Vec::new()); // No waiting cell has that shape.
        }
        let (held_back, barriers) = (self.held_back(today), self.large.barriers());
        let off = mailboxes.clock_is_off();
        let may_leave = |ordinal: u64, queued: &QueuedCell| {
            policy.allows(ordinal, queued)
                && self.fits(queued)
                && queued.day != SEAL_AGAIN
                && !(off && queued.contact().is_some())
                && queued.contact().is_none_or(|id| {
                    !held_back.contains(&id) && barriers.get(&id).is_none_or(|end| ordinal < *end)
                })
        };
        let is_large = |queued: &QueuedCell| {
            let message = queued.message();
            message.is_some_and(|message| self.large.get(message).is_some())
        };
        // A greeting can wait until nothing else is sent to that contact.
        let addressed: SortedSet<_> = self
            .queue
            .values()
            .filter(|queued| !queued.is_greeting())
            .filter_map(QueuedCell::contact)
            .collect();
        let waits = |queued: &QueuedCell| {
            queued.is_greeting() && queued.contact().is_none_or(|id| !addressed.contains(&id))
        };
        let ready = self.queue.iter();
        let ready = ready.filter(|(ordinal, queued)| may_leave(**ordinal, queued));
        let in_turn = sorted_by_key(ready, |(ordinal, queued)| {
            (waits(queued), is_large(queued), **ordinal)
        });
        let placed = in_turn.map(|(ordinal, queued)| {
            Ok(Ready {
                ordinal: *ordinal,
                bucket: mailboxes.bucket_for(queued.to)?,
                queued,
            })
        });
        placed.collect()
    }

    /// For each queued message, the place of its last cell among those for the
    /// same bucket, from 1.
    pub(crate) fn last_places(&self, mailboxes: &Mailboxes) -> SortedMap<MessageRef, u64> {
        let (mut ahead, mut last) = (SortedMap::new(), SortedMap::new());
        for (_, queued) in self.iter() {
            let Ok(bucket) = mailboxes.bucket_for(queued.to) else {
                continue;
            };
            let place = ahead.get(&bucket).copied().unwrap_or(0) + 1;
            ahead.insert(bucket, place);
            if let Some(message) = queued.message() {
                last.insert(message, place);
            }
        }
        for (message, record) in self.large() {
            let sealed = last.get(&message).copied().unwrap_or(0);
            let unsealed = record.count.saturating_sub(record.next);
            last.insert(message, sealed + u64::from(unsealed));
        }
        last
    }
}
