//! The table of protocol parameters, for the client and the relay.
//!
//! A number that a relay or another person claims is parsed into a type whose
//! range is defined here ([`bounded`](super::bounded)); a number outside its
//! range is refused when it is parsed.

use core::ops::RangeInclusive;

use super::time::{DAY_SECONDS, HOUR_SECONDS};

const DAY: u32 = 86_400;

// Detection tags and cells. Protocol §5 and §6.

/// Tags watched past the highest counter opened, per contact, day and device.
pub const WINDOW: u32 = 32;
/// Tags watched for the next device index.
pub const NEXT_DEVICE_WINDOW: u32 = 8;
/// A batch is searched for tags of its own day and of this many days before. A
/// cell that has waited this long is sealed again.
pub const LISTENING_DAYS: u32 = 3;
/// A batch is searched for tags of this many days after its own, because a
/// sender's clock may be ahead.
pub const LISTENING_DAYS_AHEAD: u32 = 1;
/// How far ahead a peer's clock may be, in seconds.
pub const CLOCK_SKEW_SECONDS: u64 = DAY_SECONDS;
/// Number of fragments of one message.
pub const FRAGMENTS: RangeInclusive<u32> = 2..=16_384;
/// Bytes of a cell that are not a fragment's chunk: the 64 of the cell itself,
/// the length field, and the longest CBOR around a chunk.
pub const FRAGMENT_OVERHEAD: u32 = 96;

// Posts. Protocol §12.

/// Maximum number of entries of one post.
pub const MAX_POST_ENTRIES: usize = 64;
/// Maximum number of lobby entries of one post.
pub const MAX_LOBBY_ENTRIES: usize = 4;

// What a relay states in `/v1/info`. Protocol §12.

/// Length of an epoch of the numbered buckets, in seconds.
pub const EPOCH_SECONDS: RangeInclusive<u32> = 1..=DAY;
/// Length of an epoch of the lobby, in seconds.
pub const LOBBY_EPOCH_SECONDS: RangeInclusive<u32> = 1..=DAY;
/// How long a relay keeps a batch, in seconds.
pub const RELAY_RETENTION_SECONDS: RangeInclusive<u32> = 2..=366 * DAY;
/// Maximum number of numbered buckets of a relay: a slot has entries for each.
pub const MAX_RELAY_BUCKETS: u32 = 64;
/// Entries of a slot for each numbered bucket.
pub const CELLS_PER_BUCKET: RangeInclusive<u32> = 1..=8;
/// The largest message a relay may allow, in bytes.
pub const MESSAGE_BYTES: RangeInclusive<u32> = 1_024..=16 << 20;
/// What frames the text and the files of a message: their types, names and
/// lengths. The limit of a relay is of the text and the files alone, so that
/// a person can tell what fits; a relay reckons with this beside it.
pub const MAX_MESSAGE_FRAMING_BYTES: u32 = 8 << 10;
/// The longest delivery: the largest message, what frames it and what stands
/// before it.
pub const MAX_DELIVERY_BYTES: u64 = (16 << 20) + MAX_MESSAGE_FRAMING_BYTES as u64 + 512;
/// How long a relay may ask a client to wait, in seconds. A longer time is
/// clamped.
pub const RETRY_AFTER_SECONDS: RangeInclusive<u32> = 1..=HOUR_SECONDS as u32;
/// Largest number of an epoch or a segment: the largest integer that JavaScript
/// represents exactly.
pub const MAX_EPOCH: u64 = (1 << 53) - 1;
/// Latest time a relay or peer may state, in Unix seconds: the end of the year
/// 9999.
pub const MAX_UNIX_TIME: u64 = 253_402_300_799;

// What a client keeps. Protocol §4 and §13.

/// Days for which deliveries are accepted and opened cells are remembered.
pub const RETENTION_DAYS: RangeInclusive<u32> = 7..=60;
/// The default of [`RETENTION_DAYS`].
pub const DEFAULT_RETENTION_DAYS: u32 = 60;
/// How long a receipt may wait on average, in minutes.
pub const RECEIPT_DELAY_MINUTES: RangeInclusive<u32> = 0..=2_880;
/// Days for which a month's keys are kept after the month. Fewer than
/// [`LISTENING_DAYS`] would lose cells in transit.
pub const GRACE_DAYS: RangeInclusive<u32> = LISTENING_DAYS..=28;
/// The default of [`GRACE_DAYS`].
pub const DEFAULT_GRACE_DAYS: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_for_every_bucket_fits_the_limits() {
        assert!(MAX_RELAY_BUCKETS.is_power_of_two());
        assert!(GRACE_DAYS.contains(&DEFAULT_GRACE_DAYS));
        assert!(RETENTION_DAYS.contains(&DEFAULT_RETENTION_DAYS));
    }
}
