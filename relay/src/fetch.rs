//! Reading from servers of the same operator, in plain HTTP.

use std::{error::Error, net::SocketAddr};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1::handshake, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The status and body of a response of at most `most` bytes.
pub(crate) async fn get(
    address: SocketAddr,
    path: &str,
    most: usize,
) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Ends when the sender is dropped.
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), most).collect().await?;
    Ok((status, body.to_bytes()))
}
