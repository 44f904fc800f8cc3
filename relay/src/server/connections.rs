//! Connections: admitted by the limiter and served over HTTP.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tower_service::Service as _;

use super::min_rate::MinRateStream;
use crate::limits::{
    Accepted, Connection, ConnectionLimiter, HANDSHAKE_TIME, HEAD_FIELDS, HEAD_LEN, HEAD_TIME,
};

/// Pause after an error of `accept`, usually too many open files.
const PAUSE: Duration = Duration::from_millis(100);

const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n\
    connection: close\r\ncontent-length: 0\r\n\r\n";
const TOO_MANY: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 5\r\n\
    connection: close\r\ncontent-length: 0\r\n\r\n";

/// Serves until a stop signal, then returns at once; [`ConnectionLimiter::empty`]
/// waits for the end of the last connection.
pub(super) async fn serve(
    listener: TcpListener,
    limiter: Arc<ConnectionLimiter>,
    routes: Router,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    stop: watch::Receiver<bool>,
) {
    let mut stopping = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = limiter.accept(&listener) => accepted,
            () = limiter.forget() => continue,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok(Accepted::Served(stream, connection)) => {
                // Responses are written at once: Nagle's algorithm would only delay their ends.
                let _ = stream.set_nodelay(true);
                let (routes, stop) = (routes.clone(), stop.clone());
                match &tls {
                    None => drop(tokio::spawn(speak(stream, connection, routes, stop))),
                    Some(tls) => {
                        let handshake = TlsAcceptor::from(Arc::clone(&tls.borrow())).accept(stream);
                        let handshake = timeout(HANDSHAKE_TIME, handshake);
                        tokio::spawn(async move {
                            if let Ok(Ok(stream)) = handshake.await {
                                speak(stream, connection, routes, stop).await;
                            }
                        });
                    }
                }
            }
            Ok(Accepted::Full(stream)) if tls.is_none() => refuse(&stream, FULL),
            Ok(Accepted::TooMany(stream)) if tls.is_none() => refuse(&stream, TOO_MANY),
            Ok(Accepted::Full(_) | Accepted::TooMany(_)) => (),
            Err(error) => {
                tracing::warn!(kind = ?error.kind(), "accepting a connection failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    connection: Arc<Connection>,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&connection));
        let answer = routes.clone().call(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(HEAD_FIELDS)
        .max_buf_size(HEAD_LEN)
        .half_close(true)
        .serve_connection(TokioIo::new(MinRateStream::new(stream)), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    // Errors of a client are not logged: they may identify it.
    tokio::select! {
        _ = &mut serving => return,
        _ = stop.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Tries once to write a refusal; a client that cannot receive it gets none.
fn refuse(stream: &TcpStream, answer: &[u8]) {
    let _ = stream.try_write(answer);
}
