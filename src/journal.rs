//! What is written down of every request: the id by which an answer, its lines in the log and a report of a fault belong
//! together, a line with its outcome, and its place in the counts.

use std::sync::{
    LazyLock,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tokio::time::Instant;
use tracing::{Instrument as _, Level, Span};

use crate::{admin, admin_link, login, metrics, secret};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Most characters of an id that the log repeats.
const LONGEST: usize = 64;

/// A request under way.
#[derive(Debug)]
pub struct Entry {
    id: HeaderValue,
    method: &'static str,
    began: Instant,
}

impl Entry {
    /// Begins with a request: it keeps the id that it brought.
    #[must_use]
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let id = headers.get(REQUEST_ID).cloned().unwrap_or_else(fresh_id);
        Self { id, method: known(method), began: Instant::now() }
    }

    /// What the log's lines about the request stand in; `route` is the pattern that matched.
    #[must_use]
    pub fn span(&self, route: &str) -> Span {
        let id = self.id.to_str().unwrap_or_default().chars();
        let id: String = id.filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(LONGEST).collect();
        tracing::info_span!("request", id, method = self.method, route)
    }

    /// Ends with the answer, which gets the id. `path` is without its query, which carries codes and states.
    pub fn end(self, route: &str, path: &str, response: &mut Response) {
        let took = self.began.elapsed();
        let status = response.status().as_u16();
        metrics::request(route, self.method, status, took);
        tracing::debug!(path, status, took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX), "answered");
        if !response.headers().contains_key(REQUEST_ID) {
            response.headers_mut().insert(REQUEST_ID, self.id);
        }
    }
}

/// Writes a request down.
pub async fn observe(request: Request, next: Next) -> Response {
    let entry = Entry::of(request.method(), request.headers());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let path = match request.uri().path() {
        // What comes after these is a secret, mistyped too.
        path if path.starts_with(login::invite::BELOW) => login::invite::ROUTE.to_owned(),
        path if path.starts_with(admin_link::SETUP) => format!("{}…", admin_link::SETUP),
        path if path.starts_with(admin::guest::BELOW) => format!("{}…", admin::guest::BELOW),
        path if path.starts_with(admin_link::BREAK_GLASS) => format!("{}…", admin_link::BREAK_GLASS),
        path if tracing::enabled!(Level::DEBUG) => path.to_owned(),
        _ => String::new(),
    };
    let span = entry.span(route);
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| entry.end(route, &path, &mut response));
    response
}

/// Unlike any other request's, on this node or another; no secret.
fn fresh_id() -> HeaderValue {
    static PROCESS: LazyLock<String> = LazyLock::new(|| secret::random_id().replace('_', "-"));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!("{}-{:x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("unnamed"))
}

fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
