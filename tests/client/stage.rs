//! What people do when nothing fails.

pub(crate) use crate::common::*;
