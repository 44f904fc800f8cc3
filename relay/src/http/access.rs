//! Access tokens, and the web origins that may use the relay.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tessera::wire::paths;
use tokio::sync::watch;

use super::{Refusal, WS, portal};
use crate::{
    access::{Given, Tokens},
    config::WebOrigin,
};

/// How the path of a select ends.
const SELECT: &str = "/select";

/// The access rules of the interface.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The tokens, if the relay requires one.
    pub tokens: Option<watch::Receiver<Arc<Tokens>>>,
    /// Web origins that may post and subscribe, besides the relay's own.
    pub origins: Arc<[WebOrigin]>,
}

impl Access {
    /// Returns `true` if a request with this token, or without one, is permitted.
    #[must_use]
    pub fn accept(&self, given: Option<&Given>) -> bool {
        match &self.tokens {
            None => true,
            Some(tokens) => given.is_some_and(|given| tokens.borrow().accept(given)),
        }
    }

    /// Returns `true` if the page may post or open a WebSocket, for which browsers
    /// send no preflight. Otherwise any page on the web could use up the allowance
    /// of its visitor's network. Clients other than browsers send no `Origin`.
    pub(super) fn accept_page(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::ORIGIN)
            .is_none_or(|origin| self.allows(origin) || is_own(origin, headers.get(header::HOST)))
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.iter().any(|allowed| allowed.covers(origin))
    }
}

/// Returns `true` if the web origin is the relay's own host.
fn is_own(origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
    let authority = |origin: &str| Some(origin.split_once("://")?.1.to_owned());
    let authority = origin.to_str().ok().and_then(authority);
    authority.is_some_and(|authority| host.is_some_and(|host| *host == authority))
}

/// Refuses requests without the required token, and adds CORS headers.
pub(super) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !portal::is_api(path) {
        return next.run(request).await;
    }
    // A preflight carries no token, and a WebSocket sends it in its first message.
    let is_open = !path.starts_with("/v1") || path == WS || request.method() == Method::OPTIONS;
    let origin = request.headers().get(header::ORIGIN).cloned();
    let is_only_posted = path == paths::CELLS || path.ends_with(SELECT);
    let is_for_all = access.tokens.is_none() && !is_only_posted;
    let is_post = request.method() == Method::POST;
    let is_accepted = (is_open || access.accept(bearer(request.headers()).as_ref()))
        && (!is_post || access.accept_page(request.headers()));
    let response = if is_accepted {
        next.run(request).await
    } else {
        Refusal::Unauthorized.into_response()
    };
    let exposed = [(header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, retry-after")];
    if is_for_all {
        let for_all = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
        return (exposed, for_all, response).into_response();
    }
    let mut response = (exposed, response).into_response();
    let headers = response.headers_mut();
    if let Some(origin) = origin.filter(|origin| access.allows(origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if access.tokens.is_some() {
        make_private(headers);
    }
    response
}

/// Makes a response private: a shared cache would serve it without the token.
fn make_private(headers: &mut HeaderMap) {
    let public = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok()?.strip_prefix("public"));
    if let Some(Ok(private)) = public.map(|rest| HeaderValue::try_from(format!("private{rest}"))) {
        headers.insert(header::CACHE_CONTROL, private);
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<Given> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| Given::new(token.trim_start()))
}
