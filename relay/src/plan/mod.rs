//! `tessera-relay plan`: the cost and privacy of settings, before deployment.
//!
//! | module | contents |
//! | --- | --- |
//! | [`args`] | the flags, and the settings to compare |
//! | [`figures`] | downloads, disk, delays |
//! | [`privacy_cost`] | ε and δ of messages, visits, days and years of a person |
//! | [`table`] | the plan as a table |
//!
//! Every figure has its unit and its period, and every assumption is printed with
//! it. The JSON has the same numbers, unrounded.

pub mod args;
pub mod figures;
pub mod privacy_cost;
pub mod table;

use serde::Serialize;
use tessera::wire::CoverInfo;

pub use self::args::PlanArgs;
use self::{
    args::{Assumptions, Setting},
    figures::Figures,
    privacy_cost::PrivacyCost,
};

/// An invalid setting.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct PlanError {
    /// The setting.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// A plan: the assumptions, and the figures of each setting.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// The assumptions about people.
    pub assumptions: Assumptions,
    /// One per setting, in the order of selection.
    pub settings: Vec<Column>,
}

/// One setting and its figures.
#[derive(Debug, Serialize)]
pub struct Column {
    /// A profile's name, or `custom`.
    pub name: &'static str,
    /// The claim in `/v1/info`.
    pub cover: CoverInfo,
    /// Bytes, people and seconds.
    pub figures: Figures,
    /// ε and δ.
    pub privacy_cost: PrivacyCost,
    /// The warnings that the relay logs at start.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Computes all selected settings.
    ///
    /// # Errors
    ///
    /// [`PlanError`] for an invalid setting.
    pub fn new(args: &PlanArgs) -> Result<Self, PlanError> {
        let assumptions = args.assumptions();
        let column = |setting: Setting| Column {
            name: setting.name,
            figures: Figures::new(&setting, &assumptions),
            privacy_cost: PrivacyCost::new(&setting, &assumptions),
            warnings: setting.config.warnings(),
            cover: setting.cover.info,
        };
        Ok(Self {
            settings: args.settings()?.into_iter().map(column).collect(),
            assumptions,
        })
    }
}

/// Runs the command: returns the plan as a table or as JSON.
///
/// # Errors
///
/// [`PlanError`] for an invalid setting.
pub fn run(args: &PlanArgs) -> Result<String, PlanError> {
    let plan = Plan::new(args)?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&plan).unwrap_or_default());
    }
    Ok(table::render(&plan))
}

#[cfg(test)]
mod tests;
