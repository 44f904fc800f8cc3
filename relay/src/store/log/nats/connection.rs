//! The connection to one server at a time.

use std::{io, path::Path, sync::Arc, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{
        AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter, ReadHalf,
        WriteHalf, split,
    },
    net::TcpStream,
    sync::mpsc,
    time::{Instant, interval_at, sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::{
    NatsError, Nkey, Shared,
    protocol::{Received, receive},
};

/// How long connecting and authentication may take.
const CONNECT: Duration = Duration::from_secs(3);
/// Pause after an attempt that failed.
const PAUSE: Duration = Duration::from_millis(250);
/// A server that answers no ping within two of these has stopped.
const PING: Duration = Duration::from_secs(2);

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

type Reading = BufReader<ReadHalf<Box<dyn Socket>>>;
type Writing = BufWriter<WriteHalf<Box<dyn Socket>>>;

/// How a server describes itself.
#[derive(Debug, Deserialize)]
struct Info {
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    headers: bool,
}

/// The task that owns the connection; ends when the client is dropped.
pub(super) struct Task {
    pub(super) servers: Vec<String>,
    pub(super) connector: Option<TlsConnector>,
    pub(super) nkey: Option<Nkey>,
    pub(super) shared: Arc<Shared>,
    pub(super) queued: mpsc::Receiver<Vec<u8>>,
}

impl Task {
    pub(super) async fn run(mut self) {
        let mut was_connected = true;
        for at in 0.. {
            let Some(server) = self.servers.get(at % self.servers.len().max(1)).cloned() else {
                return;
            };
            let connected = timeout(CONNECT, self.connect(&server)).await;
            let error = match connected {
                Ok(Ok((reading, writing))) => {
                    tracing::info!("connected to a server of the log");
                    was_connected = true;
                    match self.serve(reading, writing).await {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Ok(Err(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            self.shared.disconnected();
            if std::mem::take(&mut was_connected) {
                tracing::warn!(%error, "no connection to a server of the log, trying the next");
            }
            sleep(PAUSE).await;
            // What waited is older than its request's patience.
            while self.queued.try_recv().is_ok() {}
            if self.queued.is_closed() {
                return;
            }
        }
    }

    async fn connect(&self, server: &str) -> io::Result<(Reading, Writing)> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let mut plain = BufReader::new(Box::new(stream) as Box<dyn Socket>);
        let info = expect_info(&mut plain).await?;
        let socket = match (&self.connector, info.tls_required) {
            (Some(connector), _) => {
                let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| refused("the server's name is not usable for TLS"))?;
                let secure = connector.connect(name, plain.into_inner()).await?;
                Box::new(secure) as Box<dyn Socket>
            }
            (None, true) => return Err(refused("the server demands TLS: --nats-ca")),
            (None, false) => plain.into_inner(),
        };
        if !info.headers {
            return Err(refused("the server has no headers"));
        }
        let (reading, writing) = split(socket);
        let (mut reading, mut writing) = (BufReader::new(reading), BufWriter::new(writing));
        let hello = self.hello(&info)?;
        writing.write_all(hello.as_bytes()).await?;
        writing.flush().await?;
        loop {
            match next(&mut reading).await? {
                Received::Pong => return Ok((reading, writing)),
                Received::Error(error) => return Err(refused(&error)),
                _ => (),
            }
        }
    }

    /// `CONNECT` with the signed nonce, and the subscriptions.
    fn hello(&self, info: &Info) -> io::Result<String> {
        let mut options = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
            "protocol": 1, "lang": "rust", "name": "tessera-relay",
            "version": env!("CARGO_PKG_VERSION"), "tls_required": self.connector.is_some(),
        });
        if let (Some(nkey), Some(fields)) = (&self.nkey, options.as_object_mut()) {
            let nonce = info.nonce.as_deref();
            let nonce = nonce.ok_or_else(|| refused("the server has no keys for users"))?;
            let signature = nkey.sign(nonce.as_bytes());
            let signature = Base64UrlUnpadded::encode_string(&signature);
            fields.insert("nkey".to_owned(), nkey.public().into());
            fields.insert("sig".to_owned(), signature.into());
        }
        let Shared { inbox, kicks, .. } = &*self.shared;
        Ok(format!(
            "CONNECT {options}\r\nSUB {inbox}.* 1\r\nSUB {kicks} 2\r\nPING\r\n"
        ))
    }

    /// Sends and receives until the connection fails, or the client is dropped.
    async fn serve(&mut self, mut reading: Reading, mut writing: Writing) -> io::Result<()> {
        let (received, mut incoming) = mpsc::channel(64);
        let reader = tokio::spawn(async move {
            loop {
                let operation = next(&mut reading).await;
                let is_end = operation.is_err();
                if received.send(operation).await.is_err() || is_end {
                    return;
                }
            }
        });
        let outcome = self.exchange(&mut incoming, &mut writing).await;
        reader.abort();
        outcome
    }

    async fn exchange(
        &mut self,
        incoming: &mut mpsc::Receiver<io::Result<Received>>,
        writing: &mut Writing,
    ) -> io::Result<()> {
        let mut pings = interval_at(Instant::now() + PING, PING);
        let mut unanswered = 0;
        loop {
            tokio::select! {
                operation = incoming.recv() => match operation.unwrap_or_else(|| Err(ended()))? {
                    Received::Message(message) => self.shared.deliver(message),
                    Received::Ping => {
                        writing.write_all(b"PONG\r\n").await?;
                        writing.flush().await?;
                    }
                    Received::Pong => unanswered = 0,
                    Received::Error(error) if self.shared.forbid(&error) => (),
                    Received::Error(error) => return Err(refused(&error)),
                    Received::Info(_) | Received::Ok => (),
                },
                frame = self.queued.recv() => {
                    let Some(frame) = frame else { return Ok(()) };
                    writing.write_all(&frame).await?;
                    while let Ok(frame) = self.queued.try_recv() {
                        writing.write_all(&frame).await?;
                    }
                    timeout(2 * PING, writing.flush()).await??;
                }
                _ = pings.tick() => {
                    if unanswered == 2 {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    unanswered += 1;
                    writing.write_all(b"PING\r\n").await?;
                    timeout(2 * PING, writing.flush()).await??;
                }
            }
        }
    }
}

/// The configuration of TLS with these certificate authorities.
pub(super) fn tls(ca: &Path) -> Result<TlsConnector, NatsError> {
    let mut roots = RootCertStore::empty();
    let mut read = || -> Result<(), Box<dyn std::error::Error>> {
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        match roots.is_empty() {
            true => Err("no certificate".into()),
            false => Ok(()),
        }
    };
    read().map_err(|error| NatsError::Ca {
        path: ca.to_owned(),
        reason: error.to_string(),
    })?;
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn expect_info(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Info> {
    match next(from).await? {
        Received::Info(info) => serde_json::from_str(&info).map_err(|_| refused("INFO")),
        _ => Err(refused("not a server of NATS")),
    }
}

async fn next(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Received> {
    receive(from).await?.ok_or_else(ended)
}

fn ended() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

fn refused(reason: &str) -> io::Error {
    io::Error::other(reason.to_owned())
}
