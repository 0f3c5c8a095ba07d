//! `/auth/forward`: Traefik `forwardAuth`, Caddy `forward_auth`, HAProxy. The proxy says what the request was in
//! `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`, and gives the client any answer but an allowing one as it is.

use axum::http::request::Parts;

use super::question::{Asked, BadQuestion, Question, method, once, scheme, target};

/// Reads the question.
///
/// # Errors
/// Which header is missing, doubled or malformed.
pub fn read(parts: Parts) -> Result<Question, BadQuestion> {
    let headers = &parts.headers;
    let asked = Asked {
        method: method("x-forwarded-method", once(headers, "x-forwarded-method")?)?,
        scheme: scheme("x-forwarded-proto", once(headers, "x-forwarded-proto")?)?,
        host: once(headers, "x-forwarded-host")?.to_owned(),
        target: target("x-forwarded-uri", once(headers, "x-forwarded-uri")?)?,
    };
    Question::new(asked, parts.headers, "x-forwarded-host")
}
