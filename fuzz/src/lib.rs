//! The implementations of the fuzz targets. `tests/fuzz_smoke.rs` runs them over
//! the seeds in every test run.

pub mod targets;
