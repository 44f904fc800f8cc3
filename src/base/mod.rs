//! What every other module stands on: encodings, labels, secrets, time and
//! the one table of error codes.

pub mod encoding;
pub mod error;
pub mod labels;
pub mod secret;
pub mod time;

pub use error::ErrorCode;
pub use secret::Secret;
pub use time::{Day, Month, UnixTime};
