//! The bodies of the fuzz targets. `tests/fuzz_smoke.rs` runs the same code
//! over the seeds on every build.

pub mod targets;
