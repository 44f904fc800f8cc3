//! `tessera-relay plan`: what a choice costs and gives, before anyone
//! deploys it.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`args`] | the flags, and the settings that stand side by side |
//! | [`figures`] | downloads, disk, delays: plain arithmetic |
//! | [`privacy_cost`] | what messages, visits, days and years of a person cost in ε and δ |
//! | [`table`] | the same for people |
//!
//! Everything has its unit and its period, and every assumption is printed
//! with it. The JSON has the same numbers, unrounded.

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

/// A setting that could not run.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct PlanError {
    /// The setting.
    pub name: &'static str,
    /// Why.
    pub reason: String,
}

/// A plan: what was assumed, and what follows for each setting.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// What was assumed of people.
    pub assumptions: Assumptions,
    /// One per setting, in the order asked for.
    pub settings: Vec<Column>,
}

/// One setting and what follows from it.
#[derive(Debug, Serialize)]
pub struct Column {
    /// A profile's name, or `custom`.
    pub name: &'static str,
    /// As `/v1/info` would say it.
    pub cover: CoverInfo,
    /// Bytes, people and seconds.
    pub figures: Figures,
    /// ε and δ.
    pub privacy_cost: PrivacyCost,
    /// What to reconsider, as the relay says it at start.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Works out all settings asked for.
    ///
    /// # Errors
    ///
    /// [`PlanError`] when a setting could not run.
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

/// The command: the plan as a table, or as JSON.
///
/// # Errors
///
/// [`PlanError`] when a setting could not run.
pub fn run(args: &PlanArgs) -> Result<String, PlanError> {
    let plan = Plan::new(args)?;
    if args.json {
        return Ok(serde_json::to_string_pretty(&plan).unwrap_or_default());
    }
    Ok(table::render(&plan))
}

#[cfg(test)]
mod tests;
