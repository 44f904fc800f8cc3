//! `GET /v1/ws`: notices of publications. Protocol §12.
//!
//! A connection is a task with a bucket and without a queue: at each publication
//! it sends the newest notice, and a client that does not read is dropped.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64ct::{Base64, Encoding as _};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tessera::{
    base::ErrorCode,
    wire::{BatchHeader, BatchRef, BucketId},
};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

use super::{App, Refusal, Shared};
use crate::{
    access::Given,
    limits::Connection,
    store::{Kind, Store},
};

/// Timeout for the subscription.
const SUBSCRIBE_TIME: Duration = Duration::from_secs(10);
/// Maximum length of the subscription in bytes.
const SUBSCRIPTION_LEN: usize = 1024;
/// Interval of pings, and timeout for the pong.
const PING: Duration = Duration::from_secs(30);
/// Timeout for sending a message.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Timeout for the close handshake.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// Maximum number of control frames between two pings.
const CONTROL_FRAMES: u32 = 8;

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Responds to a handshake (RFC 6455 §4.2) and serves the stream in its own task.
pub(super) async fn open<S: Store>(
    State(app): Shared<S>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request,
) -> Result<Response, Refusal> {
    if app.is_draining() {
        return Err(Refusal::Draining);
    }
    let accept = handshake(request.headers()).filter(|_| request.method() == Method::GET);
    let accept = accept.ok_or(Refusal::Upgrade)?;
    if !app.access.accept_page(request.headers()) {
        return Err(Refusal::Unauthorized);
    }
    let place = connection.subscribe().ok_or(Refusal::Overloaded)?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            serve(&app, upgraded).await;
        }
        drop((place, connection));
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// The `Sec-WebSocket-Accept` of a WebSocket handshake.
fn handshake(headers: &HeaderMap) -> Option<HeaderValue> {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let has = |name, token: &str| {
        let values = headers.get_all(name).iter();
        let mut tokens = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|v| v.split(','));
        tokens.any(|one| one.trim().eq_ignore_ascii_case(token))
    };
    let is_upgrade = has(header::CONNECTION, "upgrade")
        && has(header::UPGRADE, "websocket")
        && has(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let mut nonce = [0; 16];
    let is_key = Base64::decode(key.as_bytes(), &mut nonce).is_ok_and(|nonce| nonce.len() == 16);
    if !is_upgrade || !is_key {
        return None;
    }
    let mut sha1 = sha1_smol::Sha1::from(key.as_bytes());
    sha1.update(GUID);
    HeaderValue::try_from(Base64::encode_string(&sha1.digest().bytes())).ok()
}

/// Why the relay ends a stream: close code and reason.
#[derive(Clone, Copy)]
enum End {
    /// The relay is shutting down, or the token is no longer valid.
    GoingAway,
    /// The first message is not a subscription, or there was a second message.
    Malformed,
    /// No such bucket.
    Bucket,
    /// No token, or a wrong one.
    Unauthorized,
    /// No subscription in time.
    Slow,
}

impl End {
    fn message(self) -> Message {
        let (code, reason) = match self {
            Self::GoingAway => (1001, ""),
            Self::Malformed => (4400, ErrorCode::Malformed.as_str()),
            Self::Bucket => (4400, ErrorCode::InvalidArgument.as_str()),
            Self::Unauthorized => (4401, ErrorCode::Unauthorized.as_str()),
            Self::Slow => (4408, ErrorCode::RelayBusy.as_str()),
        };
        Message::close(CloseCode::try_from(code).ok(), reason)
    }
}

/// The client has disconnected, does not read, or violates the WebSocket protocol.
struct Gone;

/// Why a stream ends: with a close frame, or without.
type Ended = Result<End, Gone>;

async fn serve<S: Store>(app: &App<S>, upgraded: Upgraded) {
    let limits = Limits::default().max_payload_len(Some(SUBSCRIPTION_LEN));
    let mut stream = ServerBuilder::new()
        .limits(limits)
        .serve(TokioIo::new(upgraded));
    let ended = match subscription(app, &mut stream).await {
        Ok(subscription) => follow(app, &subscription, &mut stream).await,
        Err(ended) => ended,
    };
    if let Ok(end) = ended {
        let close = async {
            let _ = stream.send(end.message()).await;
            let _ = stream.close().await;
        };
        let _ = timeout(CLOSE_TIME, close).await;
    }
}

/// The subscription of a client.
struct Subscription {
    bucket: BucketId,
    token: Option<Given>,
}

/// The first message; unknown members are ignored.
#[derive(Deserialize)]
struct FirstMessage<'m> {
    bucket: u32,
    token: Option<&'m str>,
}

async fn subscription<S: Store>(app: &App<S>, stream: &mut Stream) -> Result<Subscription, Ended> {
    let mut draining = app.draining.clone();
    let first = async {
        loop {
            match stream.next().await {
                Some(Ok(message)) if message.is_ping() || message.is_pong() => (),
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    };
    let message = tokio::select! {
        first = timeout(SUBSCRIBE_TIME, first) => first.map_err(|_| Ok(End::Slow))?,
        () = ended(&mut draining) => return Err(Ok(End::GoingAway)),
    };
    let message = message
        .filter(|message| !message.is_close())
        .ok_or(Err(Gone))?;
    let text = message.as_text().ok_or(Ok(End::Malformed))?;
    let first: FirstMessage<'_> = serde_json::from_str(text).map_err(|_| Ok(End::Malformed))?;
    let token = first.token.map(Given::new);
    if !app.access.accept(token.as_ref()) {
        return Err(Ok(End::Unauthorized));
    }
    let bucket = BucketId::try_from(first.bucket).map_err(|_| Ok(End::Bucket))?;
    if bucket.is_lobby() || !app.bucket_count().contains(bucket) {
        return Err(Ok(End::Bucket));
    }
    Ok(Subscription { bucket, token })
}

async fn follow<S: Store>(app: &App<S>, to: &Subscription, stream: &mut Stream) -> Ended {
    let mut draining = app.draining.clone();
    let mut tokens = app.access.tokens.clone();
    let mut numbered = app.published.subscribe(Kind::Numbered);
    let mut lobby = app.published.subscribe(Kind::Lobby);
    numbered.mark_changed();
    lobby.mark_changed();
    let mut ping = ping_interval();
    let (mut is_awake, mut frames) = (true, 0);
    loop {
        tokio::select! {
            () = ended(&mut draining) => return Ok(End::GoingAway),
            _ = changed(&mut tokens) => if !app.access.accept(to.token.as_ref()) {
                return Ok(End::GoingAway);
            },
            Ok(()) = numbered.changed() => notify(app, to.bucket, stream).await?,
            Ok(()) = lobby.changed() => notify(app, BucketId::LOBBY, stream).await?,
            _ = ping.tick() => {
                if !std::mem::take(&mut is_awake) {
                    return Err(Gone);
                }
                frames = 0;
                send(stream, Message::ping(Bytes::new())).await?;
            }
            message = stream.next() => match message {
                Some(Ok(message)) if message.is_ping() || message.is_pong() => {
                    is_awake |= message.is_pong();
                    frames += 1;
                    if frames > CONTROL_FRAMES {
                        return Err(Gone);
                    }
                }
                Some(Ok(message)) if !message.is_close() => return Ok(End::Malformed),
                _ => return Err(Gone),
            },
        }
    }
}

/// Sends the newest batch of a bucket, if there is one.
async fn notify<S: Store>(app: &App<S>, bucket: BucketId, stream: &mut Stream) -> Result<(), Gone> {
    match app.indexes.newest(app, bucket).await {
        Ok(Some(notice)) => send(stream, Message::text(notice)).await,
        // The store logs the error; there will be another notice.
        Ok(None) | Err(_) => Ok(()),
    }
}

async fn send(stream: &mut Stream, message: Message) -> Result<(), Gone> {
    match timeout(SEND_TIME, stream.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Gone),
    }
}

fn ping_interval() -> Interval {
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping
}

/// Waits until the relay shuts down.
async fn ended(draining: &mut Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Waits for a change of the tokens; for ever if there are none.
async fn changed<T>(watched: &mut Option<Receiver<T>>) {
    let changed = match watched {
        Some(watched) => watched.changed().await,
        None => std::future::pending().await,
    };
    if changed.is_err() {
        std::future::pending().await
    }
}

/// Encodes a notice.
pub(super) fn notice(header: &BatchHeader) -> Option<Bytes> {
    #[derive(serde::Serialize)]
    struct Notice {
        bucket: serde_json::Value,
        #[serde(flatten)]
        batch: BatchRef,
    }
    let bucket = match header.bucket.is_lobby() {
        true => "lobby".into(),
        false => header.bucket.get().into(),
    };
    let batch = BatchRef::from(header);
    let json = serde_json::to_vec(&Notice { bucket, batch });
    json.ok().map(Bytes::from)
}
