//! What clients may send, and how fast it can leave them.

use clap::Args;
use tessera::{
    base::{
        parameters::{FRAGMENT_OVERHEAD, LISTENING_DAYS, MESSAGE_BYTES},
        time::DAY_SECONDS,
    },
    wire::CellSize,
};

use super::{Bytes, ConfigError, Seconds};

/// Flags about messages.
#[derive(Args, Clone, Copy, Debug)]
pub struct MessageArgs {
    /// Largest message clients should send, from one cell to 16MiB; told to clients in /v1/info.
    /// Refused if it could not leave a client within three days of slots
    #[arg(
        long = "max-message-size",
        id = "max_message_size",
        env = "TESSERA_RELAY_MAX_MESSAGE_SIZE",
        default_value = "256KiB",
        value_name = "SIZE"
    )]
    pub max: Bytes,

    /// Cells of a slot, 1 to 64: so many each open portal posts per epoch, real or cover; told to
    /// clients in /v1/info
    #[arg(long, env = "TESSERA_RELAY_SLOT_CELLS", default_value_t = 4, value_name = "CELLS",
        value_parser = clap::value_parser!(u32).range(1..=64))]
    pub slot_cells: u32,
}

/// After so long a client seals a cell again that has not left (protocol §6).
const SEALED_AGAIN: u64 = LISTENING_DAYS as u64 * DAY_SECONDS;
/// A portal is open for a working day.
const OPEN_SHARE: u64 = 3;

impl MessageArgs {
    /// Refuses a largest message that could never be sent.
    pub(super) fn check(&self, cell_size: CellSize, epoch: Seconds) -> Result<(), ConfigError> {
        let cell = u64::from(cell_size.get());
        if !(cell..=u64::from(*MESSAGE_BYTES.end())).contains(&self.max.get()) {
            return Err(ConfigError::Attachment);
        }
        let (cells, slots) = (self.cells(cell_size), self.slots(cell_size));
        if slots > slots_before_sealed_again(epoch) {
            return Err(ConfigError::Unsendable {
                cells,
                slots,
                slot_cells: self.slot_cells,
            });
        }
        Ok(())
    }

    /// What the operator should know, if the largest message leaves only
    /// portals that are open for more than a working day.
    #[must_use]
    pub fn warning(&self, cell_size: CellSize, epoch: Seconds) -> Option<String> {
        let slots = self.slots(cell_size);
        (slots > slots_before_sealed_again(epoch) / OPEN_SHARE).then(|| {
            format!(
                "the largest message (--max-message-size) takes {slots} epochs to leave a client, which \
                 seals it again after three days: portals that are open for eight hours a day cannot send it"
            )
        })
    }

    fn cells(&self, cell_size: CellSize) -> u64 {
        self.max
            .get()
            .div_ceil(u64::from(cell_size.get() - FRAGMENT_OVERHEAD))
    }

    fn slots(&self, cell_size: CellSize) -> u64 {
        self.cells(cell_size).div_ceil(u64::from(self.slot_cells))
    }
}

/// One at the start, and one per epoch.
fn slots_before_sealed_again(epoch: Seconds) -> u64 {
    1 + SEALED_AGAIN / u64::from(epoch.get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(max: &str, slot_cells: u32) -> MessageArgs {
        MessageArgs {
            max: max.parse().unwrap(),
            slot_cells,
        }
    }

    #[test]
    fn what_cannot_leave_within_three_days_is_refused() {
        let (size, half_hour) = (CellSize::DEFAULT, "30m".parse().unwrap());
        assert_eq!(message("256KiB", 4).cells(size), 135);
        assert!(message("256KiB", 4).check(size, half_hour).is_ok());
        // 145 slots of 4 cells of 1952 bytes.
        assert!(message("1132160B", 4).check(size, half_hour).is_ok());
        for (max, slot_cells, epoch) in [
            ("1132161B", 4, "30m"),
            ("256KiB", 4, "24h"),
            ("16MiB", 59, "30m"),
        ] {
            let refused = message(max, slot_cells).check(size, epoch.parse().unwrap());
            assert!(
                matches!(refused, Err(ConfigError::Unsendable { .. })),
                "{max} {slot_cells} {epoch}: {refused:?}"
            );
        }
        assert!(message("16MiB", 60).check(size, half_hour).is_ok());
    }

    #[test]
    fn what_takes_more_than_working_days_is_warned_of() {
        let (size, half_hour) = (CellSize::DEFAULT, "30m".parse().unwrap());
        assert_eq!(message("256KiB", 4).warning(size, half_hour), None);
        let warning = message("1MiB", 4).warning(size, half_hour).unwrap();
        assert!(warning.contains("135 epochs"), "{warning}");
    }
}
