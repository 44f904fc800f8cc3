//! Flags about messages and slots.

use clap::Args;
use tessera::{
    base::{
        parameters::{FRAGMENT_OVERHEAD, LISTENING_DAYS, MAX_MESSAGE_FRAMING_BYTES, MESSAGE_BYTES},
        time::DAY_SECONDS,
    },
    wire::{BucketCount, CellSize, MAX_ENTRIES},
};

use super::{Bytes, ConfigError, Seconds};

/// Flags about messages.
#[derive(Args, Clone, Copy, Debug)]
pub struct MessageArgs {
    /// Maximum message size for clients, from one cell to 16MiB; stated in /v1/info. Refused if a
    /// client could not send it within three days of slots
    #[arg(
        long = "max-message-size",
        default_value = "256KiB",
        value_name = "SIZE"
    )]
    pub max: Bytes,

    /// Cells of a client's slot for each bucket, 1 to 8, and at most 64 in total: an open portal
    /// posts one slot per epoch, in which real cells replace cover; stated in /v1/info
    #[arg(long, default_value_t = 1, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(1..=8))]
    pub cells_per_bucket: u32,
}

/// Time after which a client reseals a cell that was not sent (protocol §6).
const SEALED_AGAIN: u64 = LISTENING_DAYS as u64 * DAY_SECONDS;
/// Above this number, the cost of a slot exceeds its benefit.
const MOST_BUCKETS: u32 = 16;
const MOST_SLOT_BYTES: u32 = 32 << 10;

impl MessageArgs {
    /// Refuses a slot that does not fit into a post, and a maximum message size that
    /// could not be sent in slots.
    pub(super) fn check(
        &self,
        buckets: BucketCount,
        cell_size: CellSize,
        epoch: Seconds,
    ) -> Result<(), ConfigError> {
        if self.slot(buckets) > MAX_ENTRIES {
            return Err(ConfigError::Slot {
                buckets: buckets.get(),
                cells_per_bucket: self.cells_per_bucket,
            });
        }
        let cell = u64::from(cell_size.get());
        if !(cell..=u64::from(*MESSAGE_BYTES.end())).contains(&self.max.get()) {
            return Err(ConfigError::Attachment);
        }
        let (cells, slots) = (self.cells(cell_size), self.slots(cell_size));
        if u64::from(slots) > slots_before_sealed_again(epoch) {
            return Err(ConfigError::Unsendable {
                cells,
                slots,
                cells_per_bucket: self.cells_per_bucket,
            });
        }
        Ok(())
    }

    /// Entries of a slot.
    fn slot(&self, buckets: BucketCount) -> usize {
        buckets.get() as usize * self.cells_per_bucket as usize
    }

    /// A warning for the operator if slots are large.
    #[must_use]
    pub fn warning(&self, buckets: BucketCount, cell_size: CellSize) -> Option<String> {
        let cells = buckets.get() * self.cells_per_bucket;
        let bytes = cells * cell_size.get();
        (buckets.get() > MOST_BUCKETS || bytes > MOST_SLOT_BYTES).then(|| {
            format!(
                "every slot of a portal uploads {cells} cells, {} KiB, one to every bucket \
                 (--buckets, --cells-per-bucket): for more people than {MOST_BUCKETS} buckets \
                 serve, run another relay",
                bytes >> 10
            )
        })
    }

    /// Cells of the largest message, with the names and types of its files.
    #[must_use]
    pub fn cells(&self, cell_size: CellSize) -> u32 {
        let bytes = self.max.get() + u64::from(MAX_MESSAGE_FRAMING_BYTES);
        let cells = bytes.div_ceil(u64::from(cell_size.get() - FRAGMENT_OVERHEAD));
        u32::try_from(cells).unwrap_or(u32::MAX)
    }

    /// Slots that these cells need, all of them for one bucket.
    #[must_use]
    pub fn slots(&self, cell_size: CellSize) -> u32 {
        self.cells(cell_size).div_ceil(self.cells_per_bucket)
    }
}

/// Number of slots of a portal that is always open: one at the start, and one per
/// epoch.
fn slots_before_sealed_again(epoch: Seconds) -> u64 {
    1 + SEALED_AGAIN / u64::from(epoch.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(max: &str, cells_per_bucket: u32) -> MessageArgs {
        MessageArgs {
            max: max.parse().unwrap(),
            cells_per_bucket,
        }
    }

    fn buckets(count: u32) -> BucketCount {
        BucketCount::try_from(count).unwrap()
    }

    #[test]
    fn a_message_that_takes_more_than_three_days_is_refused() {
        let (size, half_hour) = (CellSize::DEFAULT, "30m".parse().unwrap());
        assert_eq!(message("256KiB", 1).cells(size), 139);
        assert!(
            message("256KiB", 1)
                .check(buckets(8), size, half_hour)
                .is_ok()
        );
        // 145 slots with four cells of 1952 bytes for each bucket, less 8 KiB for names.
        assert!(
            message("1123968B", 4)
                .check(buckets(8), size, half_hour)
                .is_ok()
        );
        for (max, cells_per_bucket, epoch) in [
            ("1123969B", 4, "30m"),
            ("256KiB", 1, "35m"),
            ("16MiB", 8, "10m"),
        ] {
            let refused =
                message(max, cells_per_bucket).check(buckets(8), size, epoch.parse().unwrap());
            assert!(
                matches!(refused, Err(ConfigError::Unsendable { .. })),
                "{max} {cells_per_bucket} {epoch}: {refused:?}"
            );
        }
        let short = "2m".parse().unwrap();
        assert!(message("16MiB", 8).check(buckets(8), size, short).is_ok());
    }

    #[test]
    fn a_slot_is_one_post() {
        let half_hour = "30m".parse().unwrap();
        for (count, cells_per_bucket) in [(64, 2), (16, 8), (32, 3)] {
            let refused = message("256KiB", cells_per_bucket).check(
                buckets(count),
                CellSize::DEFAULT,
                half_hour,
            );
            assert!(
                matches!(refused, Err(ConfigError::Slot { .. })),
                "{count} {cells_per_bucket}: {refused:?}"
            );
        }
        for (count, cells_per_bucket) in [(64, 1), (8, 8), (1, 8)] {
            let message = message("256KiB", cells_per_bucket);
            assert!(
                message
                    .check(buckets(count), CellSize::DEFAULT, half_hour)
                    .is_ok()
            );
        }
    }

    #[test]
    fn large_slots_give_a_warning() {
        let size = CellSize::DEFAULT;
        for (count, cells_per_bucket) in [(8, 1), (16, 1), (8, 2), (1, 8)] {
            let message = message("256KiB", cells_per_bucket);
            assert_eq!(message.warning(buckets(count), size), None);
        }
        let small = CellSize::try_from(1024).unwrap();
        for (count, cells_per_bucket, size) in [(32, 1, size), (16, 2, size), (32, 1, small)] {
            let message = message("256KiB", cells_per_bucket);
            let warning = message.warning(buckets(count), size).unwrap();
            assert!(warning.contains("uploads 32 cells"), "{warning}");
        }
    }
}
