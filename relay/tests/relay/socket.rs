//! A persistent connection, and WebSocket frames written by hand, so that a test
//! controls every byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::{client::Answer, wait::PATIENCE};

/// A connection.
pub(crate) struct Socket(pub(crate) TcpStream);

/// A frame of a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Ping,
    /// Code and reason.
    Close(u16, String),
    /// The stream ended without a close.
    End,
}

pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

impl Socket {
    pub(crate) fn connect(relay: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&relay, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Sends a request and reads its response, which must have a length.
    pub(crate) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: relay\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        head += "\r\n";
        let _ = self.0.write_all(&[head.as_bytes(), body].concat());
        self.answer()
    }

    /// Reads the next response; `None` if the relay has closed.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).ok()?;
            bytes.push(byte[0]);
        }
        let mut answer = crate::client::parse(&bytes)?;
        let len = answer
            .header("content-length")
            .map_or(0, |len| len.parse().unwrap());
        answer.body = vec![0; len];
        self.0.read_exact(&mut answer.body).ok()?;
        Some(answer)
    }

    /// Returns `true` if the relay closes within this time, ignoring what it sends.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        self.0.set_read_timeout(Some(time)).unwrap();
        let start = std::time::Instant::now();
        let mut bytes = [0; 4096];
        loop {
            match self.0.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) if start.elapsed() < time => (),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return true,
                Ok(_) | Err(_) => return false,
            }
        }
    }

    /// Opens a WebSocket without sending a subscription.
    pub(crate) fn upgrade(relay: SocketAddr) -> Self {
        let mut socket = Self::connect(relay);
        let answer = socket.request("GET", "/v1/ws", &UPGRADE, b"").unwrap();
        assert_eq!(answer.status, 101, "{answer:?}");
        // RFC 6455 §1.3.
        assert_eq!(
            answer.header("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        socket
    }

    /// Opens a WebSocket and subscribes.
    pub(crate) fn subscribe(relay: SocketAddr, message: &str) -> Self {
        let mut socket = Self::upgrade(relay);
        socket.send_text(message);
        socket
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.send_frame(0x81, text.as_bytes());
    }

    /// First byte of the frame (final bit and kind), payload; masked with zeros.
    pub(crate) fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(len) if len < 126 => frame.push(0x80 | len),
            _ => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        let _ = self.0.write_all(&frame);
    }

    pub(crate) fn frame(&mut self) -> Frame {
        let mut head = [0; 2];
        if self.0.read_exact(&mut head).is_err() {
            return Frame::End;
        }
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.0.read_exact(&mut len).unwrap();
                usize::from(u16::from_be_bytes(len))
            }
            len => usize::from(len),
        };
        let mut payload = vec![0; len];
        self.0.read_exact(&mut payload).unwrap();
        match head[0] {
            0x81 => Frame::Text(String::from_utf8(payload).unwrap()),
            0x89 => Frame::Ping,
            0x88 => Frame::Close(
                u16::from_be_bytes(payload[..2].try_into().unwrap()),
                String::from_utf8(payload[2..].to_vec()).unwrap(),
            ),
            kind => panic!("frame {kind:x}"),
        }
    }

    /// Reads the next notice.
    pub(crate) fn notice(&mut self) -> serde_json::Value {
        loop {
            match self.frame() {
                Frame::Text(text) => return serde_json::from_str(&text).unwrap(),
                Frame::Ping => self.send_frame(0x8a, b""),
                frame => panic!("{frame:?}"),
            }
        }
    }
}
