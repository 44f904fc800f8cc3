//! How much cover batches get.

use clap::Args;

use crate::cover::CoverRule;

/// Flags about cover.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cover")]
pub struct CoverArgs {
    /// Cover cells added to every batch of a numbered bucket, 0 to 4096. A fixed number carries no
    /// differential-privacy guarantee: the size of a batch shows how many cells were posted
    #[arg(long = "cover", id = "cover", env = "TESSERA_RELAY_COVER", default_value_t = 64, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub cells: u32,
}

impl CoverArgs {
    /// The rule for numbered buckets.
    #[must_use]
    pub fn rule(&self) -> CoverRule {
        CoverRule::Fixed(self.cells)
    }
}
