//! Those who take part, and what each of them has seen so far.

use std::collections::BTreeSet;

use crate::common::{Dice, NOW, Person};
use tessera::client::{ContactId, InvitationId, MessageRef};

/// One person, and what it has seen so far.
pub(crate) struct Actor {
    pub(crate) person: Person,
    /// How long this person's receipts wait on average, in minutes.
    receipt_delay: u32,
    /// Seconds by which the clock is ahead.
    pub(crate) skew: i64,
    pub(crate) last_pull: u64,
    /// Epochs read of one's own bucket, with their origin.
    pub(crate) read: BTreeSet<(String, u64)>,
    /// Codes of what was refused.
    pub(crate) refused: Vec<&'static str>,
    /// Numbers reported to be missing that have not come.
    pub(crate) missing: BTreeSet<(ContactId, u64)>,
    /// Breaks of one's own bucket's chain: (from, to, closed).
    pub(crate) breaks: Vec<(u64, u64, bool)>,
    pub(crate) new_origins: usize,
}

/// Two people who know each other, or are about to.
pub(crate) struct Link {
    /// The inviter's end, then the acceptor's.
    pub(crate) ends: [End; 2],
    pub(crate) invitation: InvitationId,
    pub(crate) uri: String,
    pub(crate) expires_at: u64,
    /// In person, so that no digits are compared.
    pub(crate) in_person: bool,
    /// Whether the inviter was reported whom to expect.
    pub(crate) expected: bool,
}

pub(crate) struct End {
    pub(crate) person: usize,
    pub(crate) contact: Option<ContactId>,
    pub(crate) removed: bool,
    /// What this end sent, in order.
    pub(crate) sent: Vec<Sent>,
    /// What was shown at this end as verified, in order.
    pub(crate) shown: Vec<String>,
}

pub(crate) struct Sent {
    pub(crate) text: String,
    pub(crate) id: MessageRef,
    pub(crate) seq: u64,
    pub(crate) taken_back: bool,
}

impl Actor {
    pub(crate) fn new(number: usize, dice: &mut Dice) -> Self {
        let mut person = Person::create(&format!("Person {number}"), dice);
        let receipt_delay = *dice.pick(&[0, 0, 60, 600]);
        person.client.set_receipt_delay(receipt_delay).unwrap();
        Self {
            person,
            receipt_delay,
            skew: 0,
            last_pull: NOW.0,
            read: BTreeSet::new(),
            refused: Vec::new(),
            missing: BTreeSet::new(),
            breaks: Vec::new(),
            new_origins: 0,
        }
    }

    pub(crate) fn restart(&mut self) {
        self.person.restart();
        let set = self.person.client.set_receipt_delay(self.receipt_delay);
        set.unwrap();
    }
}

impl End {
    pub(crate) fn new(person: usize) -> Self {
        Self {
            person,
            contact: None,
            removed: false,
            sent: Vec::new(),
            shown: Vec::new(),
        }
    }
}
