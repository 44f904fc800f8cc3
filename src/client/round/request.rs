//! A sync that was requested: which of its tasks are left, and what they led
//! to.

use rand_core::CryptoRng;

use super::{Call, Failed, Round, Synced, Task};
use crate::base::ErrorCode;

/// A sync that was requested and has not ended.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) flush: bool,
    /// Tasks that have not ended since the request.
    pub(super) left: Vec<Task>,
    /// Tasks that were begun after the request.
    pub(super) begun: Vec<Task>,
    pub(super) synced: Synced,
}

impl Round {
    /// Whether a task is done at all now: all are once the rounds have
    /// started, before that only what is requested.
    pub(super) fn is_wanted(&self, task: Task) -> bool {
        let request = self.request.as_ref();
        self.started || request.is_some_and(|request| request.left.contains(&task))
    }

    pub(super) fn begun(&mut self, task: Task) {
        self.under_way.push(task);
        if let Some(request) = &mut self.request {
            request.begun.push(task);
        }
    }

    /// Whether the whole queue is posted.
    pub(super) fn flushes(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.flush)
    }

    pub(super) fn incomplete(&mut self) {
        if let Some(request) = &mut self.request {
            request.synced.incomplete = true;
        }
    }
}

impl<R: CryptoRng> Call<'_, R> {
    /// A task failed: it waits by itself. `code` says why the client refused
    /// what the relay answered.
    pub(super) fn fail(&mut self, task: Task, code: Option<ErrorCode>, retry_after: u64) {
        let (ticks, pace) = (self.clock.ticks, self.round.pace);
        let schedule = &mut self.round.schedule;
        schedule.failed(task, ticks, retry_after, pace, self.rng);
        // What comes back may be another relay, or have other parameters.
        if task != Task::Info && schedule.failures(Task::Info) == 0 {
            schedule.hasten(Task::Info, ticks);
        }
        if let Some(request) = &mut self.round.request {
            request.left.retain(|left| *left != task);
            let code = code.map(ErrorCode::as_str);
            request.synced.failed.get_or_insert(Failed { task, code });
        }
    }

    pub(super) fn done(&mut self, task: Task, due: Option<u64>) {
        self.round.schedule.succeeded(task, due);
        if let Some(request) = &mut self.round.request {
            if request.begun.contains(&task) {
                request.left.retain(|left| *left != task);
            } else if request.left.contains(&task) {
                // It was under way when the sync was requested: once more.
                self.round.schedule.set(task, Some(self.clock.ticks));
            }
        }
    }
}
