//! Exact differential privacy for the number of cells in a batch.
//!
//! A relay adds N cover cells to every batch. What the size of a batch reveals
//! about a cell is then bounded by (ε, δ): for two sets of posted cells that
//! differ by `sensitivity` cells in one batch, every event has probabilities
//! p ≤ e^ε·q + δ. `docs/relay.md`, "Cover".
//!
//! | module | contents |
//! | --- | --- |
//! | [`budget`] | ε, δ and sensitivity as exact decimals |
//! | [`mechanism`] | the distribution of N as a table of integers, and sampling |
//! | [`calibrate`] | the cheapest Gaussian for a target over several batches |
//! | [`accountant`] | the joint cost of several cells in several batches |
//!
//! Tables are built and sampled in integer arithmetic, so that (ε, δ) is a
//! property of the table itself. Only the accountant, which is used for planning
//! and reports, uses floating point.

pub mod accountant;
pub mod budget;
pub mod calibrate;
pub mod mechanism;

pub use accountant::Loss;
pub use budget::{Budget, BudgetError, Delta, Epsilon};
pub use calibrate::{Gaussian, gaussian};
pub use mechanism::{MOST_MEAN, Noise, Sigma};
