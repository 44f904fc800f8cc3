//! The heads of the own bucket's chains, compared with what another member
//! has. Protocol §13.

use crate::{
    base::UnixTime,
    client::{Client, Effects, Mailbox, Place, transaction::Transaction},
    wire::{BATCH_HEADER_LEN, BatchHeader, Fork, Origin},
};

/// The newest batch that was read of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadHead {
    pub(crate) origin: Origin,
    pub(crate) epoch: u64,
    /// SHA-256 of its header.
    pub(crate) hash: [u8; 32],
}

impl Client {
    /// Other members of the relay's federation, by URL, and the second relay of
    /// light reading: where the client reads and posts while its own relay does
    /// not answer. `None` for the members that the relay names, an empty list
    /// for none. Not stored.
    pub fn set_members(&mut self, members: Option<Vec<String>>, mirror: Option<String>) {
        let url = |url: String| url.trim_end_matches('/').to_owned();
        let members = members.map(|members| members.into_iter().map(url).collect());
        self.members.set(members, mirror.map(url));
    }

    /// Where to go if the relay does not answer, in order.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.members.places(self.mailboxes.url())
    }

    /// What was read last of each origin that is still listed.
    pub(crate) fn heads(&self) -> Vec<ReadHead> {
        let heads = self.mailboxes.heads(Mailbox::Own);
        let heads = heads.map(|(origin, epoch, hash)| ReadHead {
            origin,
            epoch,
            hash,
        });
        heads.collect()
    }

    /// Among headers of one epoch and of those after it, of all buckets: the
    /// own bucket's of that epoch.
    pub(crate) fn header_at(&self, head: &ReadHead, headers: &[u8]) -> Option<BatchHeader> {
        let bucket = self.bucket(Mailbox::Own).ok()?;
        let (headers, _) = headers.as_chunks::<BATCH_HEADER_LEN>();
        let mut headers = headers
            .iter()
            .filter_map(|bytes| BatchHeader::decode(bytes).ok());
        let found = headers.find(|header| header.epoch == head.epoch && header.bucket == bucket)?;
        found.expect(bucket, &head.origin, head.epoch).ok()?;
        found.verify().ok()?;
        Some(found)
    }

    /// Keeps and tells the proof that two headers of one place are, if they are.
    pub(crate) fn compare_heads(
        &mut self,
        one: &BatchHeader,
        other: &BatchHeader,
        now: UnixTime,
    ) -> Effects {
        match Fork::prove(one, other) {
            Some(fork) => self.equivocated(fork, now),
            None => self.commit(Transaction::new(now), ()),
        }
    }
}
