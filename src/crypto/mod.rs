//! One fixed suite, thin over the crates that implement it.
