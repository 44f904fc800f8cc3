//! A person who reads by tags, two relays, and complete logs of both.

pub(crate) use crate::common::*;

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use tessera::{
    base::UnixTime,
    client::{Answer, Ask, Clock, ContactId, Event, Failure, Mailbox, Round, Task},
    wire::{BatchHeader, Select},
};

/// Bitmaps of each request: the default.
pub(crate) const QUERIES: u8 = 8;

/// A request as a relay sees it, and when. The bitmaps stand apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ticks: u64,
    pub(crate) path: String,
    /// Its body without bitmaps; of a post of cells, its length.
    pub(crate) body: Vec<u8>,
    /// The length of the answer.
    pub(crate) answer: usize,
}

/// All that one relay sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) requests: Vec<Seen>,
    /// The bitmaps of each request for sums, in order.
    pub(crate) bitmaps: Vec<Vec<u8>>,
}

impl Log {
    fn add(&mut self, ticks: u64, path: &str, body: &[u8], answer: Option<&[u8]>) {
        let mut shown = body.to_vec();
        if path.ends_with("/select") {
            let bitmaps = shown.split_off(53);
            self.bitmaps.push(bitmaps);
        } else if !body.is_empty() {
            shown = body.len().to_be_bytes().to_vec();
        }
        self.requests.push(Seen {
            ticks,
            path: path.to_owned(),
            body: shown,
            answer: answer.map_or(0, <[u8]>::len),
        });
    }

    pub(crate) fn paths(&self, part: &str) -> Vec<&str> {
        let paths = self.requests.iter().map(|seen| seen.path.as_str());
        paths.filter(|path| path.contains(part)).collect()
    }
}

/// Random bytes come from dice, random times from none: two runs that draw
/// differently often wait for the same times.
pub(crate) struct Steady(pub(crate) Dice);

impl TryRng for Steady {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(4_711)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(4_711)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(dst)
    }
}

impl TryCryptoRng for Steady {}

/// How the two relays answer.
pub(crate) type Twist<'t> = &'t mut dyn FnMut(&Ask) -> Option<Answer>;

/// Two people who know each other; `b` reads by tags, with a mirror that has
/// everything.
pub(crate) struct Stage {
    pub(crate) relay: Relay,
    /// What the mirror holds; `None` for all that the relay does.
    pub(crate) mirror: Option<Relay>,
    pub(crate) a: Person,
    pub(crate) b: Person,
    pub(crate) b_at_a: ContactId,
    pub(crate) seen: [Log; 2],
    /// Members that were asked in the place of the relay.
    pub(crate) members: Vec<String>,
    /// What the person answers when asked whether to download much.
    pub(crate) agrees: bool,
    pub(crate) confirmed: Vec<(u64, bool)>,
    pub(crate) rng: Steady,
    pub(crate) now: Clock,
}

impl Stage {
    /// The number of the reader's bucket.
    pub(crate) fn own_bucket(&self) -> u32 {
        self.b.client.bucket(Mailbox::Own).unwrap().get()
    }

    pub(crate) fn new() -> Self {
        let (relay, a, mut b, b_at_a, _) = pair();
        b.read_light(QUERIES);
        let now = clock_at(relay.now());
        Self {
            relay,
            mirror: None,
            a,
            b,
            b_at_a,
            seen: [Log::default(), Log::default()],
            members: Vec::new(),
            agrees: true,
            confirmed: Vec::new(),
            rng: Steady(Dice::new(1)),
            now,
        }
    }

    /// A writes messages, which are published in the next batch.
    pub(crate) fn write(&mut self, texts: &[&str]) {
        let now = UnixTime(self.now.wall / 1000);
        for text in texts {
            self.a.send(self.b_at_a, text, now).unwrap();
        }
        self.a.post(&mut self.relay);
    }

    /// The epoch ends.
    pub(crate) fn close(&mut self) {
        self.relay.close();
        let ahead = self.relay.now().0 * 1000 - self.now.wall;
        self.now.wall += ahead;
        self.now.ticks += ahead;
    }

    /// B opens the portal; nothing of the rounds was kept.
    pub(crate) fn open(&mut self) {
        self.b.restart();
        let Person { client, round, .. } = &mut self.b;
        round.start(client, self.now, &mut self.rng);
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        self.run_with(seconds, &mut |_| None);
    }

    /// The portal is open for so long. The relay closes its epochs.
    pub(crate) fn run_with(&mut self, seconds: u64, twist: Twist<'_>) {
        let end = self.now.ticks + seconds * 1000;
        let mut answer = None;
        while self.now.ticks < end {
            let ask = self.b.next(answer.take(), self.now, &mut self.rng);
            if let Ask::Wait(until) = ask {
                let close = (self.relay.epoch + 1) * EPOCH * 1000;
                let until = until.unwrap_or(end).min(end).max(self.now.ticks + 1);
                let passed = (until - self.now.ticks).min(close.saturating_sub(self.now.wall));
                self.now.ticks += passed.max(1);
                self.now.wall += passed.max(1);
                if self.now.wall >= close {
                    self.relay.close();
                }
                continue;
            }
            answer = twist(&ask).or_else(|| self.answer(&ask));
        }
    }

    /// What both relays answer, written to their logs.
    pub(crate) fn answer(&mut self, ask: &Ask) -> Option<Answer> {
        let ticks = self.now.ticks;
        let mirror = self.mirror.as_ref().unwrap_or(&self.relay);
        match ask {
            Ask::Mirror(path) => {
                let got = mirror.get(path, |_| true);
                self.seen[1].add(ticks, path, &[], got.as_deref());
                Some(Answer::Got(got.ok_or(Failure::Missing)))
            }
            Ask::Select {
                path,
                relay: one,
                mirror: other,
            } => {
                let answers = [self.relay.select(path, one), mirror.select(path, other)];
                for (log, (body, got)) in
                    self.seen.iter_mut().zip([one, other].iter().zip(&answers))
                {
                    log.add(ticks, path, body, got.as_deref());
                }
                Some(Answer::Selected(match answers {
                    [Some(one), Some(other)] => Ok([one, other]),
                    _ => Err(Failure::Refused),
                }))
            }
            Ask::Confirm { bytes, tells } => {
                self.confirmed.push((*bytes, *tells));
                Some(Answer::Confirmed(self.agrees))
            }
            Ask::At(member, ask) => {
                self.members.push(member.clone());
                self.answer(ask)
            }
            Ask::Get(path) | Ask::Keep { path, .. } => {
                let answer = self.b.answer(&mut self.relay, ask);
                let got = self.relay.get(path, |_| true);
                self.seen[0].add(ticks, path, &[], got.as_deref());
                answer
            }
            Ask::Post { path, body } => {
                self.seen[0].add(ticks, path, body, None);
                self.b.answer(&mut self.relay, ask)
            }
            ask => self.b.answer(&mut self.relay, ask),
        }
    }

    /// A look outside of the rounds, as `sync()` does.
    pub(crate) fn look(&mut self) {
        self.b.round = Round::default();
        self.b.round.sync(&[Task::Own], false, self.now);
        let mut answer = None;
        loop {
            match self.b.next(answer.take(), self.now, &mut self.rng) {
                Ask::Synced(_) => return,
                Ask::Wait(until) => {
                    let until = until.unwrap();
                    self.now.wall += until - self.now.ticks;
                    self.now.ticks = until;
                }
                ask => answer = self.answer(&ask),
            }
        }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let shown = self.b.events.iter().filter_map(|event| match event {
            Event::Message { message } => message.text.clone(),
            _ => None,
        });
        shown.collect()
    }

    /// Codes of what was refused or told.
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let codes = self.b.events.iter().filter_map(|event| match event {
            Event::Rejected(rejected) => Some(rejected.code),
            Event::Notice(notice) if !notice.cleared => Some(notice.code),
            _ => None,
        });
        codes.collect()
    }

    /// Paths of whole batches and segments of the own bucket that were read.
    pub(crate) fn whole_reads(&self) -> usize {
        let bucket = self.own_bucket();
        let own = format!("/buckets/{bucket}/");
        let paths = self.seen[0].paths(&own).into_iter();
        let whole = paths.filter(|path| path.contains("/batches/") || path.contains("/segments/"));
        whole.filter(|path| !path.ends_with("/tags")).count()
    }

    pub(crate) fn clear_logs(&mut self) {
        self.seen = [Log::default(), Log::default()];
    }

    /// Headers of the bucket that B reads.
    pub(crate) fn own_headers(&self) -> Vec<BatchHeader> {
        let bucket = self.own_bucket();
        let batches = self.relay.batches(bucket);
        batches.map(|(header, _)| header.clone()).collect()
    }
}

/// The places that each bitmap of one relay differs from that of the other in.
pub(crate) fn differences(one: &[u8], other: &[u8], queries: usize) -> Vec<Vec<u32>> {
    let len = one.len() / queries;
    let pairs = one.chunks(len).zip(other.chunks(len));
    pairs
        .map(|(one, other)| {
            let bits = 0..u32::try_from(len * 8).unwrap();
            let bit = |bitmap: &[u8], at: u32| bitmap[at as usize / 8] >> (at % 8) & 1;
            bits.filter(|at| bit(one, *at) != bit(other, *at)).collect()
        })
        .collect()
}

/// The window of a request for sums, from what the log keeps of it.
pub(crate) fn window_of(seen: &Seen) -> (u64, u64, u32) {
    let number = |at: usize| u64::from_be_bytes(seen.body[at..at + 8].try_into().unwrap());
    let count = u32::from_be_bytes(seen.body[48..52].try_into().unwrap());
    assert!(Select::decode(&seen.body, tessera::wire::CellSize::DEFAULT).is_err());
    (number(32), number(40), count)
}
