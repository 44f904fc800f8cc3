//! One pull: what is still to be downloaded of the mailboxes that are due,
//! and what the caller keeps and is not opened yet.
//!
//! Everything is asked for before anything is opened: opening takes longer
//! where there was mail, and the time between requests would show that.

use std::collections::VecDeque;

use serde::Serialize;

use super::{Ask, Failure, Task, look::Look};
use crate::{
    base::ErrorCode,
    client::{Download, Mailbox, Part},
};

/// Downloads of more bytes of one mailbox are confirmed first: 5 MiB.
const LARGE_PULL: u64 = 5 << 20;
/// What is kept before it is opened: 64 MiB, which a day does not reach.
const MOST_KEPT: u64 = 64 << 20;
/// What may be requested ahead: so many downloads, of so many bytes in all.
const AHEAD: usize = 4;
const TAGS_AHEAD: usize = 12;
const AHEAD_BYTES: u64 = 24 << 20;

/// How far the pull of one mailbox is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The mailbox.
    pub mailbox: Mailbox,
    /// Downloads that were opened or passed over.
    pub batches: usize,
    /// Downloads in all.
    pub total_batches: usize,
    /// Bytes that were opened.
    pub bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
}

/// A pull under way.
#[derive(Debug, Default)]
pub(super) struct Pull {
    /// Mailboxes whose index is still to be read.
    pub(super) indexes: VecDeque<Mailbox>,
    downloads: VecDeque<Download>,
    /// What the caller keeps, or why there is nothing to keep.
    kept: VecDeque<(Download, Result<u64, Failure>)>,
    kept_bytes: u64,
    progress: Vec<Progress>,
    /// Downloads that were refused for the first time.
    pub(super) refused: u32,
    /// Mailboxes that were read, or why they could not be.
    ended: Vec<(Mailbox, Result<(), Unread>)>,
    /// Whether a download was passed over.
    pub(super) passed_over: bool,
    /// The look that this is part of.
    pub(super) look: Option<Look>,
}

/// Why a mailbox could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unread {
    /// The client refused the relay's answer.
    Refused(ErrorCode),
    /// There was no answer.
    Failed(Failure),
}

impl Unread {
    pub(super) fn code(self) -> Option<ErrorCode> {
        match self {
            Self::Refused(code) => Some(code),
            Self::Failed(_) => None,
        }
    }

    /// How long the relay asks to wait, in milliseconds.
    pub(super) fn retry_after(self) -> u64 {
        match self {
            Self::Refused(_) => 0,
            Self::Failed(failure) => failure.retry_after(),
        }
    }
}

impl Pull {
    pub(super) fn of(mailboxes: impl IntoIterator<Item = Mailbox>) -> Self {
        Self {
            indexes: mailboxes.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The pull of the own bucket by its tags.
    pub(super) fn looking() -> Self {
        Self {
            look: Some(Look::default()),
            ..Self::default()
        }
    }

    /// Adds what the index of a mailbox lists.
    pub(super) fn plan(&mut self, mailbox: Mailbox, plan: Vec<Download>) {
        self.progress.push(Progress {
            mailbox,
            batches: 0,
            total_batches: plan.len(),
            bytes: 0,
            total_bytes: plan.iter().map(|download| download.bytes).sum(),
        });
        self.downloads.extend(plan);
        self.ended.push((mailbox, Ok(())));
    }

    /// What to ask before much is downloaded of the mailbox that was planned
    /// last.
    pub(super) fn confirmation(&self) -> Option<Ask> {
        let last = self.progress.last()?;
        (last.total_bytes > LARGE_PULL).then_some(Ask::Confirm {
            bytes: last.total_bytes,
            tells: false,
        })
    }

    /// The mailbox that was planned last is not downloaded.
    pub(super) fn decline(&mut self) {
        if let Some(last) = self.progress.pop() {
            self.downloads
                .retain(|download| download.mailbox() != last.mailbox);
        }
    }

    /// The rest of a mailbox cannot be read now.
    pub(super) fn fail(&mut self, mailbox: Mailbox, unread: Unread) {
        self.downloads
            .retain(|download| download.mailbox() != mailbox);
        self.ended.retain(|(ended, _)| *ended != mailbox);
        self.ended.push((mailbox, Err(unread)));
    }

    /// What to request next; `None` once everything is kept, or enough.
    pub(super) fn request(&self) -> Option<Ask> {
        if self.kept_bytes >= MOST_KEPT {
            return None;
        }
        let mut left = self.downloads.iter();
        let first = left.next()?;
        let path = first.path.clone();
        let most = match first.part {
            Part::Tags => TAGS_AHEAD,
            Part::Cells | Part::Again => AHEAD,
        };
        let mut bytes = 0;
        let ahead = left.take(most - 1).take_while(|download| {
            bytes += download.bytes;
            bytes <= AHEAD_BYTES
        });
        Some(Ask::Keep {
            path,
            ahead: ahead.map(|download| download.path.clone()).collect(),
        })
    }

    pub(super) fn requested(&self) -> Option<&Download> {
        self.downloads.front()
    }

    /// The answer to what was requested.
    pub(super) fn kept(&mut self, answer: Result<u64, Failure>) {
        if let Some(download) = self.downloads.pop_front() {
            self.kept_bytes += answer.unwrap_or(0);
            self.kept.push_back((download, answer));
        }
    }

    /// What to open next, if it is kept.
    pub(super) fn first_kept(&self) -> Option<(&Download, Result<u64, Failure>)> {
        self.kept.front().map(|(download, kept)| (download, *kept))
    }

    /// It is opened now.
    pub(super) fn take(&mut self) -> Option<Download> {
        let (download, kept) = self.kept.pop_front()?;
        self.kept_bytes -= kept.unwrap_or(0);
        Some(download)
    }

    /// A download was opened, or passed over.
    pub(super) fn opened(&mut self, mailbox: Mailbox, bytes: usize) -> Option<Progress> {
        let mut all = self.progress.iter_mut();
        let progress = all.find(|progress| progress.mailbox == mailbox)?;
        progress.batches += 1;
        progress.bytes += bytes as u64;
        Some(*progress)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.downloads.is_empty()
    }

    /// Whether the look continues once the tags are read.
    pub(super) fn goes_on(&self) -> bool {
        let failed = self.ended.iter().any(|(_, ended)| ended.is_err());
        self.look.is_some() && !failed
    }

    pub(super) fn ended(&self) -> &[(Mailbox, Result<(), Unread>)] {
        &self.ended
    }
}

impl From<Mailbox> for Task {
    fn from(mailbox: Mailbox) -> Self {
        match mailbox {
            Mailbox::Own => Self::Own,
            Mailbox::Lobby => Self::Lobby,
        }
    }
}
