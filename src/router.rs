//! Every URL of the product, by who calls it, and what every answer goes through: a request id, a log line, limits on
//! size and time, the security headers.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use ipnet::IpNet;
use serde_json::json;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

use crate::{
    admin,
    app::App,
    assets,
    endpoint::{self, forward},
    error::PageError,
    journal, login, page, scim, session,
};

/// Largest request body, in bytes; no honest request of ours is near it.
const BODY_LIMIT: usize = 256 * 1024;
/// The same where SAML answers arrive: one with many groups, encrypted, grows by a third with each base64 around it.
const ANSWER_LIMIT: usize = 512 * 1024;
/// How long a request may take in all.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The whole surface over one application.
pub fn router(app: App) -> Router {
    let people = login::routes(&app)
        .merge(admin::pages::routes(&app))
        .merge(admin::guest::routes(&app))
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .merge(login::answers(&app).layer(RequestBodyLimitLayer::new(ANSWER_LIMIT)))
        .layer(middleware::from_fn(too_large_for_people))
        .layer(session::layer(&app))
        .layer(middleware::map_response(session::take_cookie_back));
    let others =
        Router::new().merge(endpoint::routes(&app)).merge(admin::routes(&app)).merge(assets::routes()).fallback(not_found);
    others
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(middleware::map_response(too_large))
        .merge(people)
        // It limits bodies itself, each by what it is for, and says so in the form of its errors.
        .merge(scim::routes())
        .layer(DefaultBodyLimit::disable())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIME_LIMIT))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| panicked()))
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .layer(middleware::from_fn(journal::observe))
        // What proxies ask with every request of their sites does the same by itself, for a fraction of the cost.
        .merge(forward::questions())
        .with_state(app)
}

/// A body that was not even read is said to be too large in the words of its door: to people by a page.
async fn too_large_for_people(request: Request, next: Next) -> Response {
    // The hops of a control plane are among them.
    let is_machine = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    if is_machine {
        return too_large(response).await;
    }
    if !is_bare(&response) {
        return response;
    }
    let explanation = "What was sent is larger than this page takes. Nothing was changed.";
    let page = PageError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "That is too much at once", explanation, "body limit");
    page.advise("Go back and send less at once.").into_response()
}

/// The same, to machines.
async fn too_large(response: Response) -> Response {
    if !is_bare(&response) {
        return response;
    }
    let body = json!({"error": "invalid_request", "error_description": format!("the body is larger than {BODY_LIMIT} bytes")});
    (StatusCode::PAYLOAD_TOO_LARGE, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Whether a limit has answered, and no handler.
fn is_bare(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    response.status() == StatusCode::PAYLOAD_TOO_LARGE && kind.is_none_or(|kind| kind.starts_with("text/plain"))
}

async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        let body = Json(json!({"error": "not_found", "error_description": "there is nothing at this address"}));
        return (StatusCode::NOT_FOUND, body).into_response();
    }
    let explanation = "There is no page at this address.";
    PageError::new(StatusCode::NOT_FOUND, "not_found", "Page not found", explanation, "no route")
        .advise("Check the address that you followed.")
        .into_response()
}

async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    protect(&app, response.headers_mut());
    response
}

/// Headers of every answer, errors included. Pages of a login have set their own policy; any other leads no further than
/// here.
pub fn protect(app: &App, headers: &mut HeaderMap) {
    page::protect(headers, page::strict_policy());
    if app.settings.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// What is answered when answering panics.
#[must_use]
pub fn panicked() -> Response {
    tracing::error!("a request panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// The address a request came from, for limits and logs: `/64` of an IPv6 address, since one host has them all.
#[derive(Clone, Debug)]
pub struct Address(pub String);

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self(client_address(parts, &app.settings.trusted_proxies)))
    }
}

/// The peer's address; behind trusted proxies the right-most `X-Forwarded-For` entry that is not one of them. What is
/// left of it was written by the client and counts for nothing (Oathkeeper CVE-2026-33495).
#[must_use]
pub fn client_address(parts: &Parts, trusted: &[IpNet]) -> String {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return "unknown".to_owned() };
    let is_trusted = |ip: &std::net::IpAddr| trusted.iter().any(|net| net.contains(&ip.to_canonical()));
    let mut address = peer.ip().to_canonical();
    if is_trusted(&address) {
        let lines = parts.headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        for hop in hops.iter().rev() {
            let Ok(ip) = hop.parse::<std::net::IpAddr>() else { break };
            address = ip.to_canonical();
            if !is_trusted(&address) {
                break;
            }
        }
    }
    match address {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => {
            let s = ip.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &str) -> String {
        let mut request = axum::http::Request::get("/");
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        client_address(&parts, &[trusted.parse().unwrap()])
    }

    #[test]
    fn only_a_trusted_proxy_may_say_who_the_client_is() {
        assert_eq!(address("192.0.2.1:5", &["198.51.100.7"], "10.0.0.0/8"), "192.0.2.1", "spoofed by an untrusted peer");
        assert_eq!(address("10.0.0.1:5", &["198.51.100.7"], "10.0.0.0/8"), "198.51.100.7");
        assert_eq!(
            address("10.0.0.1:5", &["1.1.1.1, 198.51.100.7, 10.0.0.2"], "10.0.0.0/8"),
            "198.51.100.7",
            "the client's own entry"
        );
        assert_eq!(address("10.0.0.1:5", &["1.1.1.1", "198.51.100.7"], "10.0.0.0/8"), "198.51.100.7", "two header lines");
        assert_eq!(address("10.0.0.1:5", &["garbage"], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(address("10.0.0.1:5", &[], "10.0.0.0/8"), "10.0.0.1");
        assert_eq!(address("[::ffff:192.0.2.1]:5", &[], "10.0.0.0/8"), "192.0.2.1");
        assert_eq!(address("[2001:db8:1:2:3:4:5:6]:5", &[], "10.0.0.0/8"), "2001:db8:1:2::/64");
    }
}
