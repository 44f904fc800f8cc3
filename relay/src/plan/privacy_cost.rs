//! What cells, days and years of a person cost in ε and δ.

use serde::Serialize;
use tessera::privacy::{Loss, Noise};

use super::{
    args::{Assumptions, Setting},
    figures::attachment,
};
use crate::cover::CoverRule;

/// Above this an ε says nothing: odds may change by a factor of 22 000.
pub const MEANINGFUL: f64 = 10.0;
const DAYS_OF_A_YEAR: u32 = 365;

/// What a setting is worth against readers of batches.
#[derive(Clone, Debug, Serialize)]
pub struct PrivacyCost {
    /// Costs by unit; empty without a mechanism that has a bound.
    pub costs: Vec<Cost>,
    /// What else there is to say.
    pub note: String,
}

/// What one unit costs.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Whose presence or absence is compared.
    pub unit: &'static str,
    /// W: cells in one batch.
    pub cells_per_batch: u32,
    /// k: batches.
    pub batches: u32,
    /// ε, `null` when it is above [`MEANINGFUL`]: no meaningful bound.
    pub epsilon: Option<f64>,
    /// δ.
    pub delta: f64,
}

impl PrivacyCost {
    pub(super) fn new(setting: &Setting, people: &Assumptions) -> Self {
        let slot = setting.config.message.slot_cells;
        match &setting.cover.rule {
            CoverRule::Noise(noise) => Self {
                costs: costs(noise, slot, setting, people),
                note: "for readers of batches; per cell it does not cover an attachment, a person \
                       or a year: those are the other rows"
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

fn costs(noise: &Noise, slot: u32, setting: &Setting, people: &Assumptions) -> Vec<Cost> {
    let (w, k) = (people.person_cells_per_batch, people.person_batches_per_day);
    let (_, attachment) = attachment(&setting.config);
    let attachment = u32::try_from(attachment).unwrap_or(u32::MAX);
    let asked = setting.config.cover.budget();
    let delta = asked.map_or(0.0, |(budget, _)| budget.delta.get());
    let (cell, person) = (Loss::of(noise, 1), Loss::of(noise, w));
    let year = k.saturating_mul(DAYS_OF_A_YEAR);
    vec![
        cost("one cell", (&cell, 1, 1), delta),
        // Taken from one batch and added to another.
        cost("one moved cell", (&cell, 1, 2), 2.0 * delta - delta * delta),
        cost(
            "one person-day",
            (&person, w, k),
            twice_the_ends(&person, k),
        ),
        cost(
            "one person-year",
            (&person, w, year),
            twice_the_ends(&person, year),
        ),
        {
            let slots = Loss::of(noise, slot);
            let delta = twice_the_ends(&slots, attachment);
            cost("one attachment", (&slots, slot, attachment), delta)
        },
    ]
}

/// A δ that leaves room for an ε: twice what the ends of the table cost over
/// so many batches, below which no ε holds.
fn twice_the_ends(one: &Loss, batches: u32) -> f64 {
    -2.0 * (f64::from(batches) * (-one.unbounded()).ln_1p()).exp_m1()
}

/// The least ε for that δ, for k batches with W cells each, by composition.
fn cost(unit: &'static str, (one, cells, batches): (&Loss, u32, u32), delta: f64) -> Cost {
    // More batches cost more: most of a long composition can be spared.
    let is_too_much = |share: u32| {
        let part = batches / share;
        share > 1 && part > 1 && one.compose(part).delta(MEANINGFUL) > delta
    };
    let epsilon = if delta >= 1.0 || [64, 16, 4].into_iter().any(is_too_much) {
        None
    } else {
        one.compose(batches).epsilon(delta, MEANINGFUL)
    };
    Cost {
        unit,
        cells_per_batch: cells,
        batches,
        epsilon,
        delta,
    }
}
