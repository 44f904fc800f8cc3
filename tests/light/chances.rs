//! Weeks lived through by chance: clients killed between any two steps,
//! requests that fail, a mirror that lags, relays that make segments. In the
//! end every message was shown once.

use std::collections::BTreeMap;

use tessera::client::{Answer, Ask, Failure, Round, Task};

use crate::stage::*;

struct Life {
    stage: Stage,
    dice: Dice,
    written: Vec<String>,
    faults: bool,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut stage = Stage::new();
        stage.relay.segments = dice.chance(70);
        stage.agrees = dice.chance(50);
        stage.rng = Steady(Dice::new(!seed));
        Self {
            stage,
            dice,
            written: Vec::new(),
            faults: true,
        }
    }

    fn write(&mut self) {
        let lengths = [10, 10, 10, 9_000, 40_000];
        let filler = "x".repeat(*self.dice.pick(&lengths));
        let text = format!("{} {filler}", self.written.len());
        self.stage.write(&[&text]);
        self.written.push(text);
    }

    /// One look, unless it is killed. Gives whether it ended.
    fn look(&mut self) -> bool {
        let clock = self.stage.now;
        self.stage.b.round.sync(&[Task::Own], false, clock);
        let mut answer = None;
        loop {
            let now = self.stage.now;
            let ask = self.stage.b.next(answer.take(), now, &mut self.stage.rng);
            if self.faults && self.dice.chance(1) {
                self.stage.b.restart();
                return false;
            }
            match ask {
                Ask::Synced(synced) => return synced.failed.is_none(),
                Ask::Wait(until) => {
                    let until = until.unwrap();
                    self.stage.now.wall += until - now.ticks;
                    self.stage.now.ticks = until;
                }
                ask => answer = self.fault(&ask).or_else(|| self.stage.answer(&ask)),
            }
        }
    }

    fn fault(&mut self, ask: &Ask) -> Option<Answer> {
        if !self.faults || !self.dice.chance(2) {
            return None;
        }
        let failure = *self.dice.pick(&[Failure::Missing, Failure::Unavailable(0)]);
        match ask {
            Ask::Get(_) | Ask::Mirror(_) => Some(Answer::Got(Err(failure))),
            Ask::Keep { .. } => Some(Answer::Kept(Err(failure))),
            Ask::Select { .. } => Some(Answer::Selected(Err(Failure::Refused))),
            _ => None,
        }
    }

    fn step(&mut self) {
        for _ in 0..self.dice.below(3) {
            self.write();
        }
        if self.dice.chance(15) {
            self.stage.mirror = Some(self.stage.relay.clone());
        } else if self.dice.chance(50) {
            self.stage.mirror = None;
        }
        let away = self.dice.chance(4);
        for _ in 0..if away {
            100 + self.dice.below(400)
        } else {
            self.dice.below(4)
        } {
            self.stage.close();
        }
        if self.dice.chance(60) {
            self.look();
        }
        if self.dice.chance(10) {
            self.stage.b.restart();
        }
        if self.dice.chance(5) {
            // Whole reading for a time.
            let queries = self.stage.b.queries.map_or(Some(QUERIES), |_| None);
            self.stage.b.queries = queries;
            self.stage.b.restart();
        }
    }

    fn settle(&mut self) {
        self.faults = false;
        self.stage.mirror = None;
        self.stage.b.queries = Some(QUERIES);
        self.stage.b.restart();
        for _ in 0..40 {
            self.stage.close();
            self.stage.b.round = Round::default();
            assert!(self.look());
        }
    }

    fn check(&self, seed: u64) {
        let mut shown = BTreeMap::<String, usize>::new();
        for text in self.stage.texts() {
            *shown.entry(text).or_default() += 1;
        }
        for text in &self.written {
            let number = text.split(' ').next().unwrap();
            assert_eq!(shown.get(text), Some(&1), "seed {seed}: message {number}");
        }
        assert_eq!(shown.len(), self.written.len());
        assert_eq!(self.stage.b.client.cells_to_retrieve(), 0, "seed {seed}");
        let unexpected: Vec<_> = self
            .stage
            .codes()
            .into_iter()
            .filter(|code| !["MIRROR_UNREACHABLE", "STALLED", "BATCH_INVALID"].contains(code))
            .collect();
        assert_eq!(unexpected, [""; 0], "seed {seed}");
        self.stage.b.assert_memory_is_stored();
    }
}

#[test]
fn every_message_is_shown_once_whatever_fails() {
    let mut written = 0;
    for seed in 0..8 {
        let mut life = Life::new(seed);
        for _ in 0..50 {
            life.step();
        }
        life.settle();
        life.check(seed);
        written += life.written.len();
    }
    assert!(written > 250, "{written} messages");
}
