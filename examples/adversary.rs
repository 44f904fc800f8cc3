//! A client that enrols like anyone else and then lies, for the end-to-end
//! tests: `cargo run --example adversary -- <invitation>`.
//!
//! It speaks the protocol with the library's own functions, so its cells are
//! found and open. It writes one JSON object per line: `{"name","digits"}`
//! once enrolled, `{"sent"}` once the relay took a cell. It reads one command
//! per line: `honest <text>`, or `forged <text>` for a delivery sealed under
//! the right pairwise keys with a proof by another identity.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test tool on the command line: any failure should end it loudly"
)]

use std::{
    io::{BufRead as _, Write as _},
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;
use tessera::{
    base::{Secret, UnixTime},
    channel::{ChainKey, Direction, MonthKeys, TagKey, TagSlot},
    crypto::{cbor::Deterministic as _, hpke::KemKeyPair},
    enrolment::{
        Binding, Enrolled, Invitation, Name, Offer, Rendezvous, SasNonce, commitment, first_month,
        respond, sas_digits,
    },
    envelope::{
        Body, ContentType, Control, Delivery, DeliveryId, Sealing, Sender, UnprovenDelivery,
        compose, open, seal, split,
    },
    identity::Identity,
    wire::{
        Batch, BucketId, BucketIndex, Cell, InfoAnswer, PostEntry, RelaySettings, compute_bucket,
        paths, post,
    },
};

/// How long it waits for the other side.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() {
    let uri = std::env::args()
        .nth(1)
        .expect("usage: adversary <invitation>");
    let mut mallory = Adversary::enrol(&Invitation::parse(&uri).expect("an invitation"));
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("standard input");
        let (how, text) = line
            .split_once(' ')
            .expect("honest <text> or forged <text>");
        mallory.send(how == "forged", text);
        say(&json!({ "sent": how }));
    }
}

struct Adversary {
    relay: Relay,
    /// Who enrolled.
    me: Identity,
    /// Who proves what is forged.
    stranger: Identity,
    enrolled: Enrolled,
    sending: MonthKeys,
    counter: u32,
    seq: u64,
}

impl Adversary {
    fn enrol(invitation: &Invitation) -> Self {
        let mut rng = rng();
        let relay = Relay::reach(&invitation.relay);
        let (me, stranger) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        let name = Name::new("Mallory").unwrap();
        let rendezvous = Rendezvous::new(&invitation.secret);
        let Binding::Offer(offer_hash) = &invitation.binding else {
            panic!("a QR invitation, through the lobby");
        };

        let (_, offer) = relay.wait_for(
            &rendezvous.tag_key(Direction::FromInviter),
            Rendezvous::DAY.start(),
            &rendezvous.kem,
            &rendezvous.psk,
        );
        let month = first_month(now());
        let (response, enrolled) = respond(
            &invitation.secret,
            offer_hash,
            &offer,
            (&me, &name),
            month,
            &mut rng,
        )
        .expect("an offer to answer");
        let key = rendezvous.tag_key(Direction::FromAcceptor);
        let sealing = Sealing {
            recipient: rendezvous.kem.public(),
            psk: &rendezvous.psk,
            size: relay.info.cell_size,
        };
        for (counter, body) in (0..).zip(split(&response.encode(), sealing.size, &mut rng).unwrap())
        {
            let tag = key.tag(Rendezvous::slot(counter));
            relay.post(
                BucketId::LOBBY,
                seal(&sealing, tag, &body, &mut rng).unwrap(),
            );
        }

        let keys = |direction| {
            let chain = ChainKey::first(&enrolled.shared_seed, direction, month);
            chain.at(now().month()).expect("this month").month_keys()
        };
        let from_inviter = keys(Direction::FromInviter);
        let (slot, bytes) =
            relay.wait_for(&from_inviter.tag_key, now(), me.kem(), &from_inviter.psk);
        let sender = Sender {
            identity: &enrolled.peer,
            seed: &from_inviter.blind_seed,
            slot,
            recipient: &me.public().fingerprint(),
        };
        let confirm = Delivery::decode(vec![bytes])
            .expect("a delivery")
            .verify(&sender, now(), 86_400)
            .unwrap();
        let Some(Control::Confirm(mut nonce)) = Control::decode(&confirm.payload().to_vec()) else {
            panic!("the first delivery is not a confirm");
        };
        let nonce = SasNonce::new(Secret::take(&mut nonce));
        assert_eq!(
            commitment(&nonce),
            Offer::decode(&offer).unwrap().commitment
        );
        let digits = sas_digits(&enrolled.sas, &nonce);
        say(&json!({ "name": name.as_str(), "digits": digits }));
        let sending = keys(Direction::FromAcceptor);
        Self {
            relay,
            me,
            stranger,
            enrolled,
            sending,
            counter: 0,
            seq: 0,
        }
    }

    fn send(&mut self, forged: bool, text: &str) {
        let mut rng = rng();
        let (sent_at, peer) = (now(), self.enrolled.peer);
        let draft = UnprovenDelivery {
            id: &DeliveryId::generate(&mut rng),
            sent_at,
            device: 0,
            seq: self.seq,
            content_type: &ContentType::new("text/plain").unwrap(),
            payload: &text.as_bytes().into(),
        };
        let prover = if forged { &self.stranger } else { &self.me };
        let seed = &self.sending.blind_seed;
        let mut delivery = compose(prover, &peer.fingerprint(), seed, &draft, &mut rng).unwrap();
        delivery.extend_from_slice(text.as_bytes());
        let sealing = Sealing {
            recipient: peer.kem(),
            psk: &self.sending.psk,
            size: self.relay.info.cell_size,
        };
        let bucket = compute_bucket(&peer.fingerprint().0, self.relay.info.buckets);
        for body in split(&delivery, sealing.size, &mut rng).unwrap() {
            let slot = TagSlot {
                day: sent_at.day(),
                device: 0,
                counter: self.counter,
            };
            self.counter += 1;
            self.relay.post(
                bucket,
                seal(&sealing, self.sending.tag_key.tag(slot), &body, &mut rng).unwrap(),
            );
        }
        // What is forged is refused before it counts.
        self.seq += u64::from(!forged);
    }
}

struct Relay {
    url: String,
    info: RelaySettings,
}

impl Relay {
    fn reach(url: &str) -> Self {
        let url = url.trim_end_matches('/').to_owned();
        let info = InfoAnswer::parse(&get(&format!("{url}{}", paths::INFO)).unwrap())
            .unwrap()
            .settings;
        Self { url, info }
    }

    fn post(&self, bucket: BucketId, cell: Cell) {
        let body = post::encode(&[PostEntry { bucket, cell }]).unwrap();
        ureq::post(format!("{}{}", self.url, paths::CELLS))
            .header("content-type", "application/octet-stream")
            .send(&body[..])
            .expect("the relay takes a cell");
    }

    /// Waits for a whole body in the lobby, under one of the first tags of a day.
    fn wait_for(
        &self,
        key: &TagKey,
        day: UnixTime,
        kem: &KemKeyPair,
        psk: &Secret<32>,
    ) -> (TagSlot, Vec<u8>) {
        let slots: Vec<TagSlot> = (0..32)
            .map(|counter| TagSlot {
                day: day.day(),
                device: 0,
                counter,
            })
            .collect();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            for bytes in self.batches(BucketId::LOBBY) {
                let batch = Batch::parse(&bytes).expect("a batch");
                for cell in batch.cells() {
                    let cell = Cell::parse(cell, self.info.cell_size).unwrap();
                    let Some(slot) = slots.iter().find(|slot| key.tag(**slot) == cell.tag()) else {
                        continue;
                    };
                    if let Ok(Body::Whole(bytes)) = open(kem, psk, &cell) {
                        return (*slot, bytes);
                    }
                }
            }
            sleep(Duration::from_millis(500));
        }
        panic!("nothing came within {PATIENCE:?}");
    }

    fn batches(&self, bucket: BucketId) -> Vec<Vec<u8>> {
        let index = get(&format!("{}{}", self.url, paths::index(bucket))).unwrap_or_default();
        let Ok(index) = BucketIndex::parse(&index) else {
            return Vec::new();
        };
        index
            .batches
            .iter()
            .filter_map(|b| {
                get(&format!(
                    "{}{}",
                    self.url,
                    paths::batch(bucket, &b.origin, b.epoch)
                ))
            })
            .collect()
    }
}

fn get(url: &str) -> Option<Vec<u8>> {
    ureq::get(url).call().ok()?.body_mut().read_to_vec().ok()
}

fn now() -> UnixTime {
    UnixTime(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

fn say(line: &serde_json::Value) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}
