//! Meeting somebody, at the start and in between, and parting.

use crate::{
    people::{End, Link},
    world::{Step, World},
};
use tessera::{
    client::{ContactView, InvitationId},
    enrolment::Kind,
};

/// Maximum lifetime of a QR invitation, and lifetime of a link here.
const QR_SECONDS: u64 = 86_400;
const LINK_SECONDS: u64 = 7 * 86_400;

impl World {
    /// Everyone meets person 0, with all faults but those of the steps of
    /// which only one person's hand is part.
    pub(crate) fn meet(&mut self) {
        for other in 1..self.people.len() {
            self.until_done(0, |world| world.pull(0));
            self.until_done(other, |world| world.pull(other));
            let faults = std::mem::replace(&mut self.faults, false);
            let in_person = self.dice.chance(70);
            assert!(self.invite(0, other, in_person).is_ok());
            self.faults = faults;
            let link = self.links.len() - 1;
            for _ in 0..90 {
                let _ = self.advance(link);
                for person in [0, other] {
                    let _ = self.pull(person);
                    let _ = self.post(person);
                }
                self.close();
                if self.is_active(link) {
                    break;
                }
            }
            assert!(self.is_active(link), "0 and {other} have met");
        }
    }

    /// Two people who have no way to each other make one, perhaps once more.
    pub(crate) fn invite_somebody(&mut self, inviter: usize) -> Step {
        let acceptor = self.dice.below(self.people.len());
        let known = self.links.iter().any(|link| {
            let both = link
                .ends
                .iter()
                .all(|end| [inviter, acceptor].contains(&end.person));
            both && (self.now <= link.expires_at + QR_SECONDS || !link.is_over())
        });
        if inviter == acceptor || known {
            return Ok(());
        }
        let in_person = self.dice.chance(50);
        self.invite(inviter, acceptor, in_person)
    }

    fn invite(&mut self, inviter: usize, acceptor: usize, in_person: bool) -> Step {
        let (kind, life) = if self.dice.chance(50) {
            (Kind::Qr, QR_SECONDS)
        } else {
            (Kind::Link, LINK_SECONDS)
        };
        let now = self.clock(inviter);
        let client = &mut self.people[inviter].person.client;
        let Ok(effects) = client.invite(kind, Some(life), now, &mut self.dice) else {
            return Ok(()); // The relay was not reached yet.
        };
        self.may_be_killed(inviter)?;
        let invitation = self.commit_now(inviter, effects);
        self.links.push(Link {
            ends: [End::new(inviter), End::new(acceptor)],
            invitation: invitation.id,
            uri: invitation.uri,
            expires_at: invitation.expires_at,
            in_person,
            expected: false,
        });
        self.may_be_killed(inviter)
    }

    /// One of the steps that are left of some enrolment.
    pub(crate) fn go_on_enrolling(&mut self) -> Step {
        let under_way: Vec<usize> = (0..self.links.len())
            .filter(|&link| !self.links[link].is_over() && !self.is_active(link))
            .collect();
        if under_way.is_empty() {
            return Ok(());
        }
        let link = *self.dice.pick(&under_way);
        self.advance(link)
    }

    fn advance(&mut self, link: usize) -> Step {
        let Link {
            in_person,
            expected,
            ref ends,
            ..
        } = self.links[link];
        let (inviter, acceptor) = (ends[0].person, ends[1].person);
        if in_person && !expected && self.dice.chance(50) {
            return self.expect(link, inviter, acceptor);
        }
        // Accepting again gives the same contact.
        if self.links[link].ends[1].contact.is_none() || self.dice.chance(10) {
            return self.accept(link, acceptor);
        }
        if in_person && !expected {
            return self.expect(link, inviter, acceptor);
        }
        let one = self.dice.below(2);
        let person = self.links[link].ends[one].person;
        self.compare_digits(person)
    }

    fn expect(&mut self, link: usize, inviter: usize, acceptor: usize) -> Step {
        let now = self.clock(inviter);
        let id: InvitationId = self.links[link].invitation;
        let fingerprint = self.people[acceptor].person.client.public().fingerprint();
        let client = &mut self.people[inviter].person.client;
        let Ok(effects) = client.expect(id, fingerprint, now, &mut self.dice) else {
            return Ok(()); // It ran out.
        };
        self.may_be_killed(inviter)?;
        self.links[link].expected = true;
        self.commit_now(inviter, effects);
        self.may_be_killed(inviter)
    }

    fn accept(&mut self, link: usize, acceptor: usize) -> Step {
        let now = self.clock(acceptor);
        let Link {
            ref uri, in_person, ..
        } = self.links[link];
        let client = &mut self.people[acceptor].person.client;
        let Ok(effects) = client.accept(uri, in_person, now, &mut self.dice) else {
            return Ok(()); // It ran out, or the relay was not reached yet.
        };
        self.may_be_killed(acceptor)?;
        let end = &mut self.links[link].ends[1];
        let contact = effects.value.id;
        assert!(end.contact.is_none_or(|known| known == contact));
        end.contact = Some(contact);
        self.commit_now(acceptor, effects);
        self.may_be_killed(acceptor)
    }

    /// Confirms the digits of every contact that waits for it; where both
    /// sides have them, they are the same.
    pub(crate) fn compare_digits(&mut self, person: usize) -> Step {
        let contacts = self.people[person].person.client.contacts();
        for contact in contacts {
            let Some(digits) = contact.sas else { continue };
            let (link, end) = self.end_at(person, contact.id).unwrap();
            let peer = &self.links[link].ends[1 - end];
            let theirs = self.people[peer.person].person.client.contacts();
            let theirs = theirs.into_iter().find(|c| Some(c.id) == peer.contact);
            if let Some(theirs) = theirs.and_then(|contact| contact.sas) {
                assert_eq!(digits, theirs, "both see the same digits");
            }
            let now = self.clock(person);
            let client = &mut self.people[person].person.client;
            let effects = client.confirm_sas(contact.id, now, &mut self.dice);
            // Receipts for what was held need a clock that is right.
            if let Ok(effects) = effects {
                self.commit(person, effects)?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove_somebody(&mut self, person: usize) -> Step {
        let ends: Vec<_> = self.ends_of(person).collect();
        if ends.is_empty() {
            return Ok(());
        }
        let (link, end) = *self.dice.pick(&ends);
        let Some(contact) = self.links[link].ends[end].contact else {
            return Ok(());
        };
        let now = self.clock(person);
        let client = &mut self.people[person].person.client;
        let effects = client.remove_contact(contact, now).unwrap();
        self.may_be_killed(person)?;
        self.links[link].ends[end].removed = true;
        self.outcome.removals += 1;
        self.commit_now(person, effects);
        self.may_be_killed(person)
    }

    /// The inviter hears who answered.
    pub(crate) fn learns_of(&mut self, person: usize, contact: &ContactView) {
        assert_ne!(contact.state, "suspect", "{:?}", contact.reason);
        if self.end_at(person, contact.id).is_some() || self.was_removed(person, contact) {
            return;
        }
        let fingerprint = contact.fingerprint.as_ref().unwrap();
        // An earlier invitation between the two may never have been answered.
        let link = self.links.iter_mut().rev().find(|link| {
            let peer = &self.people[link.ends[1].person].person.client;
            let answered = peer.public().fingerprint().0 == fingerprint[..];
            answered && link.ends[0].person == person && link.ends[0].contact.is_none()
        });
        link.unwrap().ends[0].contact = Some(contact.id);
        self.outcome.enrolments += 1;
    }

    fn was_removed(&self, person: usize, contact: &ContactView) -> bool {
        let mut ends = self.links.iter().flat_map(|link| &link.ends);
        ends.any(|end| end.person == person && end.contact == Some(contact.id))
    }

    /// Whether both people have checked each other.
    pub(crate) fn is_active(&self, link: usize) -> bool {
        self.links[link].ends.iter().all(|end| {
            let contacts = self.people[end.person].person.client.contacts();
            let mut mine = contacts.iter().filter(|c| Some(c.id) == end.contact);
            mine.any(|contact| contact.state == "active")
        })
    }
}

impl Link {
    /// Whether somebody put an end to it.
    pub(crate) fn is_over(&self) -> bool {
        self.ends.iter().any(|end| end.removed)
    }
}
