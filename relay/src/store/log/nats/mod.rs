//! A small client of NATS, for the four calls that the log needs: publish with
//! acknowledgement, batches of messages by sequence, purge, and stream info.
//! `docs/decisions/0006-nats-client.md` says why it is not a library.
//!
//! One task owns the connection and connects again after a failure, to the next
//! server. A request that is open when the connection fails has an unknown
//! outcome, which the callers expect.

mod connection;
mod direct;
mod nkey;
mod protocol;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

pub use self::nkey::{Nkey, NkeyError};
use self::protocol::{Incoming, publish_frame};
use super::{Log, LogError, Message, Stream, StreamInfo, Subject};
use crate::{lock::lock, random};

/// How long a publication waits for its acknowledgement.
const PUBLISH: Duration = Duration::from_secs(5);
/// How long a read waits for its next message.
const READ: Duration = Duration::from_secs(3);
/// Messages and bytes of one read.
const READ_MESSAGES: u32 = 256;
const READ_BYTES: u32 = 4 << 20;
/// Frames that wait for the connection.
const QUEUED: usize = 1024;
/// JetStream's error codes for a full stream and for a full account or server.
const FULL: [u32; 5] = [10077, 10002, 10023, 10028, 10047];

/// How to reach the servers.
#[derive(Debug)]
pub struct NatsOptions {
    /// Addresses as `host:port`; tried in turn.
    pub servers: Vec<String>,
    /// The deployment's name in streams and subjects.
    pub id: String,
    /// Certificates that sign the servers'; without, connections are in plain text.
    pub ca: Option<PathBuf>,
    /// The key of the user.
    pub nkey: Option<Nkey>,
}

/// Why the client cannot be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The name of the deployment is not usable in subjects.
    #[error("the name of a deployment is 1 to 32 letters, digits, _ or -")]
    Id,
    /// The certificates cannot be used.
    #[error("{path}: {reason}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The client of a deployment's log.
#[derive(Clone)]
pub struct Nats {
    shared: Arc<Shared>,
    frames: mpsc::Sender<Vec<u8>>,
}

/// What the connection's task and requests share.
struct Shared {
    id: String,
    inbox: String,
    kicks: String,
    next: AtomicU64,
    /// Open requests by the number in their reply subject.
    open: Mutex<Open>,
    kicked: Notify,
}

/// Open requests: their subject, and where their replies go.
type Open = HashMap<u64, (String, mpsc::UnboundedSender<Incoming>)>;

/// Status of a reply that stands for a refused permission.
const FORBIDDEN: u16 = 403;

impl Shared {
    /// Passes a message to the request that waits for it.
    fn deliver(&self, message: Incoming) {
        if message.subject == self.kicks {
            self.kicked.notify_one();
            return;
        }
        let number = message.subject.rsplit('.').next();
        let number = number.and_then(|number| number.parse().ok());
        let open = lock(&self.open);
        if let Some((_, request)) = number.and_then(|number: u64| open.get(&number)) {
            let _ = request.send(message);
        }
    }

    /// Ends the requests whose subject the user may not publish to. Returns `false`
    /// for any other error of a server.
    fn forbid(&self, error: &str) -> bool {
        let subject = error.strip_prefix("'Permissions Violation for Publish to \"");
        let Some(subject) = subject.and_then(|rest| rest.split('"').next()) else {
            return false;
        };
        tracing::error!(
            subject,
            "the user of the log may not publish to this subject"
        );
        for (_, request) in lock(&self.open).values().filter(|(of, _)| of == subject) {
            let _ = request.send(Incoming {
                headers: format!("NATS/1.0 {FORBIDDEN}"),
                ..Incoming::default()
            });
        }
        true
    }

    /// Ends all open requests: their outcome is unknown.
    fn disconnected(&self) {
        lock(&self.open).clear();
    }
}

/// A request whose replies are received; closed when dropped.
struct Request<'s> {
    shared: &'s Shared,
    number: u64,
    replies: mpsc::UnboundedReceiver<Incoming>,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        lock(&self.shared.open).remove(&self.number);
    }
}

impl Request<'_> {
    async fn next(&mut self, wait: Duration) -> Result<Incoming, LogError> {
        match timeout(wait, self.replies.recv()).await {
            Ok(Some(reply)) if reply.status() == Some(503) => Err(LogError::Unavailable),
            Ok(Some(reply)) if reply.status() == Some(FORBIDDEN) => Err(LogError::Refused),
            Ok(Some(reply)) => Ok(reply),
            Ok(None) | Err(_) => Err(LogError::Unavailable),
        }
    }
}

impl std::fmt::Debug for Nats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Nats({})", self.shared.id)
    }
}

impl Nats {
    /// Starts to connect; must be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`NatsError`].
    pub fn start(options: NatsOptions) -> Result<Self, NatsError> {
        if !is_id(&options.id) {
            return Err(NatsError::Id);
        }
        let connector = options.ca.as_deref().map(connection::tls).transpose()?;
        let name = random::bytes::<16>();
        let shared = Arc::new(Shared {
            inbox: format!("_INBOX.{}", tessera::wire::hex::encode(&name)),
            kicks: format!("tsr.{}.kick", options.id),
            id: options.id,
            next: AtomicU64::new(0),
            open: Mutex::default(),
            kicked: Notify::new(),
        });
        let (frames, queued) = mpsc::channel(QUEUED);
        let task = connection::Task {
            servers: options.servers,
            connector,
            nkey: options.nkey,
            shared: Arc::clone(&shared),
            queued,
        };
        tokio::spawn(task.run());
        Ok(Self { shared, frames })
    }

    /// The name of a stream of this deployment.
    #[must_use]
    pub fn stream(&self, stream: Stream) -> String {
        let letter = stream.letter().to_ascii_uppercase();
        format!("TSR_{}_{letter}", self.shared.id)
    }

    /// Sends a request and returns the content of its first reply.
    ///
    /// # Errors
    ///
    /// [`LogError::Unavailable`] without a reply.
    pub async fn request(&self, subject: &str, bytes: &[u8]) -> Result<Vec<u8>, LogError> {
        let mut request = self.send(subject, bytes).await?;
        Ok(request.next(PUBLISH).await?.payload)
    }

    /// Sends a request of JetStream's API and checks its reply for an error.
    ///
    /// # Errors
    ///
    /// [`LogError`].
    pub async fn api<T: for<'de> Deserialize<'de>>(
        &self,
        subject: &str,
        body: &serde_json::Value,
    ) -> Result<T, LogError> {
        let body = match body {
            serde_json::Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        parse(&self.request(subject, &body).await?)
    }

    async fn send(&self, subject: &str, bytes: &[u8]) -> Result<Request<'_>, LogError> {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (replies, receiver) = mpsc::unbounded_channel();
        lock(&self.shared.open).insert(number, (subject.to_owned(), replies));
        let request = Request {
            shared: &self.shared,
            number,
            replies: receiver,
        };
        let reply = format!("{}.{number}", self.shared.inbox);
        let frame = publish_frame(subject, Some(&reply), bytes);
        let sent = timeout(PUBLISH, self.frames.send(frame)).await;
        match sent {
            Ok(Ok(())) => Ok(request),
            _ => Err(LogError::Unavailable),
        }
    }
}

impl Log for Nats {
    async fn publish(&self, subject: Subject, bytes: Vec<u8>) -> Result<u64, LogError> {
        #[derive(Deserialize)]
        struct Ack {
            seq: u64,
        }
        let reply = self.request(&subject.name(&self.shared.id), &bytes).await?;
        parse::<Ack>(&reply).map(|ack| ack.seq)
    }

    async fn read(&self, stream: Stream, from: u64) -> Result<Vec<Message>, LogError> {
        let subject = format!("$JS.API.DIRECT.GET.{}", self.stream(stream));
        let body = json!({"seq": from, "batch": READ_MESSAGES, "max_bytes": READ_BYTES});
        let mut request = self.send(&subject, body.to_string().as_bytes()).await?;
        let mut messages = Vec::new();
        loop {
            let reply = request.next(READ).await?;
            match direct::message(&reply, &self.shared.id)? {
                Some(message) => messages.push(message),
                None => return Ok(messages),
            }
        }
    }

    async fn purge(&self, stream: Stream, before: u64) -> Result<(), LogError> {
        let subject = format!("$JS.API.STREAM.PURGE.{}", self.stream(stream));
        let _: serde_json::Value = self.api(&subject, &json!({"seq": before})).await?;
        Ok(())
    }

    async fn info(&self, stream: Stream) -> Result<StreamInfo, LogError> {
        #[derive(Deserialize)]
        struct Info {
            config: Config,
            state: State,
        }
        #[derive(Deserialize)]
        struct Config {
            max_bytes: i64,
        }
        #[derive(Deserialize)]
        struct State {
            bytes: u64,
            first_seq: u64,
            last_seq: u64,
        }
        let subject = format!("$JS.API.STREAM.INFO.{}", self.stream(stream));
        let info: Info = self.api(&subject, &serde_json::Value::Null).await?;
        Ok(StreamInfo {
            first: info.state.first_seq,
            last: info.state.last_seq,
            bytes: info.state.bytes,
            max_bytes: u64::try_from(info.config.max_bytes).unwrap_or(0),
        })
    }

    async fn kick(&self) {
        let frame = publish_frame(&self.shared.kicks, None, &[]);
        // It may be lost: readers also look from time to time.
        let _ = self.frames.try_send(frame);
    }

    async fn kicked(&self) {
        self.shared.kicked.notified().await;
    }
}

/// Parses a reply of JetStream, which may be an error.
fn parse<T: for<'de> Deserialize<'de>>(reply: &[u8]) -> Result<T, LogError> {
    #[derive(Deserialize)]
    struct Failed {
        error: ApiError,
    }
    #[derive(Deserialize)]
    struct ApiError {
        code: u32,
        #[serde(default)]
        err_code: u32,
    }
    if let Ok(Failed { error }) = serde_json::from_slice(reply) {
        return Err(match error {
            ApiError { err_code, .. } if FULL.contains(&err_code) => LogError::Full,
            ApiError { code: 500.., .. } => LogError::Unavailable,
            ApiError { code, err_code } => {
                tracing::error!(code, err_code, "JetStream refused a request");
                LogError::Refused
            }
        });
    }
    serde_json::from_slice(reply).map_err(|_| LogError::Refused)
}

/// Returns `true` for a name that can be part of a stream's name and of a subject.
fn is_id(id: &str) -> bool {
    let is_usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=32).contains(&id.len()) && id.bytes().all(is_usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_jetstream_are_told_apart() {
        let error = |code: u32, err_code: u32| {
            let reply = json!({"error": {"code": code, "err_code": err_code, "description": "x"}});
            parse::<serde_json::Value>(reply.to_string().as_bytes()).unwrap_err()
        };
        assert_eq!(error(400, 10077), LogError::Full);
        assert_eq!(error(503, 10008), LogError::Unavailable);
        assert_eq!(error(404, 10059), LogError::Refused);
        assert!(parse::<serde_json::Value>(b"not JSON").is_err());
        assert!(parse::<serde_json::Value>(b"{\"seq\":1}").is_ok());
    }

    #[test]
    fn names_that_would_change_a_subject_are_refused() {
        assert!(is_id("clinic-1_A"));
        for id in ["", "a.b", "a b", "*", ">", "a\r\n", &"x".repeat(33)] {
            assert!(!is_id(id), "{id:?}");
        }
    }
}
