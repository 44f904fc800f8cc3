//! Basic types that every other module uses: encodings, labels, secrets, text,
//! content, sorted maps, time, the protocol's parameters and the table of error
//! codes.

pub mod bounded;
pub mod content;
pub mod encoding;
pub mod error;
pub mod labels;
pub mod parameters;
pub mod secret;
pub mod sorted;
#[cfg(feature = "client")]
pub mod text;
pub mod time;
#[cfg(feature = "client")]
pub(crate) mod words;

pub use content::Content;
pub use error::ErrorCode;
pub use secret::Secret;
pub use sorted::{SortedMap, SortedSet, sorted_by_key};
pub use time::{Day, Month, UnixTime};
