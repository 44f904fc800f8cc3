//! The text protocol of NATS: the messages that this client sends and receives.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The longest line of a server: `INFO` lists all servers of a cluster.
const MOST_LINE: usize = 64 << 10;
/// The longest message; servers allow 1 MiB.
const MOST_MESSAGE: usize = 8 << 20;

/// A message for this client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) subject: String,
    /// The header block, as sent.
    pub(super) headers: String,
    pub(super) payload: Vec<u8>,
}

impl Incoming {
    /// The status in the first line of the header block.
    pub(super) fn status(&self) -> Option<u16> {
        let line = self.headers.lines().next()?;
        line.strip_prefix("NATS/1.0")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().skip(1).find_map(|line| {
            let (of, value) = line.split_once(':')?;
            (of == name).then(|| value.trim())
        })
    }
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Info(String),
    Message(Incoming),
    Ping,
    Pong,
    Ok,
    Error(String),
}

/// Encodes a publication.
pub(super) fn publish_frame(subject: &str, reply: Option<&str>, bytes: &[u8]) -> Vec<u8> {
    let reply = reply.map_or_else(String::new, |reply| format!("{reply} "));
    let line = format!("PUB {subject} {reply}{}\r\n", bytes.len());
    [line.as_bytes(), bytes, b"\r\n"].concat()
}

/// Reads the next operation; `None` at the end of the connection.
pub(super) async fn receive(
    from: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<Received>> {
    let Some(line) = read_line(from).await? else {
        return Ok(None);
    };
    let (verb, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
    let received = match verb.to_ascii_uppercase().as_str() {
        "PING" => Received::Ping,
        "PONG" => Received::Pong,
        "+OK" => Received::Ok,
        "-ERR" => Received::Error(rest.trim().to_owned()),
        "INFO" => Received::Info(rest.to_owned()),
        "MSG" => Received::Message(message(from, rest, false).await?),
        "HMSG" => Received::Message(message(from, rest, true).await?),
        _ => return Err(malformed()),
    };
    Ok(Some(received))
}

async fn read_line(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut limited = from.take(MOST_LINE as u64);
    limited.read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\n").ok_or_else(malformed)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = String::from_utf8(line.to_vec()).map_err(|_| malformed())?;
    Ok(Some(line))
}

/// Reads a message: `subject sid [reply] [headers] total`.
async fn message(
    from: &mut (impl AsyncBufRead + Unpin),
    line: &str,
    has_headers: bool,
) -> io::Result<Incoming> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |field: Option<&&str>| -> io::Result<usize> {
        let number = field.and_then(|field| field.parse().ok());
        number
            .filter(|number| *number <= MOST_MESSAGE)
            .ok_or_else(malformed)
    };
    let total = number(fields.last())?;
    let header_len = match has_headers {
        true => number(fields.iter().rev().nth(1))?,
        false => 0,
    };
    let mut bytes = vec![0; total + 2];
    from.read_exact(&mut bytes).await?;
    let bytes = bytes.strip_suffix(b"\r\n").ok_or_else(malformed)?;
    let (headers, payload) = bytes.split_at_checked(header_len).ok_or_else(malformed)?;
    Ok(Incoming {
        subject: (*fields.first().ok_or_else(malformed)?).to_owned(),
        headers: String::from_utf8(headers.to_vec()).map_err(|_| malformed())?,
        payload: payload.to_vec(),
    })
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the protocol of NATS")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> io::Result<Vec<Received>> {
        let (mut from, mut received) = (bytes, Vec::new());
        while let Some(one) = receive(&mut from).await? {
            received.push(one);
        }
        Ok(received)
    }

    #[tokio::test]
    async fn operations_of_a_server_are_parsed() {
        let received = all(b"INFO {\"a\":1}\r\nPING\r\nPONG\r\n+OK\r\n-ERR 'x y'\r\n\
            MSG a.b 1 3\r\nabc\r\nMSG a.b 1 re.ply 0\r\n\r\n\
            HMSG a 1 28 30\r\nNATS/1.0 204 EOB\r\nKey: v\r\n\r\nhi\r\n")
        .await
        .unwrap();
        assert_eq!(received[0], Received::Info("{\"a\":1}".to_owned()));
        assert_eq!(received[4], Received::Error("'x y'".to_owned()));
        let Received::Message(plain) = &received[5] else {
            panic!("{received:?}");
        };
        assert_eq!(
            (plain.subject.as_str(), &plain.payload[..]),
            ("a.b", &b"abc"[..])
        );
        assert_eq!(plain.status(), None);
        let Received::Message(with_headers) = &received[7] else {
            panic!("{received:?}");
        };
        assert_eq!(with_headers.status(), Some(204));
        assert_eq!(with_headers.header("Key"), Some("v"));
        assert_eq!(with_headers.payload, b"hi");
    }

    #[tokio::test]
    async fn malformed_operations_are_refused() {
        for bytes in [
            b"HELLO\r\n".as_slice(),
            b"PING",
            b"MSG a 1 x\r\n",
            b"MSG a 1 5\r\nab\r\n",
            b"MSG a 1 99999999999\r\n",
            b"HMSG a 1 9 3\r\nabc\r\n",
            b"MSG a 1 3\r\nabcd\r\n",
            b"\xff\xfe\r\n",
        ] {
            assert!(all(bytes).await.is_err(), "{bytes:?}");
        }
        let long = [b"INFO ".as_slice(), &[b'x'; MOST_LINE]].concat();
        assert!(all(&long).await.is_err());
    }

    #[test]
    fn publications_are_encoded() {
        assert_eq!(publish_frame("a", None, b"xy"), b"PUB a 2\r\nxy\r\n");
        assert_eq!(publish_frame("a", Some("r"), b""), b"PUB a r 0\r\n\r\n");
    }
}
