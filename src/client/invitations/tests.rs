use super::*;
use crate::{
    base::{Secret, UnixTime},
    channel::Direction,
    client::{contacts::Contact, mailboxes::Destination},
    crypto::xwing::XWingSecret,
    enrolment::{OfferSecrets, SasNonce},
    envelope::WINDOW,
    identity::Identity,
    wire::{Cell, CellSize, cover_cell},
};

const NOW: UnixTime = UnixTime(1_795_300_000);

fn id(byte: u8) -> InvitationId {
    InvitationId([byte; 8])
}

fn tx() -> Transaction {
    Transaction::new(NOW)
}

fn open(byte: u8, is_qr: bool, stage: Stage) -> OpenInvitation {
    let secret = InvitationSecret::new(Secret::take(&mut [byte; 32]));
    OpenInvitation::new(secret, NOW.plus(900), is_qr, stage)
}

fn answered() -> Stage {
    Stage::Answered {
        response_hash: Some([7; 32]),
    }
}

fn offered() -> Stage {
    Stage::Offered {
        offer: vec![1; 9],
        secrets: OfferSecrets {
            xwing: XWingSecret::from_seed(Secret::take(&mut [2; 32])),
            sas_nonce: SasNonce::new(Secret::take(&mut [3; 32])),
        },
    }
}

fn awaiting() -> Stage {
    Stage::AwaitingOffer {
        offer_hash: Some([8; 32]),
    }
}

fn responded() -> Stage {
    Stage::Responded {
        offer_hash: Some([8; 32]),
    }
}

fn cells(size: u32, count: usize) -> Vec<Cell> {
    let size = CellSize::try_from(size).unwrap();
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    (0..count).map(|_| cover_cell(size, rng)).collect()
}

#[test]
fn what_was_accepted_here_is_no_own_invitation() {
    let mut invitations = Invitations::default();
    invitations.restore(id(1), open(1, true, answered()));
    invitations.restore(id(2), open(2, true, responded()));
    assert!(invitations.find_own(id(1)).is_ok());
    for unknown in [id(2), id(3)] {
        let refused = invitations.find_own(unknown).err();
        assert_eq!(refused, Some(ClientError::InvitationUnknown));
    }
}

#[test]
fn an_invitation_is_known_by_its_secret_alone() {
    let mut invitations = Invitations::default();
    invitations.restore(id(1), open(1, false, awaiting()));
    let secret = |byte| InvitationSecret::new(Secret::take(&mut [byte; 32]));
    assert!(invitations.by_secret(&secret(2)).is_none());
    assert!(invitations.by_secret(&secret(1)).is_some());
}

#[test]
fn what_is_not_there_changes_nothing() {
    let (mut invitations, mut tx) = (Invitations::default(), tx());
    assert!(invitations.update(id(1), &mut tx).is_none());
    assert!(invitations.of_contact(ContactId([1; 8])).is_empty());
    assert!(tx.touched.into_iter().next().is_none());
}

#[test]
fn the_invitations_of_a_contact_are_found() {
    let mut invitations = Invitations::default();
    for (byte, contact) in [(1, Some(1)), (2, Some(2)), (3, None), (4, Some(1))] {
        let mut open = open(byte, true, answered());
        open.contact = contact.map(|byte| ContactId([byte; 8]));
        invitations.restore(id(byte), open);
    }
    assert_eq!(invitations.of_contact(ContactId([1; 8])), [id(1), id(4)]);
}

#[test]
fn the_lobby_is_read_only_while_the_outcome_of_a_qr_enrolment_is_open() {
    let contact = ContactId([1; 8]);
    for (is_qr, contact_is, in_lobby) in [
        (false, None, false),
        (true, None, true),
        (true, Some(ContactState::Pending), true),
        (true, Some(ContactState::Active), false),
        (true, Some(ContactState::Suspect), false),
    ] {
        let (mut invitations, mut contacts) = (Invitations::default(), Contacts::default());
        let mut open = open(1, is_qr, answered());
        open.contact = contact_is.map(|_| contact);
        invitations.restore(id(1), open);
        if let Some(state) = contact_is {
            let mut known = Contact::new(contact, NOW);
            known.state = state;
            contacts.restore(known);
        }
        let open = invitations.open_in_lobby(&contacts).count() == 1;
        assert_eq!(open, in_lobby, "{is_qr} {contact_is:?}");
    }
}

#[test]
fn older_batches_are_wanted_only_while_an_offer_of_a_qr_enrolment_is_missing() {
    for (is_qr, stage, wanted) in [
        (false, awaiting(), false),
        (true, answered(), false),
        (true, responded(), false),
        (true, awaiting(), true),
    ] {
        let mut invitations = Invitations::default();
        invitations.restore(id(1), open(1, is_qr, stage));
        assert_eq!(invitations.await_offer(), wanted);
    }
}

#[test]
fn the_inviter_offers_in_a_qr_invitation_and_the_acceptor_in_a_link() {
    let both = [Direction::FromInviter, Direction::FromAcceptor].as_slice();
    let (inviter, acceptor) = ([both[0]], [both[1]]);
    for (is_qr, stage, is_own, watched) in [
        (true, answered(), true, acceptor.as_slice()),
        (true, awaiting(), false, both),
        (true, responded(), false, both),
        (false, awaiting(), true, &acceptor),
        (false, responded(), true, &acceptor),
        (false, offered(), false, &inviter),
        (false, answered(), false, &[]),
    ] {
        let open = open(1, is_qr, stage);
        let sends = if is_own { inviter } else { acceptor };
        assert_eq!((open.is_own(), open.sends()), (is_own, sends[0]));
        assert_eq!(open.watched(), watched, "{is_qr} {:?}", open.stage);
    }
}

#[test]
fn an_offer_to_a_link_may_be_answered_in_its_last_second() {
    let ends = |is_qr, stage| open(1, is_qr, stage).ends_at(60);
    assert_eq!(ends(false, offered()), NOW.plus(960));
    for (is_qr, stage) in [(true, offered()), (false, answered()), (false, awaiting())] {
        assert_eq!(ends(is_qr, stage), NOW.plus(900));
    }
}

#[test]
fn cells_sealed_for_another_size_take_the_next_counters_and_are_all_known_as_own() {
    let mut open = open(1, true, awaiting());
    assert_eq!((open.next_counter(), open.own_message()), (0, None));
    let (small, large) = (cells(1_024, 2), cells(4_096, 1));
    open.keep_own_cells(&small);
    assert_eq!(open.next_counter(), 2);
    open.keep_own_cells(&large);
    assert_eq!(open.next_counter(), 3);
    let of = |open: &OpenInvitation, size: u32| open.own_cells(size.try_into().unwrap()).len();
    assert_eq!([1_024, 2_048, 4_096].map(|size| of(&open, size)), [2, 0, 1]);
    assert!(
        small
            .iter()
            .chain(&large)
            .all(|cell| open.is_own_cell(cell.as_bytes()))
    );
    assert!(!open.is_own_cell(cells(1_024, 1)[0].as_bytes()));
}

#[test]
fn every_stage_is_the_same_after_a_restart() {
    let first = || Stage::AwaitingOffer { offer_hash: None };
    let migrated = || Stage::Answered {
        response_hash: None,
    };
    let stages: [(fn() -> Stage, usize); 6] = [
        (offered, 1),
        (answered, 1),
        (awaiting, 0),
        (first, 0),
        (responded, 1),
        (migrated, 1),
    ];
    for (stage, sealed) in stages {
        for is_qr in [false, true] {
            let mut open = open(1, is_qr, stage());
            let expected = format!("{:?}", open.stage);
            let is_own = open.is_own();
            open.keep_own_cells(&cells(2_048, sealed));
            let stored = OpenInvitation::from_record(open.to_record());
            assert_eq!(format!("{:?}", stored.stage), expected);
            assert_eq!(stored.is_own(), is_own);
            assert_eq!(stored.next_counter(), sealed as u32);
        }
    }
}

#[test]
fn no_more_is_sealed_than_the_recipient_watches_and_no_counter_twice() {
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    let size = CellSize::DEFAULT;
    let mut open = open(1, true, offered());
    let mut tags = Vec::new();
    for _ in 0..WINDOW {
        let cells = open.seal(size, None, b"offer", rng).unwrap();
        tags.extend(cells.iter().map(Cell::tag));
        open.keep_own_cells(&cells);
    }
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), WINDOW as usize);
    let refused = open.seal(size, None, b"offer", rng);
    assert_eq!(refused.err(), Some(ClientError::Internal));
}

#[test]
fn a_qr_enrolment_goes_through_the_lobby_and_a_link_to_the_peer() {
    let rng = &mut rand_core::UnwrapErr(getrandom::SysRng);
    let peer = *Identity::generate(rng).public();
    let mut contact = Contact::new(ContactId([1; 8]), NOW);
    contact.peer = Some(peer);
    let mut contacts = Contacts::default();
    contacts.restore(contact);
    let (mut qr, mut link) = (open(1, true, responded()), open(2, false, offered()));
    assert_eq!(qr.destination(&contacts), Some(Destination::Lobby));
    assert_eq!(link.destination(&contacts), None, "no peer yet");
    assert!(link.inviter(&contacts).is_none());
    for open in [&mut qr, &mut link] {
        open.contact = Some(ContactId([1; 8]));
    }
    let to_peer = Destination::Bucket(peer.fingerprint());
    assert_eq!(link.destination(&contacts), Some(to_peer));
    assert_eq!(link.inviter(&contacts), Some(&peer));
    assert!(qr.inviter(&contacts).is_none());
    link.stage = responded();
    assert!(
        link.inviter(&contacts).is_none(),
        "a response is for every holder"
    );
}
