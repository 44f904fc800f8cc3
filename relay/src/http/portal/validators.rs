//! Entity tags of the portal's files. They say what a file holds, not when it was written:
//! files of an image that was built reproducibly all have the same time, so that a browser
//! would keep an old page.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};
use tessera::wire::hex;

use crate::http::buckets::names;

/// Larger files have no entity tag unless their name is a hash: it takes reading them.
const MOST: u64 = 1 << 20;

/// What a request says of the file that its sender has.
#[derive(Debug)]
pub(super) struct Asked {
    known: Option<HeaderValue>,
    is_head: bool,
}

/// Takes the conditions out of a request. `hashed` is the name of a file that never changes.
///
/// A part is one of the file itself, never of a compressed one; if what the sender has is
/// another file, it gets the whole one.
pub(super) fn take(request: &mut Request, hashed: Option<&str>) -> Asked {
    let is_head = request.method() == Method::HEAD;
    if is_head && hashed.is_none() {
        *request.method_mut() = Method::GET; // the tag is of the content
    }
    let headers = request.headers_mut();
    let known = headers.remove(header::IF_NONE_MATCH);
    headers.remove(header::IF_MODIFIED_SINCE);
    headers.remove(header::IF_UNMODIFIED_SINCE);
    if let Some(other) = headers.remove(header::IF_RANGE)
        && hashed.and_then(|name| tag(name, None)) != Some(other)
    {
        headers.remove(header::RANGE);
    }
    if hashed.is_none() || headers.contains_key(header::RANGE) {
        headers.remove(header::ACCEPT_ENCODING);
    }
    Asked { known, is_head }
}

impl Asked {
    /// Adds the tag of a file that is sent, and sends nothing of one that the sender has.
    pub(super) async fn answer(self, response: Response, hashed: Option<&str>) -> Response {
        let (mut head, mut body) = response.into_parts();
        if !matches!(head.status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return Response::from_parts(head, body);
        }
        head.headers.remove(header::LAST_MODIFIED);
        let tag = match hashed {
            Some(name) => {
                let vary = HeaderValue::from_static("accept-encoding");
                head.headers.insert(header::VARY, vary);
                tag(name, head.headers.get(header::CONTENT_ENCODING))
            }
            None if head.status == StatusCode::OK && length(&head.headers) <= MOST => {
                let Ok(content) = body.collect().await else {
                    return StatusCode::INTERNAL_SERVER_ERROR.into_response();
                };
                let content = content.to_bytes();
                let tag = tag(&hex::encode(&Sha256::digest(&content)), None);
                body = Body::from(content);
                tag
            }
            None => None,
        };
        if let Some(tag) = tag {
            if self
                .known
                .is_some_and(|known| names(&known, tag.as_bytes()))
            {
                head.status = StatusCode::NOT_MODIFIED;
                for of_content in OF_CONTENT {
                    head.headers.remove(of_content);
                }
                body = Body::empty();
            }
            head.headers.insert(header::ETAG, tag);
        }
        if self.is_head {
            body = Body::empty();
        }
        Response::from_parts(head, body)
    }
}

const OF_CONTENT: [HeaderName; 5] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ACCEPT_RANGES,
];

/// Of a file, compressed or not.
fn tag(name: &str, encoding: Option<&HeaderValue>) -> Option<HeaderValue> {
    let encoding = encoding.and_then(|value| value.to_str().ok());
    let tag = match encoding {
        Some(encoding) => format!("\"{name}.{encoding}\""),
        None => format!("\"{name}\""),
    };
    HeaderValue::try_from(tag).ok()
}

fn length(headers: &HeaderMap) -> u64 {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(u64::MAX)
}
