//! The default relay client: HTTP through `fetch`.
//!
//! Requests carry no cookie and no referrer, follow no redirect, and name
//! only what every reader of the bucket requests. Only 202 means that a POST
//! is stored: a captive portal may answer 200.

use gloo_net::http::{Request, RequestBuilder, Response};
use js_sys::{ArrayBuffer, Function, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestCredentials,
    RequestRedirect, Url,
};

use super::{
    bytes::{array, invalid},
    error::{JsResult, js_error, js_error_caused},
    object::{field, set},
};
use crate::{base::ErrorCode, wire::RetryAfter};

/// Longest answer that is read: 64 MiB. Relays close batches at 32 MiB by default.
const MAX_ANSWER_LEN: u32 = 64 << 20;
/// Longest body of a 202, which is not used.
const MAX_ACCEPTED_LEN: u32 = 64 << 10;

/// A relay reached over HTTP.
#[wasm_bindgen]
pub struct HttpRelay {
    base: String,
    token: Option<String>,
}

#[wasm_bindgen]
impl HttpRelay {
    /// A client of the relay at an `http:` or `https:` URL, with its access token if
    /// it requires one.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` for any other URL, or one with credentials, query
    /// or fragment.
    #[wasm_bindgen(constructor)]
    pub fn new(url: &str, access_token: Option<String>) -> JsResult<Self> {
        let url = Url::new(url).map_err(|_| invalid("relay is not a URL"))?;
        if !matches!(url.protocol().as_str(), "https:" | "http:") {
            return Err(invalid("relay is not an http or https URL"));
        }
        if [url.username(), url.password(), url.search(), url.hash()]
            .iter()
            .any(|s| !s.is_empty())
        {
            return Err(invalid("relay URL has credentials, a query or a fragment"));
        }
        let base = url.href().trim_end_matches('/').to_owned();
        Ok(Self {
            base,
            token: access_token.filter(|token| !token.is_empty()),
        })
    }

    /// The URL without a trailing slash, as invitations name it.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn url(&self) -> String {
        self.base.clone()
    }

    /// Gets the bytes at a path such as `/v1/info`. `on_progress` is called with the
    /// number of bytes received so far.
    ///
    /// # Errors
    ///
    /// A code for each answer that is not a 200: see `code_of`; `ABORTED` if
    /// the signal says so.
    pub async fn get(
        &self,
        path: String,
        signal: Option<AbortSignal>,
        on_progress: Option<Function>,
    ) -> JsResult<Uint8Array> {
        let request = Request::get(&self.at(&path));
        let request = self.request(request, signal.as_ref()).build();
        answered(request, signal, on_progress).await
    }

    /// Posts bytes. Resolves on 202: the relay has stored them durably.
    ///
    /// # Errors
    ///
    /// As for [`HttpRelay::get`].
    pub async fn post(
        &self,
        path: String,
        body: Uint8Array,
        signal: Option<AbortSignal>,
    ) -> JsResult<()> {
        let request = self.posted(&path, body, signal.as_ref());
        let response = send(request, signal.as_ref()).await?;
        if response.status() != 202 {
            return Err(refusal(&response));
        }
        // The body does not matter, but the browser counts the request as finished
        // only once it is read.
        let _ = read(&response, MAX_ACCEPTED_LEN, signal.as_ref(), None).await;
        Ok(())
    }

    /// Posts bitmaps, and returns the sums of a 200.
    ///
    /// # Errors
    ///
    /// As for [`HttpRelay::get`].
    pub async fn select(
        &self,
        path: String,
        body: Uint8Array,
        signal: Option<AbortSignal>,
        on_progress: Option<Function>,
    ) -> JsResult<Uint8Array> {
        let request = self.posted(&path, body, signal.as_ref());
        answered(request, signal, on_progress).await
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn posted(
        &self,
        path: &str,
        body: Uint8Array,
        signal: Option<&AbortSignal>,
    ) -> Result<Request, gloo_net::Error> {
        self.request(Request::post(&self.at(path)), signal)
            .header("Content-Type", "application/octet-stream")
            .body(body)
    }

    fn request(&self, builder: RequestBuilder, signal: Option<&AbortSignal>) -> RequestBuilder {
        let builder = builder
            .credentials(RequestCredentials::Omit)
            .referrer_policy(ReferrerPolicy::NoReferrer)
            .redirect(RequestRedirect::Error)
            .cache(RequestCache::Default)
            .abort_signal(signal);
        match &self.token {
            Some(token) => builder.header("Authorization", &format!("Bearer {token}")),
            None => builder,
        }
    }
}

/// The body of a 200.
async fn answered(
    request: Result<Request, gloo_net::Error>,
    signal: Option<AbortSignal>,
    on_progress: Option<Function>,
) -> JsResult<Uint8Array> {
    let response = send(request, signal.as_ref()).await?;
    if response.status() != 200 {
        return Err(refusal(&response));
    }
    read(
        &response,
        MAX_ANSWER_LEN,
        signal.as_ref(),
        on_progress.as_ref(),
    )
    .await
}

async fn send(
    request: Result<Request, gloo_net::Error>,
    signal: Option<&AbortSignal>,
) -> JsResult<Response> {
    let request = request.map_err(|_| invalid("the request cannot be made"))?;
    request
        .send()
        .await
        .map_err(|error| failure(&JsValue::from_str(&error.to_string()), signal))
}

/// Reads the body in pieces, so that an endless answer is not buffered.
async fn read(
    response: &Response,
    most: u32,
    signal: Option<&AbortSignal>,
    on_progress: Option<&Function>,
) -> JsResult<Uint8Array> {
    let Some(body) = response.body() else {
        return Ok(array(&[]));
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let refused = |message| {
        let _ = reader.cancel();
        js_error(ErrorCode::RelayProtocol, message)
    };
    let mut pieces = Vec::new();
    let mut len = 0_u32;
    loop {
        let next = JsFuture::from(reader.read())
            .await
            .map_err(|error| failure(&error, signal))?;
        if field(&next, "done").is_truthy() {
            break;
        }
        // From any realm: `instanceof Uint8Array` fails for chunks of another
        // realm.
        let chunk = field(&next, "value");
        if !ArrayBuffer::is_view(&chunk) {
            return Err(refused("the relay's answer is not made of bytes"));
        }
        let piece = Uint8Array::new(&chunk);
        len = len.saturating_add(piece.length());
        if let Some(report) = on_progress {
            let _ = report.call1(&JsValue::NULL, &len.into());
        }
        if len > most {
            return Err(refused("the relay's answer is too long"));
        }
        pieces.push(piece);
    }
    let whole = Uint8Array::new_with_length(len);
    let mut at = 0;
    for piece in pieces {
        whole.set(&piece, at);
        at += piece.length();
    }
    Ok(whole)
}

/// The error for an answer with an unexpected status.
fn refusal(response: &Response) -> JsValue {
    let status = response.status();
    let error = js_error(code_of(status), &format!("the relay answered {status}"));
    let wait = response
        .headers()
        .get("Retry-After")
        .and_then(|value| RetryAfter::parse(&value));
    // Too many requests are an answer, also where no time is named.
    let least = (status == 429).then_some(1);
    if let Some(wait) = wait.map(RetryAfter::get).or(least) {
        set(&error, "retryAfter", &wait.into());
    }
    error
}

fn code_of(status: u16) -> ErrorCode {
    match status {
        401 | 403 => ErrorCode::Unauthorized,
        404 => ErrorCode::NotFound,
        409 => ErrorCode::WindowMismatch,
        410 => ErrorCode::RetentionPassed,
        429 | 503 => ErrorCode::RelayBusy,
        507 => ErrorCode::RelayFull,
        400..=499 => ErrorCode::RelayRefused,
        500..=599 => ErrorCode::RelayUnreachable,
        _ => ErrorCode::RelayProtocol,
    }
}

fn failure(cause: &JsValue, signal: Option<&AbortSignal>) -> JsValue {
    if signal.is_some_and(AbortSignal::aborted) {
        return js_error(ErrorCode::Aborted, "the caller's signal ended the request");
    }
    js_error_caused(
        ErrorCode::RelayUnreachable,
        "the relay cannot be reached",
        cause,
    )
}
