//! Error responses: RFC 9457 problem documents with a stable code.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tessera::{
    base::ErrorCode,
    wire::{PostError, Problem, SelectError, relay_api::PROBLEM_TYPE},
};

use crate::{
    limits::{RETRY_AFTER_SECONDS, Wait},
    store::StoreError,
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 400: the body is not a valid post to this relay.
    Post(PostError),
    /// 400, 409 or 413: a select that this relay does not answer.
    Select(SelectError),
    /// 400: the body ended early.
    Incomplete,
    /// 401: no access token, or a wrong one; or a page of another origin.
    Unauthorized,
    /// 404: does not exist, or not yet.
    NotFound,
    /// 405.
    Method,
    /// 408: the body took too long.
    Slow,
    /// 410: deleted after its retention.
    Expired {
        /// The oldest epoch kept.
        oldest: Option<u64>,
    },
    /// 413.
    TooLarge,
    /// 415.
    MediaType,
    /// 426: WebSocket upgrade required.
    Upgrade,
    /// 429: above a rate limit.
    TooMuch(Wait),
    /// 503: shutting down.
    Draining,
    /// 503: at the maximum number of requests or connections.
    Overloaded,
    /// 503: a bucket could not be closed when its epoch ended.
    Behind,
    /// 503: no publisher of the federation answered; whether one has the post may be
    /// unknown.
    NoPublisher,
    /// 503 or 507: the store failed.
    Store(StoreError),
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Select(SelectError::Window) => StatusCode::CONFLICT,
            Self::Select(SelectError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Post(_) | Self::Select(_) | Self::Incomplete => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Expired { .. } => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Upgrade => StatusCode::UPGRADE_REQUIRED,
            Self::TooMuch(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(StoreError::Full) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Draining
            | Self::Overloaded
            | Self::Behind
            | Self::NoPublisher
            | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn code(self) -> ErrorCode {
        match self {
            Self::Post(error) => error.code(),
            Self::Select(error) => error.code(),
            Self::Incomplete => ErrorCode::Malformed,
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::NotFound => ErrorCode::NotFound,
            Self::Method | Self::MediaType | Self::Upgrade => ErrorCode::RelayRefused,
            Self::Expired { .. } => ErrorCode::RetentionPassed,
            Self::TooLarge => ErrorCode::MessageTooLarge,
            Self::Store(StoreError::Full) => ErrorCode::RelayFull,
            Self::TooMuch(_)
            | Self::Slow
            | Self::Draining
            | Self::Overloaded
            | Self::Behind
            | Self::NoPublisher
            | Self::Store(_) => ErrorCode::RelayBusy,
        }
    }

    fn detail(self) -> Option<String> {
        Some(match self {
            Self::Post(error) => error.to_string(),
            Self::Select(error) => error.to_string(),
            Self::Store(error) => error.to_string(),
            Self::Incomplete => "the body ended early".to_owned(),
            Self::MediaType => "send application/octet-stream, not encoded".to_owned(),
            Self::Unauthorized => {
                "an access token is needed, from a page that may use it".to_owned()
            }
            Self::Upgrade => "WebSocket upgrade required".to_owned(),
            Self::Overloaded => "the relay is at its maximum load".to_owned(),
            Self::Draining => "the relay is shutting down".to_owned(),
            Self::Behind => "an epoch could not be closed; the log says why".to_owned(),
            Self::NoPublisher => {
                "no relay that publishes answered; repeat the same post".to_owned()
            }
            Self::TooMuch(_) => "above the rate limit".to_owned(),
            Self::NotFound | Self::Method | Self::Slow | Self::Expired { .. } | Self::TooLarge => {
                return None;
            }
        })
    }

    fn retry_after(self) -> Option<u32> {
        match self {
            Self::TooMuch(wait) => Some(wait.seconds),
            _ => (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_SECONDS),
        }
    }

    fn oldest(self) -> Option<u64> {
        match self {
            Self::Expired { oldest } => oldest,
            _ => None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SelectError> for Refusal {
    fn from(error: SelectError) -> Self {
        Self::Select(error)
    }
}

impl From<Wait> for Refusal {
    fn from(wait: Wait) -> Self {
        Self::TooMuch(wait)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: self.code().as_str().to_owned(),
            detail: self.detail(),
            oldest: self.oldest(),
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let headers = [
            (header::CONTENT_TYPE, PROBLEM_TYPE),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let says = match self {
            Self::Unauthorized => Some([(header::WWW_AUTHENTICATE, "Bearer")]),
            Self::Upgrade => Some([(header::UPGRADE, "websocket")]),
            _ => None,
        };
        let wait = self.retry_after();
        let wait = wait.map(|seconds| [(header::RETRY_AFTER, HeaderValue::from(seconds))]);
        (status, headers, says, wait, body).into_response()
    }
}
