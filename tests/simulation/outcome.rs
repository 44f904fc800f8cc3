//! What happened, to see that the simulation does what it says.

/// Counts over one run, or over many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) shown: u64,
    pub(crate) cells: u64,
    pub(crate) kills: u64,
    pub(crate) lost: u64,
    pub(crate) breaks_told: u64,
    pub(crate) injected: u64,
    pub(crate) refused: u64,
    pub(crate) relay_restarts: u64,
    pub(crate) relay_restores: u64,
    pub(crate) enrolments: u64,
    pub(crate) removals: u64,
    pub(crate) taken_back: u64,
    pub(crate) resealed: u64,
    pub(crate) lies: u64,
    pub(crate) altered: u64,
    pub(crate) trace: [u8; 32],
}

impl Outcome {
    fn counts(&mut self) -> [(&'static str, &mut u64); 16] {
        [
            ("sent", &mut self.sent),
            ("shown", &mut self.shown),
            ("cells", &mut self.cells),
            ("kills", &mut self.kills),
            ("lost", &mut self.lost),
            ("breaks reported", &mut self.breaks_told),
            ("injected", &mut self.injected),
            ("refused", &mut self.refused),
            ("relay restarts", &mut self.relay_restarts),
            ("relay restores", &mut self.relay_restores),
            ("enrolments", &mut self.enrolments),
            ("removals", &mut self.removals),
            ("taken back", &mut self.taken_back),
            ("resealed", &mut self.resealed),
            ("lies", &mut self.lies),
            ("altered", &mut self.altered),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        for ((_, sum), (_, more)) in self.counts().into_iter().zip(other.counts()) {
            *sum += *more;
        }
    }

    /// What never happened.
    pub(crate) fn unseen(&self) -> Vec<&'static str> {
        let mut own = self.clone();
        let never = own.counts().into_iter().filter(|(_, count)| **count == 0);
        never.map(|(name, _)| name).collect()
    }
}
