//! The privacy cost of messages and of a person's presence in ε and δ, against
//! readers of batches.
//!
//! A slot of a client has the same number of cells for every numbered bucket,
//! whatever is queued (protocol §13). So a message in a slot changes no batch, and
//! neighbouring inputs differ by whole slots: one slot more or less changes the
//! count of every bucket in that epoch.

use serde::Serialize;
use tessera::privacy::{Loss, Noise};

use super::args::{Assumptions, Setting};
use crate::cover::CoverRule;

/// Above this value, ε is meaningless: odds may change by a factor of 22 000.
pub const MEANINGFUL: f64 = 10.0;
const DAYS_OF_A_YEAR: u32 = 365;
/// Slots of a portal in the epoch in which it is opened: one immediately, and one
/// about five minutes later.
const SLOTS_OF_AN_OPENING: u32 = 2;

/// The privacy of a setting against readers of batches.
#[derive(Clone, Debug, Serialize)]
pub struct PrivacyCost {
    /// Costs by unit; empty if the mechanism has no bound.
    pub costs: Vec<Cost>,
    /// An explanation.
    pub note: String,
}

/// The cost of one unit.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// The unit whose presence or absence is compared.
    pub unit: String,
    /// The batches that it changes.
    pub changes: Changes,
    /// The bound against a reader of one bucket.
    pub reader_of_one_bucket: Bound,
    /// The bound against a reader of all buckets, which anyone may be.
    pub reader_of_all_buckets: Bound,
}

/// The batches that a unit changes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// The batches of every bucket, in some epochs.
    EveryBucket(Vec<Change>),
    /// The batch of one bucket, in one epoch.
    OneBucket(Change),
}

/// A number of cells more or less in each of a number of batches of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Cells.
    pub cells: u32,
    /// Batches.
    pub batches: u32,
}

/// A bound: the odds of any observation change by at most e^ε, except with
/// probability δ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// ε; `null` above [`MEANINGFUL`], where there is no meaningful bound.
    pub epsilon: Option<f64>,
    /// δ.
    pub delta: f64,
}

impl PrivacyCost {
    pub(super) fn new(setting: &Setting, people: &Assumptions) -> Self {
        match &setting.cover.rule {
            CoverRule::Noise(noise) => Self {
                costs: costs(noise, setting, people),
                note: "for readers of batches; a message that waits for slots changes no batch, \
                       so what is left to hide is when a portal was open"
                    .to_owned(),
            },
            CoverRule::Constant(cells) => Self::without(format!(
                "sizes of batches tell nothing while at most {cells} cells are posted to a bucket \
                 per epoch; more than that shows after two epochs"
            )),
            _ => Self::without(
                "no bound: sizes of batches show the number of posted cells".to_owned(),
            ),
        }
    }

    const fn without(note: String) -> Self {
        Self {
            costs: Vec::new(),
            note,
        }
    }
}

fn costs(noise: &Noise, setting: &Setting, people: &Assumptions) -> Vec<Cost> {
    let slot = setting.config.message.cells_per_bucket;
    let (openings, hours) = (people.person_openings_per_day, people.open_hours_per_day);
    let later_slots = hours * 3600 / setting.config.epoch.get();
    let at_once = setting.config.message.slots(setting.config.cell_size) * slot;
    let once = |cells| Change { cells, batches: 1 };
    let opening = Change {
        cells: slot * SLOTS_OF_AN_OPENING,
        batches: openings,
    };
    let every = |unit: &str, changes: &[Change]| {
        let changes = Changes::EveryBucket(changes.to_vec());
        cost(unit.to_owned(), changes, noise, setting)
    };
    vec![
        every("a message in slots, of any size", &[]),
        every("an enrolment through the lobby", &[]),
        every("one slot", &[once(slot)]),
        every(&format!("a day with {openings} short visits"), &[opening]),
        every(
            &format!("a day with the portal open for {hours} h"),
            &[
                once(opening.cells),
                Change {
                    cells: slot,
                    batches: later_slots,
                },
            ],
        ),
        every(
            &format!("a year with {openings} short visits a day"),
            &[Change {
                batches: openings.saturating_mul(DAYS_OF_A_YEAR),
                ..opening
            }],
        ),
        every("a message of one cell at once", &[once(slot)]),
        every("a message of the largest size at once", &[once(at_once)]),
        cost(
            "one cell more in one bucket".to_owned(),
            Changes::OneBucket(once(1)),
            noise,
            setting,
        ),
    ]
}

fn cost(unit: String, changes: Changes, noise: &Noise, setting: &Setting) -> Cost {
    let asked = setting.config.cover.budget();
    let least = asked.map_or(0.0, |(budget, _)| budget.delta.get());
    let bound = |changes: &[Change]| bound(noise, changes, least);
    let (reader_of_one_bucket, reader_of_all_buckets) = match &changes {
        Changes::EveryBucket(changes) => {
            let in_all = |change: &Change| Change {
                batches: change.batches.saturating_mul(setting.config.buckets.get()),
                ..*change
            };
            let all: Vec<Change> = changes.iter().map(in_all).collect();
            (bound(changes), bound(&all))
        }
        Changes::OneBucket(change) => (bound(&[*change]), bound(&[*change])),
    };
    Cost {
        unit,
        changes,
        reader_of_one_bucket,
        reader_of_all_buckets,
    }
}

/// Computes the smallest ε by exact composition. δ is the setting's δ for one cell,
/// but at least twice the mass of the ends of the table, below which no ε exists.
fn bound(noise: &Noise, changes: &[Change], least: f64) -> Bound {
    let losses: Vec<(Loss, u32)> = changes
        .iter()
        .filter(|change| change.cells > 0 && change.batches > 0)
        .map(|change| (Loss::of(noise, change.cells), change.batches))
        .collect();
    if losses.is_empty() {
        return Bound {
            epsilon: Some(0.0),
            delta: 0.0,
        };
    }
    let alone = changes
        == [Change {
            cells: 1,
            batches: 1,
        }];
    let delta = if alone {
        least
    } else {
        twice_the_ends(&losses)
    };
    // The cost increases with the number of batches, so a long composition can stop early.
    let is_too_much = |share: u32| {
        let part = compose(&losses, share);
        part.is_some_and(|part| part.delta(MEANINGFUL) > delta)
    };
    let epsilon = if delta >= 1.0 || [64, 16, 4].into_iter().any(is_too_much) {
        None
    } else {
        compose(&losses, 1).and_then(|all| all.epsilon(delta, MEANINGFUL))
    };
    Bound { epsilon, delta }
}

/// Composes all losses, each over the given share of its batches.
fn compose(losses: &[(Loss, u32)], share: u32) -> Option<Loss> {
    losses
        .iter()
        .filter(|(_, batches)| *batches >= share)
        .map(|(one, batches)| one.compose(batches / share))
        .reduce(|all, more| all.and(&more))
}

fn twice_the_ends(losses: &[(Loss, u32)]) -> f64 {
    let inside: f64 = losses
        .iter()
        .map(|(one, batches)| f64::from(*batches) * (-one.unbounded()).ln_1p())
        .sum();
    -2.0 * inside.exp_m1()
}
