//! What is watched for, what was opened, and what is still incomplete.

mod reassembly;
mod tags;

pub(crate) use reassembly::{Key, Unfinished};
pub(crate) use tags::{Watch, Watched};
