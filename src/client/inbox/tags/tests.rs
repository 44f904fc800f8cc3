use super::*;
use crate::{
    base::{Secret, time::DAY_SECONDS},
    client::{contacts::Channel, invitations::Stage},
    enrolment::InvitationSecret,
    identity::Identity,
};

const NOW: UnixTime = UnixTime(1_795_300_000);
const GRACE: u64 = 7 * DAY_SECONDS;
const CONTACT: ContactId = ContactId([1; 8]);
const INVITATION: InvitationId = InvitationId([2; 8]);

struct Scene {
    contacts: Contacts,
    invitations: Invitations,
    own: OwnKeys,
}

impl Scene {
    /// A contact with keys and one without, and an invitation.
    fn new() -> Self {
        let mut contacts = Contacts::default();
        contacts.restore(contact());
        contacts.restore(Contact::new(ContactId([9; 8]), NOW));
        let mut invitations = Invitations::default();
        invitations.restore(INVITATION, invitation());
        let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
        Self {
            contacts,
            invitations,
            own: OwnKeys::new(&Identity::generate(rng)),
        }
    }

    fn prepare(&self, tags: &mut Tags, closed_at: UnixTime, superseded: bool) {
        let sources = TagSources {
            contacts: &self.contacts,
            invitations: &self.invitations,
            own: &self.own,
            grace: GRACE,
            superseded,
        };
        tags.prepare(closed_at, &sources);
    }

    fn prepared(&self) -> Tags {
        let mut tags = Tags::default();
        self.prepare(&mut tags, NOW, false);
        tags
    }
}

/// A contact's channel, and the one at its other end.
fn channel(direction: Direction) -> Channel {
    let first = NOW.month();
    Channel::new(&Secret::take(&mut [7; 32]), direction, first)
}

fn contact() -> Contact {
    let mut contact = Contact::new(CONTACT, NOW);
    contact.channel = Some(channel(Direction::FromInviter));
    contact
}

fn invitation() -> OpenInvitation {
    let secret = InvitationSecret::new(Secret::take(&mut [8; 32]));
    let answered = Stage::Answered {
        response_hash: None,
    };
    OpenInvitation::new(secret, NOW.plus(900), true, answered)
}

/// The tag that the contact puts on a cell.
fn sent(day: Day, counter: u32) -> Tag {
    let keys = channel(Direction::FromAcceptor);
    let keys = keys.sending_keys(day.start()).unwrap();
    keys.tag_key.tag(TagSlot {
        day,
        device: 0,
        counter,
    })
}

fn answer(counter: u32) -> Tag {
    let key = invitation().rendezvous.tag_key(Direction::FromAcceptor);
    key.tag(Rendezvous::slot(counter))
}

fn is_known(tags: &Tags, tag: Tag) -> bool {
    tags.find(&tag).is_some()
}

#[test]
fn nothing_is_found_before_the_first_batch_or_outside_the_window() {
    let scene = Scene::new();
    let mut tags = Tags::default();
    assert!(!is_known(&tags, sent(NOW.day(), 0)));
    tags.watch_contact(&contact(), GRACE);
    tags.watch_invitation(INVITATION, &invitation());
    assert_eq!(tags.len(), 0, "the index is built at the first batch");
    let tags = scene.prepared();
    assert!(is_known(&tags, sent(NOW.day(), 31)));
    assert!(!is_known(&tags, sent(NOW.day(), 32)));
    assert!(!is_known(&tags, [0; 16]));
}

#[test]
fn a_batch_is_searched_for_its_own_day_three_before_and_one_after() {
    let scene = Scene::new();
    let tags = scene.prepared();
    let today = NOW.day().0;
    for (day, known) in [(4, false), (3, true), (0, true)] {
        assert_eq!(
            is_known(&tags, sent(Day(today - day), 0)),
            known,
            "{day} before"
        );
    }
    assert!(is_known(&tags, sent(Day(today + 1), 0)));
    assert!(!is_known(&tags, sent(Day(today + 2), 0)));
}

#[test]
fn another_batch_of_the_day_derives_nothing_and_the_next_day_only_itself() {
    let scene = Scene::new();
    let mut tags = scene.prepared();
    let (first, watched) = (tags.derived(), tags.len());
    scene.prepare(&mut tags, NOW.plus(60), false);
    assert_eq!(tags.derived(), first);
    scene.prepare(&mut tags, NOW.plus(DAY_SECONDS), false);
    let days = u64::from(LISTENING_DAYS + 1 + LISTENING_DAYS_AHEAD);
    assert!(tags.derived() - first <= first / days, "one day of five");
    assert_eq!(tags.len(), watched, "what is over is forgotten");
}

#[test]
fn a_window_that_grew_watches_what_is_new_alone() {
    let mut tags = Scene::new().prepared();
    let (day, mut after) = (NOW.day(), Window::default());
    after.opened(0, 5, 0, 1);
    let keys = contact().channel.unwrap();
    let keys = keys.receiving_keys(0, day, NOW, GRACE).unwrap();
    let before = tags.derived();
    let owner = TagOwner::Channel(Peer::Contact(CONTACT), 0);
    tags.extend(owner, &keys.tag_key, day, (&Window::default(), &after));
    assert_eq!(tags.derived() - before, 6);
    assert_eq!(tags.take_new().len(), 6);
    assert!(tags.take_new().is_empty(), "each once");
    assert!(is_known(&tags, sent(day, 37)) && !is_known(&tags, sent(day, 38)));
}

#[test]
fn removed_owners_are_not_found_and_others_are() {
    let mut tags = Scene::new().prepared();
    tags.forget_contact(ContactId([5; 8]));
    tags.forget_invitation(InvitationId([5; 8]));
    assert!(is_known(&tags, sent(NOW.day(), 0)) && is_known(&tags, answer(0)));
    tags.forget_contact(CONTACT);
    assert!(!is_known(&tags, sent(NOW.day(), 0)) && is_known(&tags, answer(0)));
    tags.forget_invitation(INVITATION);
    assert!(!is_known(&tags, answer(0)));
}

#[test]
fn a_superseded_device_leaves_invitations_to_the_other_and_reads_on() {
    let (scene, mut tags) = (Scene::new(), Tags::default());
    scene.prepare(&mut tags, NOW, true);
    assert!(!is_known(&tags, answer(0)));
    assert!(is_known(&tags, sent(NOW.day(), 0)));
}

#[test]
fn tags_of_a_month_outside_the_grace_are_not_watched() {
    let (scene, mut tags) = (Scene::new(), Tags::default());
    let late = NOW
        .month()
        .next()
        .first_day()
        .start()
        .plus(GRACE + 9 * DAY_SECONDS);
    scene.prepare(&mut tags, late, false);
    assert!(!is_known(&tags, sent(NOW.day(), 0)));
}
