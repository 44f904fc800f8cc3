//! The waiting cells of one bucket, by class.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{QueueClass, Ticket};

/// The waiting cells of one bucket.
#[derive(Clone, Debug, Default)]
pub struct BucketQueue {
    pub(super) classes: BTreeMap<QueueClass, VecDeque<Ticket>>,
    pub(super) cells: usize,
    /// Random reduction of the point from which classes get shares, drawn again at
    /// each close. A poster that fills the queue to that point learns only a noisy
    /// number of the others' cells, as from the size of a batch.
    pub(super) blur: usize,
}

/// The limits on waiting cells of a bucket.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Cells that any poster may add; beyond, each class has an even share of them.
    pub(super) free: usize,
    /// Maximum number of cells.
    pub(super) most: usize,
}

impl BucketQueue {
    pub(super) fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.classes.values().flatten()
    }

    pub(super) fn has_room(
        &self,
        class: QueueClass,
        cells: usize,
        added: Option<&HashMap<QueueClass, usize>>,
        limits: Limits,
    ) -> bool {
        let added_by = |class| added.and_then(|added| added.get(&class)).copied();
        let added_cells: usize = added.into_iter().flat_map(HashMap::values).sum();
        let total = self.cells + added_cells + cells;
        if total > limits.most {
            return false;
        }
        if total <= limits.free.saturating_sub(self.blur) {
            return true;
        }
        let own = self.classes.get(&class).map_or(0, VecDeque::len);
        let own = own + added_by(class).unwrap_or(0);
        let others_added = added.into_iter().flat_map(HashMap::keys);
        let joined = others_added.filter(|class| !self.classes.contains_key(class));
        let is_new = !self.classes.contains_key(&class) && added_by(class).is_none();
        let classes = self.classes.len() + joined.count() + usize::from(is_new);
        own + cells <= limits.free / classes.max(1)
    }

    /// Takes one cell of each class in turn, until there are `count`. Classes take
    /// turns in the order in which their first cells arrived.
    pub(super) fn take_turns(
        &mut self,
        count: usize,
        taken: &mut Vec<Ticket>,
        is_wanted: impl Fn(&Ticket) -> bool,
    ) {
        let front = |tickets: &VecDeque<Ticket>| tickets.front().copied().filter(&is_wanted);
        let mut turns: Vec<_> = self
            .classes
            .iter()
            .filter_map(|(class, tickets)| Some((front(tickets)?.order(), *class)))
            .collect();
        turns.sort_unstable();
        while taken.len() < count && !turns.is_empty() {
            turns.retain(|(_, class)| {
                if taken.len() == count {
                    return false;
                }
                let Some(tickets) = self.classes.get_mut(class) else {
                    return false;
                };
                taken.extend(tickets.pop_front());
                self.cells -= 1;
                front(tickets).is_some()
            });
        }
        self.classes.retain(|_, tickets| !tickets.is_empty());
    }

    pub(super) fn retain(&mut self, mut stays: impl FnMut(&Ticket) -> bool) {
        for tickets in self.classes.values_mut() {
            tickets.retain(&mut stays);
        }
        self.classes.retain(|_, tickets| !tickets.is_empty());
        self.cells = self.classes.values().map(VecDeque::len).sum();
    }
}
