//! Somebody who sees every batch and puts cells of their own into mailboxes:
//! the relay's operator, or anyone who posts. Once in a while with the help
//! of an enrolled contact, who has a pair's keys but nobody else's identity.

use crate::world::{Step, World};
use tessera::{
    base::{Month, Secret},
    channel::{ChainKey, TagSlot},
    envelope::{ContentType, DeliveryId, Sealing, UnprovenDelivery, compose, seal, split},
    identity::Identity,
    vault::stored::{self, ContactRecord},
    wire::{Batch, Cell, cover_cell},
};

impl World {
    pub(crate) fn inject(&mut self) -> Step {
        if self.dice.chance(20) {
            self.forge_as_contact();
            return Ok(());
        }
        let Some((bucket, cell)) = self.seen_cell() else {
            return Ok(());
        };
        let size = self.relay.size;
        let noise = cover_cell(size, &mut self.dice);
        let anywhere = self.dice.pick(&self.relay.mailboxes()).get();
        let (bucket, forged) = match self.dice.below(6) {
            // A stranger's cell under a tag that is watched.
            0 => {
                let (tag, enc) = (cell.tag(), noise.enc());
                (
                    bucket,
                    Cell::from_parts(&tag, &enc, noise.ciphertext(), size).unwrap(),
                )
            }
            // Its key from one cell and its ciphertext from another.
            1 => {
                let (tag, enc) = (cell.tag(), cell.enc());
                (
                    bucket,
                    Cell::from_parts(&tag, &enc, noise.ciphertext(), size).unwrap(),
                )
            }
            // A copy, where it was or somewhere else.
            2 => (bucket, cell),
            3 => (anywhere, cell),
            // One bit is another.
            _ => {
                let mut bytes = cell.as_bytes().to_vec();
                let at = self.dice.below(bytes.len());
                bytes[at] ^= 1 << self.dice.below(8);
                (bucket, Cell::parse(bytes, size).unwrap())
            }
        };
        self.relay.put(bucket, forged);
        self.outcome.injected += 1;
        Ok(())
    }

    /// A cell that is on its way or was published lately, and its mailbox.
    fn seen_cell(&mut self) -> Option<(u32, Cell)> {
        let size = self.relay.size;
        let bucket = self.dice.pick(&self.relay.mailboxes()).get();
        if self.dice.chance(40)
            && let Some(pending) = self.relay.pending.get(&bucket)
            && !pending.is_empty()
        {
            return Some((bucket, self.dice.pick(pending).clone()));
        }
        let published = self.relay.published.get(&bucket)?;
        let newest = published.len().saturating_sub(10);
        let (_, bytes) = self.dice.pick(&published[newest..]);
        let batch = Batch::parse(bytes).unwrap();
        let cells: Vec<_> = batch.cells().collect();
        Some((bucket, Cell::parse(*self.dice.pick(&cells), size).unwrap()))
    }

    /// A delivery that is right in all but its proof: sealed under the keys of
    /// a pair, by somebody who is not the one it would be from.
    fn forge_as_contact(&mut self) {
        let ends: Vec<(usize, usize)> = (0..self.links.len())
            .filter(|&link| self.is_active(link))
            .flat_map(|link| [(link, 0), (link, 1)])
            .collect();
        if ends.is_empty() {
            return;
        }
        let (link, end) = *self.dice.pick(&ends);
        let [from, to] = [end, 1 - end].map(|end| &self.links[link].ends[end]);
        let key = format!("s/c/{}", from.contact.unwrap());
        let contact: ContactRecord =
            stored::decode(&self.people[from.person].person.store[&key]).unwrap();
        let mut channel = contact.channel.unwrap();
        let (sent_at, size) = (self.clock(from.person), self.relay.size);
        let recipient = *self.people[to.person].person.client.public();
        let chain = ChainKey::from_stored(Month(channel.month), Secret::take(&mut channel.sending));
        let Some(chain) = chain.at(sent_at.month()) else {
            return; // The sender's clock is behind.
        };
        let keys = chain.month_keys();
        let day = sent_at.day();
        let counters = channel.counters.iter().find(|(known, _)| *known == day.0);
        let slot = TagSlot {
            day,
            device: 0,
            counter: counters.map_or(0, |(_, next)| *next) + self.dice.below(8) as u32,
        };
        let payload = b"forged".as_slice().into();
        let draft = UnprovenDelivery {
            id: &DeliveryId::generate(&mut self.dice),
            sent_at,
            device: 0,
            seq: channel.next_seq,
            content_type: &ContentType::new("text/plain").unwrap(),
            payload: &payload,
        };
        let stranger = Identity::generate(&mut self.dice);
        let to = recipient.fingerprint();
        let head = compose(&stranger, &to, &keys.blind_seed, &draft, &mut self.dice);
        let bytes = [head.unwrap(), b"forged".to_vec()].concat();
        let body = split(&bytes, size, &mut self.dice).unwrap().remove(0);
        let sealing = Sealing {
            recipient: recipient.kem(),
            psk: &keys.psk,
            size,
        };
        let cell = seal(&sealing, keys.tag_key.tag(slot), &body, &mut self.dice).unwrap();
        let bucket = tessera::wire::compute_bucket(&to.0, self.relay.buckets);
        self.relay.put(bucket.get(), cell);
        self.outcome.injected += 1;
    }
}
