//! A minimal NATS client that publishes to a stream and waits for the
//! acknowledgement.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// A connection with its own inbox.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    inbox: String,
    out: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr, number: usize) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream: BufReader::new(stream),
            inbox: format!("_INBOX.bench.{number}"),
            out: Vec::new(),
        };
        let greeting = connection.line().await?;
        ensure!(greeting.starts_with("INFO "), "not NATS");
        let hello = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true}}\r\nSUB {} 1\r\n",
            connection.inbox
        );
        connection.stream.write_all(hello.as_bytes()).await?;
        Ok(connection)
    }

    /// Creates the stream for messages, on the disks of so many servers.
    pub(crate) async fn make_stream(&mut self, replicas: u8) -> Result<()> {
        let settings = format!(
            r#"{{"name":"CELLS","subjects":["cells"],"storage":"file","retention":"limits","num_replicas":{replicas}}}"#
        );
        let answer = self
            .request("$JS.API.STREAM.CREATE.CELLS", settings.as_bytes())
            .await?;
        ensure!(!answer.contains("\"error\""), "{answer}");
        Ok(())
    }

    /// Publishes a message and waits for its acknowledgement.
    pub(crate) async fn publish(&mut self, body: &[u8]) -> Result<()> {
        let answer = self.request("cells", body).await?;
        ensure!(answer.contains("\"seq\""), "{answer}");
        Ok(())
    }

    async fn request(&mut self, subject: &str, body: &[u8]) -> Result<String> {
        self.out.clear();
        let head = format!("PUB {subject} {} {}\r\n", self.inbox, body.len());
        self.out.extend_from_slice(head.as_bytes());
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\r\n");
        self.stream.write_all(&self.out).await?;
        loop {
            let line = self.line().await?;
            if line.starts_with("PING") {
                self.stream.write_all(b"PONG\r\n").await?;
            }
            if line.starts_with("MSG ") {
                let length: usize = line.rsplit(' ').next().context("no length")?.parse()?;
                let mut body = vec![0; length + 2];
                self.stream.read_exact(&mut body).await?;
                return Ok(String::from_utf8_lossy(&body).trim_end().to_owned());
            }
            ensure!(!line.starts_with("-ERR"), "{line}");
        }
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).await?;
        ensure!(count > 0, "the connection was closed");
        Ok(line.trim_end().to_owned())
    }
}
