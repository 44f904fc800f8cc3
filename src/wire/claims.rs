//! The numbers that a relay states, each with its range ([`parameters`]). A
//! client refuses a response with a number outside its range, so that waits,
//! downloads, slots and shredding are bounded whatever the relay states.

use crate::base::{bounded::bounded, parameters};

bounded! {
    /// Length of an epoch of the numbered buckets, in seconds: 1 s to 24 h.
    EpochSeconds: parameters::EPOCH_SECONDS;
    /// Length of an epoch of the lobby, in seconds: 1 s to 24 h.
    LobbyEpochSeconds: parameters::LOBBY_EPOCH_SECONDS;
    /// How long a relay keeps a batch, in seconds: 2 s to 366 days.
    RetentionSeconds: parameters::RELAY_RETENTION_SECONDS;
    /// Entries of a slot for each numbered bucket: 1 to 8.
    CellsPerBucket: parameters::CELLS_PER_BUCKET;
    /// Largest message in bytes: 1 KiB to 16 MiB.
    MaxMessageBytes: parameters::MESSAGE_BYTES;
    /// How long to wait before the next try, in seconds: 1 s to 1 h.
    RetryAfter: parameters::RETRY_AFTER_SECONDS;
}

impl CellsPerBucket {
    /// The default of a relay: 1.
    pub const DEFAULT: Self = Self(1);
}

impl RetryAfter {
    /// Parses the value of a `Retry-After` header in seconds, clamped to the
    /// range. `None` for anything but digits: the other form, a date, would
    /// depend on two clocks.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let digits = value.trim();
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all_digits.then(|| Self::nearest(digits.parse().unwrap_or(u32::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_refused() {
        assert!(EpochSeconds::try_from(0).is_err());
        assert!(EpochSeconds::try_from(86_401).is_err());
        assert_eq!(
            EpochSeconds::try_from(86_400).map(EpochSeconds::get),
            Ok(86_400)
        );
        assert!(RetentionSeconds::try_from(u32::MAX).is_err());
        assert!(CellsPerBucket::try_from(9).is_err());
        assert!(serde_json::from_str::<EpochSeconds>("4294967295").is_err());
        assert_eq!(
            serde_json::to_string(&CellsPerBucket::DEFAULT).unwrap(),
            "1"
        );
    }

    #[test]
    fn a_wait_is_bounded_for_any_header() {
        for (value, seconds) in [
            ("0", Some(1)),
            (" 5 ", Some(5)),
            ("4294967296", Some(3_600)),
            ("99999999999999999999999999", Some(3_600)),
            ("-5", None),
            ("5.5", None),
            ("", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            assert_eq!(
                RetryAfter::parse(value).map(RetryAfter::get),
                seconds,
                "{value:?}"
            );
        }
    }
}
