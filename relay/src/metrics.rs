//! Metrics for the operator, as a snapshot taken when an epoch is published, so
//! that scraping every second reveals no more than scraping once per epoch.
//! Nothing counts arrivals: a scraped counter would be a log of them.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use tessera::wire::{BatchHeader, BucketId};
use tokio::sync::watch;

use crate::{
    epoch::{PublishedEpochs, Schedule, wall_clock},
    federation::Status,
    lock::lock,
    store::{ByKind, Kind, Store, StoreError, Window},
};

/// Minimum number of requests for quantiles.
const ENOUGH: f64 = 100.0;
/// Number of histogram steps of 20 % each, from 0.1 ms to 20 s.
const STEPS: usize = 68;
const FIRST: f64 = 0.000_1;
const STEP: f64 = 1.2;
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];
/// A batch published more than this after its time is late.
const LATE: Duration = Duration::from_secs(1);

/// A measured duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// From a complete post to its durability.
    Post,
    /// From a request for an index, a batch or a segment to its response.
    Read,
}

/// Collects measurements and shows them after the next publication.
#[derive(Debug, Default)]
pub struct Metrics {
    posts: Mutex<Times>,
    reads: Mutex<Times>,
    shown: Mutex<Arc<str>>,
}

impl Metrics {
    /// Records a duration.
    pub fn took(&self, what: Measured, time: Duration) {
        lock(self.times(what)).add(time);
    }

    /// The last snapshot in Prometheus' text format; empty before the first.
    #[must_use]
    pub fn shown(&self) -> Arc<str> {
        lock(&self.shown).clone()
    }

    fn times(&self, what: Measured) -> &Mutex<Times> {
        match what {
            Measured::Post => &self.posts,
            Measured::Read => &self.reads,
        }
    }

    fn show(
        &self,
        of: &ByKind<Published>,
        epochs: &PublishedEpochs,
        is_writable: bool,
        gauges: &[(&str, u64)],
        members: Option<&Status>,
    ) {
        let mut text = Text::default();
        text.kinds("published_batches_total", "counter", of, |of| of.batches);
        text.kinds("published_cells_total", "counter", of, |of| of.cells);
        text.kinds("published_late_total", "counter", of, |of| of.late);
        text.kinds("published_epoch", "gauge", of, |of| of.epoch);
        text.kinds("close_seconds", "gauge", of, |of| {
            epochs.close_time(of.kind).as_secs_f64()
        });
        text.gauge("behind", u8::from(epochs.is_behind()));
        text.gauge("writable", u8::from(is_writable));
        for (name, value) in gauges {
            text.gauge(name, value);
        }
        if let Some(members) = members {
            text.members(members);
        }
        for (name, what) in [
            ("post_seconds", Measured::Post),
            ("read_seconds", Measured::Read),
        ] {
            let Some(quantiles) = lock(self.times(what)).quantiles() else {
                continue;
            };
            text.head(name, "gauge");
            for (quantile, seconds) in QUANTILES.iter().zip(quantiles) {
                text.line(name, &format!("{{quantile=\"{quantile}\"}}"), seconds);
            }
        }
        *lock(&self.shown) = text.0.into();
    }
}

/// Takes a snapshot at each publication of the numbered buckets, until a stop
/// signal.
pub async fn keep<S: Store>(
    metrics: Arc<Metrics>,
    store: S,
    epochs: PublishedEpochs,
    mut kinds: ByKind<Published>,
    members: Option<Arc<Status>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut closed = ByKind::new(|kind| epochs.subscribe(kind));
    loop {
        let kind = tokio::select! {
            Ok(()) = closed.numbered.changed() => Kind::Numbered,
            Ok(()) = closed.lobby.changed() => Kind::Lobby,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if let Err(error) = kinds[kind].follow(&store).await {
            tracing::warn!(%error, "taking the metrics snapshot failed");
        }
        if kind == Kind::Numbered {
            let (is_writable, gauges) = (store.writable().is_ok(), store.gauges());
            metrics.show(&kinds, &epochs, is_writable, &gauges, members.as_deref());
        }
    }
}

/// The publications of one kind since the relay started.
#[derive(Debug)]
pub struct Published {
    kind: Kind,
    schedule: Schedule,
    buckets: Vec<BucketId>,
    batches: u64,
    cells: u64,
    late: u64,
    epoch: u64,
}

impl Published {
    /// Creates the state before the first publication.
    #[must_use]
    pub fn new(kind: Kind, schedule: Schedule, buckets: Vec<BucketId>) -> Self {
        Self {
            kind,
            schedule,
            buckets,
            batches: 0,
            cells: 0,
            late: 0,
            epoch: 0,
        }
    }

    async fn follow<S: Store>(&mut self, store: &S) -> Result<(), StoreError> {
        let Some(last) = store.last_close(self.kind).await? else {
            return Ok(());
        };
        if last.epoch == self.epoch {
            return Ok(());
        }
        self.epoch = last.epoch;
        let due = self.schedule.publication(last);
        self.late += u64::from(wall_clock() > due + LATE);
        let window = Window {
            from: last.at,
            through: last.epoch,
        };
        for bucket in &self.buckets {
            let contents = store.published()?.contents(*bucket, window).await?;
            let own =
                |batch: &BatchHeader| batch.origin == store.origin() && batch.epoch == last.epoch;
            for batch in contents.batches.into_iter().filter(own) {
                self.batches += 1;
                self.cells += u64::from(batch.count);
            }
        }
        Ok(())
    }
}

/// A histogram of durations.
#[derive(Debug)]
struct Times([u32; STEPS]);

impl Default for Times {
    fn default() -> Self {
        Self([0; STEPS])
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        let step = (time.as_secs_f64() / FIRST).log(STEP).ceil().max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small, not negative"
        )]
        let step = (step as usize).min(STEPS - 1);
        if let Some(count) = self.0.get_mut(step) {
            *count = count.saturating_add(1);
        }
    }

    /// Returns the quantiles in seconds and clears the histogram. `None` while it
    /// has too few durations to hide a single one.
    fn quantiles(&mut self) -> Option<[f64; 3]> {
        let all: f64 = self.0.iter().copied().map(f64::from).sum();
        if all < ENOUGH {
            return None;
        }
        let steps = std::mem::take(self).0;
        Some(QUANTILES.map(|quantile| {
            let (mut seconds, mut below) = (FIRST, 0.0);
            for count in steps {
                below += f64::from(count);
                if below >= quantile * all {
                    break;
                }
                seconds *= STEP;
            }
            (seconds * 1e6).round() / 1e6
        }))
    }
}

/// Prometheus' text format.
#[derive(Default)]
struct Text(String);

impl Text {
    fn kinds<T: std::fmt::Display>(
        &mut self,
        name: &str,
        kind: &str,
        of: &ByKind<Published>,
        value: impl Fn(&Published) -> T,
    ) {
        self.head(name, kind);
        for published in Kind::ALL.map(|kind| &of[kind]) {
            let label = format!("{{kind=\"{}\"}}", published.kind.name());
            self.line(name, &label, value(published));
        }
    }

    /// Members by their number in the ring after this one: a name may be any text.
    fn members(&mut self, members: &Status) {
        self.head("member_in_step", "gauge");
        for (number, peer) in members.peers().iter().enumerate() {
            let label = format!("{{member=\"{}\"}}", number + 1);
            let is_in_step = u8::from(peer.last == Some(Ok(())));
            self.line("member_in_step", &label, is_in_step);
        }
        self.gauge("forked_origins", members.forks());
    }

    fn gauge(&mut self, name: &str, value: impl std::fmt::Display) {
        self.head(name, "gauge");
        self.line(name, "", value);
    }

    fn head(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.0, "# TYPE tessera_relay_{name} {kind}");
    }

    fn line(&mut self, name: &str, label: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "tessera_relay_{name}{label} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_have_no_quantiles() {
        let mut times = Times::default();
        for _ in 1..100 {
            times.add(Duration::from_millis(1));
        }
        assert_eq!(times.quantiles(), None);
        times.add(Duration::from_millis(1));
        assert!(times.quantiles().is_some());
        assert_eq!(times.quantiles(), None, "collected again");
    }

    #[test]
    fn quantiles_are_exact_to_a_step() {
        let mut times = Times::default();
        for millis in 1..=1000 {
            times.add(Duration::from_millis(millis));
        }
        times.add(Duration::ZERO);
        times.add(Duration::from_secs(86_400));
        let quantiles = times.quantiles().unwrap();
        for (quantile, expected) in quantiles.iter().zip([0.5, 0.9, 0.99]) {
            let off = quantile / expected;
            assert!(
                (1.0 / STEP..=STEP).contains(&off),
                "{quantile} for {expected}"
            );
        }
    }

    #[test]
    fn metrics_show_no_number_of_requests() {
        let metrics = Metrics::default();
        assert_eq!(&*metrics.shown(), "");
        for _ in 0..1234 {
            metrics.took(Measured::Post, Duration::from_millis(3));
        }
        let of = |kind| Published::new(kind, Schedule::new(30), Vec::new());
        let epochs = PublishedEpochs::new();
        epochs.set_close_time(Kind::Lobby, Duration::from_millis(1500));
        epochs.set_behind(Kind::Numbered, true);
        let kinds = ByKind::new(of);
        metrics.show(&kinds, &epochs, true, &[("log_gap", 1)], None);
        let text = metrics.shown();
        assert!(
            text.contains("tessera_relay_post_seconds{quantile=\"0.99\"} 0.00"),
            "{text}"
        );
        assert!(text.contains("tessera_relay_published_cells_total{kind=\"lobby\"} 0\n"));
        assert!(text.contains("tessera_relay_writable 1\n"));
        assert!(text.contains("tessera_relay_behind 1\n"));
        assert!(text.contains("tessera_relay_log_gap 1\n"));
        assert!(text.contains("tessera_relay_close_seconds{kind=\"lobby\"} 1.5\n"));
        assert!(
            !text.contains("1234") && !text.contains("read_seconds"),
            "{text}"
        );
    }
}
