//! Persistent problems of a relay or a clock. Each is reported once when it begins,
//! and once when it is over. Protocol §13.

use crate::{
    base::ErrorCode,
    client::{
        audit_event::AuditEvent,
        mailboxes::Mailbox,
        transaction::Transaction,
        view::{Event, RelayNotice},
    },
};

/// One kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alert {
    /// No new batch of the own bucket for several epochs.
    OwnStalled,
    /// No new batch of the lobby for several epochs.
    LobbyStalled,
    /// The relay's clock and the local one differ.
    ClockSkew,
    /// Batches whose closing time went back, or lies in the future.
    ClosingTime,
    /// The second relay of light reading cannot be reached, or lacks batches.
    Mirror,
}

impl Alert {
    pub(crate) fn stalled(mailbox: Mailbox) -> Self {
        match mailbox {
            Mailbox::Own => Self::OwnStalled,
            Mailbox::Lobby => Self::LobbyStalled,
        }
    }

    fn code(self) -> ErrorCode {
        match self {
            Self::OwnStalled | Self::LobbyStalled => ErrorCode::Stalled,
            Self::ClockSkew => ErrorCode::ClockSkew,
            Self::ClosingTime => ErrorCode::RelayTime,
            Self::Mirror => ErrorCode::MirrorUnreachable,
        }
    }

    fn mailbox(self) -> Option<Mailbox> {
        match self {
            Self::OwnStalled => Some(Mailbox::Own),
            Self::LobbyStalled => Some(Mailbox::Lobby),
            Self::ClockSkew | Self::ClosingTime | Self::Mirror => None,
        }
    }
}

/// The current problems. Not stored: a problem that persists is reported again when a
/// portal is opened.
#[derive(Debug, Default)]
pub(crate) struct Alerts(Vec<Alert>);

impl Alerts {
    pub(crate) fn has(&self, alert: Alert) -> bool {
        self.0.contains(&alert)
    }

    /// Reports an alert when it begins, and when it is over.
    pub(crate) fn set(&mut self, alert: Alert, wrong: bool, tx: &mut Transaction) {
        self.change(alert, wrong, None, tx);
    }

    /// The same for the clocks: how far the relay's is ahead.
    pub(crate) fn set_skew(&mut self, wrong: bool, seconds: i64, tx: &mut Transaction) {
        self.change(Alert::ClockSkew, wrong, Some(seconds), tx);
    }

    fn change(&mut self, alert: Alert, wrong: bool, seconds: Option<i64>, tx: &mut Transaction) {
        if wrong == self.has(alert) {
            return;
        }
        if wrong {
            self.0.push(alert);
            tx.log(AuditEvent::rejected(alert.code(), None), None);
        } else {
            self.0.retain(|known| *known != alert);
        }
        tx.emit(Event::Notice(RelayNotice {
            code: alert.code().as_str(),
            mailbox: alert.mailbox().map(Mailbox::word),
            seconds,
            cleared: !wrong,
            ..RelayNotice::default()
        }));
    }

    /// The relay has another number of buckets or another cell size.
    pub(crate) fn changed(tx: &mut Transaction) {
        tx.emit(Event::Notice(RelayNotice {
            code: ErrorCode::RelayChanged.as_str(),
            ..RelayNotice::default()
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixTime;

    #[test]
    fn what_is_wrong_is_reported_when_it_begins_and_when_it_is_over() {
        let mut alerts = Alerts::default();
        let mut tx = Transaction::new(UnixTime(1));
        for wrong in [false, true, true, false, false, true] {
            alerts.set(Alert::OwnStalled, wrong, &mut tx);
        }
        let reported = tx.events.iter().map(|event| match event {
            Event::Notice(notice) => (notice.code, notice.mailbox, notice.cleared),
            other => panic!("{other:?}"),
        });
        let own = Some("own");
        assert_eq!(
            reported.collect::<Vec<_>>(),
            [
                ("STALLED", own, false),
                ("STALLED", own, true),
                ("STALLED", own, false)
            ]
        );
    }
}
