//! The portal's files, when there are any, under headers that let the page
//! load nothing from anywhere else.

use std::path::Path;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use tower_http::services::ServeDir;

use super::Refusal;

/// `wasm-unsafe-eval` allows WebAssembly and nothing else; images come from
/// files the page itself made (QR codes, previews).
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; \
    connect-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// File names under here carry a hash of their content.
const HASHED: &str = "/assets/";

/// Whether a path belongs to the interface, portal or not.
pub(super) fn is_api(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/") || path == "/healthz" || path == "/readyz"
}

/// Serves the directory; without one, and for unknown paths of the
/// interface, a problem document.
pub(super) fn router(directory: Option<&Path>) -> Router {
    let unknown = Router::new().fallback(|| async { Refusal::NotFound });
    match directory {
        None => unknown,
        Some(directory) => Router::new()
            .fallback_service(ServeDir::new(directory).append_index_html_on_directories(true))
            .layer(middleware::from_fn(page)),
    }
}

/// Whether an invitation stands in the path: a mail program or a link scanner
/// encoded the `#` before it. The page then says that its secret is burnt.
fn is_burnt_invitation(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.contains("tessera:") || path.contains("tessera%3a")
}

/// Everything without an extension is the page, which has its own routes.
async fn page(mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if is_api(&path) {
        return Refusal::NotFound.into_response();
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_route = path
        .rsplit('/')
        .next()
        .is_some_and(|name| !name.contains('.'));
    let is_burnt = is_burnt_invitation(&path);
    if is_read && (is_route || is_burnt) {
        *request.uri_mut() = Uri::from_static("/index.html");
    }
    let mut response = next.run(request).await;
    match response.status() {
        StatusCode::NOT_FOUND => response = Refusal::NotFound.into_response(),
        StatusCode::METHOD_NOT_ALLOWED => {
            response = Refusal::Method.into_response();
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        _ => {
            let cache = match is_burnt {
                true => "no-store",
                false if path.starts_with(HASHED) => "public, max-age=31536000, immutable",
                false => "no-cache",
            };
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        }
    }
    response.headers_mut().insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    response
}
