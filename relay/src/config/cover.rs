//! Flags about the cover of batches, and the claim about it in `/v1/info`.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use tessera::{
    privacy::{Budget, BudgetError, Delta, Epsilon, Noise, gaussian},
    wire::CoverInfo,
};

use crate::cover::CoverRule;

/// Kinds of cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// A random number per batch, so that (epsilon, delta) holds for the cells of one batch
    #[default]
    Laplace,
    /// The same for cells in several batches together, where it needs less cover than Laplace
    Gaussian,
    /// Every batch has the same size unless more cells are posted; surplus cells wait
    Constant,
    /// The same number in every batch, for tests: gives no bound
    Fixed,
}

/// Flags about cover.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Cover of the numbered buckets")]
pub struct CoverArgs {
    /// Mechanism that determines the number of cover cells of a batch [default: laplace]
    #[arg(long = "cover", value_name = "MECHANISM")]
    pub mechanism: Option<Mechanism>,

    /// Epsilon, 0.001 to 10: e^epsilon is the factor by which the cells in question may change
    /// the odds of any batch size. Unit: per --cover-traffic-sensitivity cells in one batch
    /// (laplace), or in each of --cover-traffic-batches batches (gaussian) [default: 0.1 for
    /// laplace, 1 for gaussian]
    #[arg(long = "cover-traffic-epsilon", value_name = "EPSILON")]
    pub epsilon: Option<Epsilon>,

    /// Delta, 1e-12 to 0.01: the probability with which epsilon does not hold. Unit: as for epsilon
    /// [default: 1e-6]
    #[arg(long = "cover-traffic-delta", value_name = "DELTA")]
    pub delta: Option<Delta>,

    /// Cells of one batch that are hidden together, 1 to 4096 [default: 1]
    #[arg(long = "cover-traffic-sensitivity", value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub sensitivity: Option<u32>,

    /// Batches that are hidden together, 1 to 365; with gaussian only [default: 10]
    #[arg(long = "cover-traffic-batches", value_name = "BATCHES",
        value_parser = clap::value_parser!(u32).range(1..=365))]
    pub batches: Option<u32>,

    /// Cells of every batch (constant), or cover cells added to every batch (fixed), up to 4096;
    /// only with these two [default: 64]
    #[arg(long = "cover-cells", value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub cells: Option<u32>,
}

/// Inconsistent flags about cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoverError {
    /// A flag of another mechanism.
    #[error("--{flag} has no meaning with --cover {mechanism}")]
    Meaningless {
        /// The flag.
        flag: &'static str,
        /// The mechanism.
        mechanism: &'static str,
    },
    /// Batches without cells.
    #[error("--cover-cells: a constant batch must have at least one cell")]
    Empty,
    /// A budget that cannot be met.
    #[error("--cover-traffic-…: {0}")]
    Budget(#[from] BudgetError),
}

/// The cover of a running relay: the rule, and the claim about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// The composition of batches.
    pub rule: CoverRule,
    /// The claim in `/v1/info`.
    pub info: CoverInfo,
}

impl Mechanism {
    /// The name on the command line and in `/v1/info`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Laplace => "laplace",
            Self::Gaussian => "gaussian",
            Self::Constant => "constant",
            Self::Fixed => "fixed",
        }
    }

    const fn takes(self, flag: &str) -> bool {
        let noise = matches!(self, Self::Laplace | Self::Gaussian);
        match flag.as_bytes() {
            b"cover-cells" => !noise,
            b"cover-traffic-batches" => matches!(self, Self::Gaussian),
            _ => noise,
        }
    }
}

impl CoverArgs {
    /// The selected mechanism.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism.unwrap_or_default()
    }

    /// The budget, and the number of batches it covers together; `None` for
    /// mechanisms without a budget.
    #[must_use]
    pub fn budget(&self) -> Option<(Budget, u32)> {
        let (epsilon, batches) = match self.mechanism() {
            Mechanism::Laplace => ("0.1", 1),
            Mechanism::Gaussian => ("1", self.batches.unwrap_or(10)),
            Mechanism::Constant | Mechanism::Fixed => return None,
        };
        let budget = Budget {
            epsilon: self.epsilon.or_else(|| epsilon.parse().ok())?,
            delta: self.delta.or_else(|| "1e-6".parse().ok())?,
            sensitivity: self.sensitivity.unwrap_or(1),
        };
        Some((budget, batches))
    }

    /// Builds the rule, including the table of a distribution.
    ///
    /// # Errors
    ///
    /// One of [`CoverError`].
    pub fn build(&self) -> Result<Cover, CoverError> {
        let mechanism = self.mechanism();
        for (flag, is_given) in [
            ("cover-traffic-epsilon", self.epsilon.is_some()),
            ("cover-traffic-delta", self.delta.is_some()),
            ("cover-traffic-sensitivity", self.sensitivity.is_some()),
            ("cover-traffic-batches", self.batches.is_some()),
            ("cover-cells", self.cells.is_some()),
        ] {
            if is_given && !mechanism.takes(flag) {
                let mechanism = mechanism.name();
                return Err(CoverError::Meaningless { flag, mechanism });
            }
        }
        let cells = self.cells.unwrap_or(64);
        let rule = match (mechanism, self.budget()) {
            (Mechanism::Laplace, Some((budget, _))) => noise(Noise::laplace(&budget)?),
            (Mechanism::Gaussian, Some((budget, batches))) => {
                noise(gaussian(&budget, batches)?.noise)
            }
            (Mechanism::Fixed, _) => CoverRule::Fixed(cells),
            _ if cells == 0 => return Err(CoverError::Empty),
            _ => CoverRule::Constant(cells),
        };
        let info = self.info(&rule);
        Ok(Cover { rule, info })
    }

    fn info(&self, rule: &CoverRule) -> CoverInfo {
        let budget = self.budget();
        let (cells, mean) = match rule {
            CoverRule::Noise(noise) => (None, Some(noise.mean())),
            CoverRule::Fixed(cells) => (Some(*cells), Some(*cells)),
            CoverRule::Constant(cells) => (Some(*cells), None),
            CoverRule::FillTo(_) => (None, None),
        };
        CoverInfo {
            mechanism: self.mechanism().name().to_owned(),
            cells,
            epsilon: budget.map(|(budget, _)| budget.epsilon.get()),
            delta: budget.map(|(budget, _)| budget.delta.get()),
            sensitivity: budget.map(|(budget, _)| budget.sensitivity),
            batches: budget.map(|(_, batches)| batches),
            mean: mean.map(f64::from),
            note: Some(note(self.mechanism()).to_owned()),
        }
    }
}

fn noise(noise: Noise) -> CoverRule {
    CoverRule::Noise(Arc::new(noise))
}

const fn note(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Laplace => {
            "epsilon and delta are for readers of batches, per `sensitivity` cells added to or \
             removed from one batch; a moved cell costs twice as much; nothing is hidden from the \
             relay itself"
        }
        Mechanism::Gaussian => {
            "epsilon and delta are for readers of batches, per `sensitivity` cells added to or \
             removed from each of `batches` batches; nothing is hidden from the relay itself"
        }
        Mechanism::Constant => {
            "every batch has `cells` cells, and its size reveals nothing, if no more are posted \
             per epoch; surplus cells wait up to two epochs, then the batch visibly grows to the \
             next multiple; anyone who may post can probe this"
        }
        Mechanism::Fixed => {
            "the same number of cover cells in every batch; no differential-privacy guarantee: \
             the size of a batch reveals how many cells were posted"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        cover: CoverArgs,
    }

    fn build(flags: &str) -> Result<Cover, String> {
        let line = ["x"].into_iter().chain(flags.split_whitespace());
        let cover = Line::try_parse_from(line)
            .map_err(|error| error.to_string())?
            .cover;
        cover.build().map_err(|error| error.to_string())
    }

    #[test]
    fn inapplicable_flags_and_impossible_budgets_are_refused() {
        for (flags, reason) in [
            ("--cover 64", "invalid value '64'"),
            (
                "--cover-cells 64",
                "--cover-cells has no meaning with --cover laplace",
            ),
            ("--cover gaussian --cover-cells 64", "no meaning"),
            (
                "--cover-traffic-batches 10",
                "--cover-traffic-batches has no meaning",
            ),
            (
                "--cover constant --cover-traffic-epsilon 0.1",
                "no meaning with --cover constant",
            ),
            ("--cover constant --cover-traffic-delta 1e-6", "no meaning"),
            (
                "--cover fixed --cover-traffic-sensitivity 2",
                "no meaning with --cover fixed",
            ),
            ("--cover constant --cover-cells 0", "at least one cell"),
            ("--cover constant --cover-cells 4097", "0..=4096"),
            (
                "--cover-traffic-epsilon 0",
                "epsilon is a decimal from 0.001 to 10",
            ),
            ("--cover-traffic-epsilon 11", "from 0.001 to 10"),
            (
                "--cover-traffic-delta 0.5",
                "delta is a decimal from 1e-12 to 0.01",
            ),
            ("--cover-traffic-sensitivity 0", "1..=4096"),
            (
                "--cover-traffic-epsilon 0.001",
                "more than 4096 cells of mean cover",
            ),
            ("--cover gaussian --cover-traffic-batches 0", "1..=365"),
        ] {
            let error = build(flags).unwrap_err();
            assert!(error.contains(reason), "{flags}: {error}");
        }
    }

    #[test]
    fn info_has_figures_only_if_there_is_a_bound() {
        let laplace = build("").unwrap().info;
        assert_eq!(
            (laplace.mechanism.as_str(), laplace.epsilon, laplace.delta),
            ("laplace", Some(0.1), Some(1e-6))
        );
        assert_eq!((laplace.sensitivity, laplace.batches), (Some(1), Some(1)));
        assert_eq!((laplace.mean, laplace.cells), (Some(109.0), None));
        let gaussian = build("--cover gaussian").unwrap().info;
        assert_eq!(
            (gaussian.epsilon, gaussian.batches, gaussian.mean),
            (Some(1.0), Some(10), Some(72.0))
        );
        for (flags, mean) in [("--cover constant", None), ("--cover fixed", Some(64.0))] {
            let info = build(flags).unwrap().info;
            assert_eq!((info.epsilon, info.delta), (None, None), "{flags}");
            assert_eq!((info.sensitivity, info.batches), (None, None), "{flags}");
            assert_eq!((info.cells, info.mean), (Some(64), mean), "{flags}");
        }
    }

    #[test]
    fn tables_match_the_documents() {
        for (flags, most) in [
            ("", 218),
            ("--cover-traffic-epsilon 0.25", 94),
            ("--cover-traffic-delta 1e-9", 356),
            ("--cover-traffic-sensitivity 2", 434),
            ("--cover constant --cover-cells 100", 100),
            ("--cover fixed --cover-cells 0", 0),
        ] {
            assert_eq!(build(flags).unwrap().rule.most(), most, "{flags}");
        }
    }
}
