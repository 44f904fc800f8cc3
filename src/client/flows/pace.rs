//! Estimates of sending time. Protocol §13.

use serde::Serialize;

use crate::{
    base::UnixTime,
    client::{Client, ClientError, MessageView, round::least_time},
    envelope::chunk_len,
};

/// Maximum overhead of a delivery besides its content: the bytes before the
/// payload, and the framing of a few files in it.
const AROUND: u64 = 512;

/// The cost of sending some content, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Cells.
    pub cells: u64,
    /// Seconds until the relay has published all of it, if the portal stays
    /// open, nothing else waits, and the relay does not ask it to wait.
    pub seconds: u64,
}

impl Client {
    /// Estimates the cost of sending `bytes` in slots, or at once in additional slots.
    ///
    /// # Errors
    ///
    /// `RelayUnknown` before the first `/v1/info`.
    pub fn estimate(&self, bytes: u64, prompt: bool) -> Result<Estimate, ClientError> {
        let relay = self.mailboxes.info()?;
        let chunk = chunk_len(relay.cell_size) as u64;
        let cells = bytes.saturating_add(AROUND).div_ceil(chunk);
        let posts = cells.div_ceil(relay.per_bucket.get().into());
        let epoch = u64::from(relay.epoch_seconds.get());
        let seconds = match prompt {
            true => least_time(posts).div_ceil(1000).saturating_add(epoch),
            false => posts.saturating_mul(epoch),
        };
        Ok(Estimate { cells, seconds })
    }

    /// Estimates by when the last cell of each queued message leaves in slots,
    /// if the portal stays open.
    pub fn estimate_departures(&self, views: &mut [MessageView], now: UnixTime) {
        if views.iter().all(|view| view.state != "queued") {
            return;
        }
        let Ok(relay) = self.mailboxes.info() else {
            return;
        };
        let last = self.outbox.last_places(&self.mailboxes);
        for view in views.iter_mut().filter(|view| view.state == "queued") {
            view.leaves_by = last.get(&view.id).map(|place| {
                let slots = place.div_ceil(relay.per_bucket.get().into());
                now.plus(slots.saturating_mul(relay.epoch_seconds.get().into()))
                    .0
            });
        }
    }
}
