//! Replies to `$JS.API.DIRECT.GET`: messages with their place in headers.

use super::protocol::Incoming;
use crate::store::log::{LogError, Message, Subject};

/// Parses one reply; `None` ends a batch: 204, or 404 if there are no messages. Anything
/// else that is not a message answers a request or a subject that should not be.
pub(super) fn message(reply: &Incoming, id: &str) -> Result<Option<Message>, LogError> {
    match reply.status() {
        Some(204 | 404) => return Ok(None),
        Some(_) => return Err(LogError::Refused),
        None => (),
    }
    let parsed = || {
        let seq = reply.header("Nats-Sequence")?.parse().ok()?;
        let subject = Subject::parse(id, reply.header("Nats-Subject")?)?;
        let at = unix_seconds(reply.header("Nats-Time-Stamp")?)?;
        Some(Message {
            seq,
            subject,
            at,
            bytes: reply.payload.clone(),
        })
    };
    parsed().map(Some).ok_or(LogError::Refused)
}

/// Whole seconds since 1970 of a time like `2026-11-29T12:00:00.123456789Z`.
fn unix_seconds(time: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let is_valid = time.ends_with('Z')
        && year >= 1970
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    is_valid.then_some(())?;
    // Days of the civil calendar, with years from March (Hinnant).
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Kind, log::Item};

    #[test]
    fn times_are_seconds_since_1970() {
        for (time, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56.789Z", 951_827_696),
            ("2026-11-29T13:00:00.000000001Z", 1_795_957_200),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(unix_seconds(time), Some(seconds), "{time}");
        }
        for time in [
            "",
            "2026-11-29",
            "2026-13-01T00:00:00Z",
            "2026-11-29T12:00:00+01:00",
        ] {
            assert_eq!(unix_seconds(time), None, "{time}");
        }
    }

    #[test]
    fn replies_are_messages_or_the_end() {
        let mut reply = Incoming {
            subject: String::new(),
            headers: "NATS/1.0\r\nNats-Stream: TSR_x_N\r\nNats-Subject: tsr.x.n.f\r\n\
                Nats-Sequence: 7\r\nNats-Time-Stamp: 1970-01-01T00:01:00Z\r\n\r\n"
                .to_owned(),
            payload: vec![1],
        };
        let expected = Message {
            seq: 7,
            subject: Subject::new(Kind::Numbered, Item::Frame),
            at: 60,
            bytes: vec![1],
        };
        assert_eq!(message(&reply, "x"), Ok(Some(expected)));
        assert_eq!(message(&reply, "y"), Err(LogError::Refused));
        reply.headers = "NATS/1.0 204 EOB\r\n\r\n".to_owned();
        assert_eq!(message(&reply, "x"), Ok(None));
        reply.headers = "NATS/1.0 408 Bad Request\r\n\r\n".to_owned();
        assert_eq!(message(&reply, "x"), Err(LogError::Refused));
    }
}
