//! A minimal HTTP/1.1 client, which uses less CPU than the servers.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A persistent connection.
pub(crate) struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            head: Vec::new(),
            buffer: vec![0; 64 << 10],
        })
    }

    /// Posts entries; only 202 counts.
    pub(crate) async fn post_cells(&mut self, body: &[u8]) -> Result<()> {
        let (status, _) = self.post("/v1/cells", body).await?;
        ensure!(status == 202, "a post was answered {status}");
        Ok(())
    }

    /// The status and the number of bytes of the answer to a post, which are read and dropped.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8]) -> Result<(u16, usize)> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.head.clear();
        self.head.extend_from_slice(head.as_bytes());
        self.head.extend_from_slice(body);
        self.stream.write_all(&self.head).await?;
        self.answer(None).await
    }

    /// The status and the number of bytes of a body, which are read and dropped.
    pub(crate) async fn drain(&mut self, path: &str) -> Result<(u16, usize)> {
        self.ask(path).await?;
        self.answer(None).await
    }

    /// A body.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        self.ask(path).await?;
        let mut body = Vec::new();
        let (status, _) = self.answer(Some(&mut body)).await?;
        ensure!(status == 200, "{path} was answered {status}");
        Ok(body)
    }

    /// Upgrades to a WebSocket and subscribes to one bucket; `false` if that is not
    /// supported.
    pub(crate) async fn subscribe(&mut self, bucket: u32) -> Result<bool> {
        let head = "GET /v1/ws HTTP/1.1\r\nhost: bench\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await?;
        let mut body = Vec::new();
        if self.answer(Some(&mut body)).await?.0 != 101 {
            return Ok(false);
        }
        // A masked text frame; a mask of zeros leaves the text as it is.
        let text = format!("{{\"bucket\":{bucket}}}");
        let length = u8::try_from(text.len()).context("short")?;
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).await?;
        Ok(true)
    }

    async fn ask(&mut self, path: &str) -> Result<()> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n");
        Ok(self.stream.write_all(head.as_bytes()).await?)
    }

    async fn answer(&mut self, mut keep: Option<&mut Vec<u8>>) -> Result<(u16, usize)> {
        let mut filled = 0;
        let body = loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let count = self.stream.read(room).await?;
            ensure!(count > 0, "the connection was closed");
            filled += count;
            let got = self.buffer.get(..filled).unwrap_or_default();
            if let Some(end) = got.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(self.buffer.get(..body).unwrap_or_default())?;
        let status: u16 = head.split(' ').nth(1).context("no status")?.parse()?;
        let length = match head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim())
        }) {
            Some(length) => length.parse()?,
            None if matches!(status, 101 | 202 | 204 | 304) => 0,
            None => bail!("an answer without a length"),
        };
        let mut read = filled - body;
        if let Some(keep) = keep.as_deref_mut() {
            keep.extend_from_slice(self.buffer.get(body..filled).unwrap_or_default());
        }
        while read < length {
            let count = self.stream.read(&mut self.buffer).await?;
            ensure!(count > 0, "a body ended early");
            read += count;
            if let Some(keep) = keep.as_deref_mut() {
                keep.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
            }
        }
        Ok((status, length))
    }
}
