//! Exact differential privacy for the number of cells in a batch.
//!
//! A relay adds N cover cells to every batch. What a batch's size then tells
//! about any one cell is bounded by (ε, δ): for two sets of posted cells that
//! differ by `sensitivity` cells in one batch, every event has probabilities
//! p ≤ e^ε·q + δ. `docs/relay.md`, "Cover".
//!
//! | part | what it is |
//! | --- | --- |
//! | [`budget`] | ε, δ and sensitivity as exact decimals |
//! | [`mechanism`] | the distribution of N as a table of integers, and the draw |
//! | [`calibrate`] | the cheapest Gaussian for a target over several batches |
//! | [`accountant`] | what several cells in several batches cost together |
//!
//! Tables are built and drawn from in integers, so that what is claimed is
//! a property of the table itself; only the accountant, which plans and
//! reports, computes in floating point.

pub mod accountant;
pub mod budget;
pub mod calibrate;
pub mod mechanism;

pub use accountant::Loss;
pub use budget::{Budget, BudgetError, Delta, Epsilon};
pub use calibrate::{Gaussian, gaussian};
pub use mechanism::{MOST_MEAN, Noise, Sigma};
