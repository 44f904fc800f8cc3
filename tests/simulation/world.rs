//! One run: what happens, and when.

use std::collections::{BTreeSet, HashMap};

use crate::{
    common::{Backup, DAY, Dice, EPOCH, NOW, Relay},
    outcome::Outcome,
    people::{Actor, Link},
    plan::{Plan, Restart, Withholding},
};
use sha2::{Digest as _, Sha256};
use tessera::{
    base::UnixTime,
    wire::{BucketCount, CellSize},
};

/// No clock is further off than this: together with a post that is repeated
/// for 12 h, a relay that was down for one and its clock, less than a day.
const MOST_SKEW: i64 = 9 * 3_600;
/// Nobody stays away for longer: a relay keeps batches for 60 days.
const LONGEST_ABSENCE: u64 = 45 * DAY;

/// The client was killed: what was not committed is gone.
pub(crate) struct Killed;

pub(crate) type Step = Result<(), Killed>;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) now: u64,
    pub(crate) relay: Relay,
    /// Epochs whose batches the relay does not list.
    pub(crate) withheld: BTreeSet<u64>,
    /// Epochs whose batches the relay lists and alters, for ever.
    pub(crate) altered: BTreeSet<u64>,
    pub(crate) people: Vec<Actor>,
    pub(crate) links: Vec<Link>,
    /// Every cell that ever left a client, by its tag.
    pub(crate) tags: HashMap<[u8; 16], [u8; 32]>,
    pub(crate) faults: bool,
    /// Everyone knows person 0: from here on the relay may withhold batches.
    met: bool,
    pub(crate) written: u64,
    pub(crate) outcome: Outcome,
    pub(crate) history: Sha256,
    /// Tells all that is shown to anyone: for a seed that is replayed.
    pub(crate) verbose: bool,
    backup: Option<Backup>,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut dice = Dice::new(!plan.seed);
        let mut relay = Relay::seeded(Dice::new(plan.seed ^ (1 << 63)));
        relay.buckets = BucketCount::try_from(2).unwrap();
        relay.size = CellSize::try_from(*dice.pick(&[1_024, 2_048, 2_048, 4_096])).unwrap();
        relay.per_bucket = 1 + dice.below(2) as u32;
        relay.cover = 1;
        relay.expires = true;
        let people = (0..plan.people).map(|i| Actor::new(i, &mut dice)).collect();
        Self {
            plan,
            dice,
            now: NOW.0,
            relay,
            withheld: BTreeSet::new(),
            altered: BTreeSet::new(),
            people,
            links: Vec::new(),
            tags: HashMap::new(),
            faults: true,
            met: false,
            written: 0,
            outcome: Outcome::default(),
            history: Sha256::new(),
            verbose: std::env::var_os("TESSERA_SIMULATION_SEED").is_some(),
            backup: None,
        }
    }

    /// Everyone meets person 0; weeks or months are lived through; what is
    /// under way settles; and it is seen whether all holds.
    pub(crate) fn run(mut self) -> Outcome {
        if self.verbose {
            eprintln!("{:?}", self.plan);
        }
        self.meet();
        self.met = true;
        let restart_at = 20 + self.dice.below(self.plan.steps - 20);
        let backup_at = self.dice.below(restart_at);
        for step in 0..self.plan.steps {
            if step == backup_at && self.plan.restart == Restart::Restored {
                self.backup = Some(self.relay.backup());
            }
            if step == restart_at {
                self.restart_relay();
            }
            self.something_happens();
        }
        self.settle();
        self.check();
        self.outcome.trace = self.history.finalize().into();
        self.outcome
    }

    fn something_happens(&mut self) {
        let person = self.dice.below(self.people.len());
        let _ = match self.dice.below(100) {
            0..=24 => self.send(person),
            25..=51 => self.pull(person),
            52..=77 => self.post(person),
            78..=86 => self.tick(person),
            87..=91 => self.go_on_enrolling(),
            92..=93 => self.invite_somebody(person),
            94 if self.plan.removals => self.remove_somebody(person),
            94 | 95 => self.take_back(person),
            _ if self.plan.adversary => self.inject(),
            _ => Ok(()),
        };
        if self.dice.chance(30) {
            self.close();
        }
        if self.dice.chance(3) {
            self.everybody_away();
        }
        if self.plan.lies && self.dice.chance(5) {
            self.lie(person);
        }
        if self.dice.chance(5) {
            let hours = self.dice.below(2 * MOST_SKEW as usize) as i64;
            self.people[person].skew = hours - MOST_SKEW;
        }
    }

    pub(crate) fn close(&mut self) {
        self.relay.close();
        self.now = self.relay.epoch * EPOCH + 60;
        if !self.faults {
            return;
        }
        if self.met && self.plan.withholding != Withholding::Never && self.dice.chance(10) {
            self.withheld.insert(self.relay.epoch);
        }
        if self.met && self.plan.withholding == Withholding::ForEver && self.dice.chance(5) {
            self.altered.insert(self.relay.epoch);
        }
        if self.plan.withholding == Withholding::Late && self.dice.chance(10) {
            self.withheld.clear();
        }
        if self.dice.chance(2) {
            // Its clock is set, by a fraction of an epoch.
            self.relay.clock = self.dice.below(EPOCH as usize) as i64;
        }
    }

    /// Days pass with every portal closed; the relay publishes what it has.
    fn everybody_away(&mut self) {
        let days = if self.plan.months && self.dice.chance(50) {
            10 + self.dice.below(18)
        } else {
            1 + self.dice.below(6)
        };
        let seconds = days as u64 * DAY;
        for person in 0..self.people.len() {
            if self.now + seconds > self.people[person].last_pull + LONGEST_ABSENCE {
                self.until_done(person, |world| world.pull(person));
            }
        }
        self.close();
        self.pass(seconds);
    }

    /// Time passes and no epoch ends: the next batch has a higher number.
    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.relay.epoch = self.now / EPOCH;
    }

    fn restart_relay(&mut self) {
        match self.plan.restart {
            Restart::None => return,
            Restart::Killed => {}
            Restart::AmidClose => {
                let mut mailboxes = self.relay.mailboxes();
                mailboxes.truncate(self.dice.below(mailboxes.len()));
                self.relay.epoch += 1;
                self.relay.close_mailboxes(&mailboxes);
                self.now = self.relay.epoch * EPOCH + 60;
            }
            Restart::Restored => {
                let backup = self.backup.take().unwrap();
                self.relay.restore(backup);
                self.outcome.relay_restores += 1;
            }
        }
        self.outcome.relay_restarts += 1;
        let downtime = 60 + self.dice.below(3_600) as u64;
        self.pass(downtime);
    }

    /// Nothing fails any more: everything under way arrives. One more message
    /// each, so that what was lost before it shows as a missing number.
    fn settle(&mut self) {
        self.faults = false;
        self.relay.clock = 0;
        if self.plan.withholding == Withholding::Late {
            self.withheld.clear();
        }
        for actor in &mut self.people {
            actor.skew = 0;
            actor.restart();
        }
        // Some of it waits for the counters of another day.
        for _ in 0..3 {
            self.everybody_at_work(4);
            self.pass(DAY);
        }
        self.everybody_writes();
        self.everybody_at_work(4);
        // What no receipt came for is shown as undelivered by now.
        self.pass(8 * DAY);
        self.everybody_at_work(2);
    }

    fn everybody_at_work(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.one_round();
        }
    }

    fn one_round(&mut self) {
        for person in 0..self.people.len() {
            let done = self
                .pull(person)
                .and_then(|()| self.compare_digits(person))
                .and_then(|()| self.flush(person));
            assert!(done.is_ok());
        }
        self.close();
    }

    /// Repeats a step until it was not killed on the way; its own commit may
    /// have been the last thing it did.
    pub(crate) fn until_done(&mut self, person: usize, mut step: impl FnMut(&mut Self) -> Step) {
        let faults = std::mem::replace(&mut self.faults, false);
        assert!(step(self).is_ok());
        self.faults = faults;
        if self.dice.chance(30) {
            self.kill(person);
        }
    }

    pub(crate) fn may_be_killed(&mut self, person: usize) -> Step {
        if self.faults && self.dice.chance(2) {
            self.kill(person);
            return Err(Killed);
        }
        Ok(())
    }

    fn kill(&mut self, person: usize) {
        self.people[person].restart();
        self.outcome.kills += 1;
    }

    pub(crate) fn clock(&self, person: usize) -> UnixTime {
        UnixTime(self.now.saturating_add_signed(self.people[person].skew))
    }
}
