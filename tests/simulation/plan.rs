//! What a seed decides before anything happens.

use crate::common::Dice;

/// Who takes part in a run, and what fails in it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) people: usize,
    pub(crate) steps: usize,
    pub(crate) withholding: Withholding,
    pub(crate) restart: Restart,
    /// Somebody puts forged cells, copies and altered cells into mailboxes.
    pub(crate) adversary: bool,
    /// People stay away for weeks.
    pub(crate) months: bool,
    /// Contacts are removed.
    pub(crate) removals: bool,
    /// The relay states what is out of range.
    pub(crate) lies: bool,
}

/// What the relay does with batches that it should publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withholding {
    Never,
    /// They come after all, and answers come in any order.
    Late,
    ForEver,
}

/// What befalls the relay once in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    None,
    /// Killed and started again: what was answered with 202 is there.
    Killed,
    /// Killed when some of the mailboxes were closed and some not.
    AmidClose,
    /// Its disk was lost: an older copy goes on under a new key.
    Restored,
}

impl Plan {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        Self {
            seed,
            people: 2 + dice.below(4),
            steps: 60 + dice.below(120),
            withholding: *dice.pick(&[
                Withholding::Never,
                Withholding::Never,
                Withholding::Late,
                Withholding::ForEver,
            ]),
            restart: *dice.pick(&[
                Restart::None,
                Restart::Killed,
                Restart::AmidClose,
                Restart::Restored,
            ]),
            adversary: dice.chance(40),
            months: dice.chance(30),
            removals: dice.chance(30),
            lies: dice.chance(30),
        }
    }

    /// Whether nothing may be lost for good.
    pub(crate) fn lossless(&self) -> bool {
        let comes = match self.withholding {
            Withholding::Never => true,
            // Within a few weeks; over months it may leave retention.
            Withholding::Late => !self.months,
            Withholding::ForEver => false,
        };
        comes && self.restart != Restart::Restored
    }

    /// Whether what one sends arrives in the order it was sent. A message of
    /// several cells whose batch comes late is shown when it is whole, after
    /// what was sent later: nothing waits for it.
    pub(crate) fn ordered(&self) -> bool {
        self.withholding != Withholding::Late
    }
}
