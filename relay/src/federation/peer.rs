//! Requests to the peer port of another member.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Mutex, time::timeout};
use tokio_rustls::{TlsConnector, rustls::ClientConfig, rustls::pki_types::ServerName};

use super::Member;

/// Timeout for a connection and its handshake.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Timeout for a whole response.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// No connection, so the request was not sent.
    #[error("no connection")]
    Unreachable,
    /// The other side has a key that is not in the file, or refuses ours.
    #[error("the TLS handshake failed: a key that is not in the file of members")]
    Handshake,
    /// The connection ended, or took too long: whether the request was served is
    /// unknown.
    #[error("the connection ended before the response")]
    Interrupted,
    /// A response that is larger than asked for.
    #[error("the response is too large")]
    TooLarge,
    /// An unexpected status.
    #[error("answered {0}")]
    Status(StatusCode),
}

impl PeerError {
    /// Returns `true` if the request was certainly not served.
    #[must_use]
    pub fn not_sent(self) -> bool {
        matches!(self, Self::Unreachable | Self::Handshake)
    }
}

/// A response.
#[derive(Debug)]
pub struct PeerAnswer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Another member, and a connection that is reused.
pub struct Peer {
    /// The member.
    pub member: Member,
    tls: TlsConnector,
    idle: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({})", self.member.name)
    }
}

impl Peer {
    /// A member, to which connections are made with this configuration.
    #[must_use]
    pub fn new(member: Member, tls: ClientConfig) -> Self {
        Self {
            member,
            tls: TlsConnector::from(Arc::new(tls)),
            idle: Mutex::new(None),
        }
    }

    /// The body of a response with status 200, of at most `most` bytes.
    ///
    /// # Errors
    ///
    /// One of [`PeerError`].
    pub async fn get(&self, path: &str, most: usize) -> Result<Bytes, PeerError> {
        // An idle connection may have been closed meanwhile; a read may be repeated.
        let answer = match self.try_get(path, most).await {
            Err(PeerError::Interrupted) => self.try_get(path, most).await,
            answer => answer,
        }?;
        match answer.status {
            StatusCode::OK => Ok(answer.body),
            status => Err(PeerError::Status(status)),
        }
    }

    /// Posts cells on a new connection: then it is known whether they were sent.
    ///
    /// # Errors
    ///
    /// One of [`PeerError`].
    pub async fn post(&self, path: &str, body: Bytes) -> Result<PeerAnswer, PeerError> {
        let mut sender = self.connect().await?;
        exchange(&mut sender, Method::POST, path, body, 64 << 10).await
    }

    async fn try_get(&self, path: &str, most: usize) -> Result<PeerAnswer, PeerError> {
        let idle = self.idle.lock().await.take();
        let mut sender = match idle.filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let answer = exchange(&mut sender, Method::GET, path, Bytes::new(), most).await?;
        *self.idle.lock().await = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, PeerError> {
        let connect = async {
            let stream = TcpStream::connect(&self.member.peer).await;
            let stream = stream.map_err(|_| PeerError::Unreachable)?;
            let _ = stream.set_nodelay(true);
            // The name is not sent and counts for nothing: the key decides.
            let name = ServerName::try_from("peer").map_err(|_| PeerError::Unreachable)?;
            let stream = self.tls.connect(name, stream).await;
            let stream = stream.map_err(|_| PeerError::Handshake)?;
            let (sender, connection) = handshake(TokioIo::new(stream))
                .await
                .map_err(|_| PeerError::Unreachable)?;
            // Ends when the sender is dropped, or with an error that the sender sees.
            tokio::spawn(connection);
            Ok(sender)
        };
        let connected = timeout(CONNECT_TIME, connect).await;
        connected.unwrap_or(Err(PeerError::Unreachable))
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
    body: Bytes,
    most: usize,
) -> Result<PeerAnswer, PeerError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "peer")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .body(Full::new(body))
        .map_err(|_| PeerError::Unreachable)?;
    let answer = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|_| PeerError::Interrupted)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, most).collect().await;
        let body = body.map_err(|error| match error.downcast_ref() {
            Some(http_body_util::LengthLimitError { .. }) => PeerError::TooLarge,
            None => PeerError::Interrupted,
        })?;
        Ok(PeerAnswer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    };
    let answer = timeout(ANSWER_TIME, answer).await;
    answer.unwrap_or(Err(PeerError::Interrupted))
}
