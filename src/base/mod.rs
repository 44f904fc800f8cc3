//! What every other module stands on: encodings, labels, secrets, content,
//! sorted maps, time and the one table of error codes.

pub mod content;
pub mod encoding;
pub mod error;
pub mod labels;
pub mod secret;
pub mod sorted;
pub mod time;

pub use content::Content;
pub use error::ErrorCode;
pub use secret::Secret;
pub use sorted::{SortedMap, SortedSet, sorted_by_key};
pub use time::{Day, Month, UnixTime};
