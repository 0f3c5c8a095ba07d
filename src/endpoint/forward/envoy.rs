//! `/auth/envoy/…`: Envoy `ext_authz` over HTTP. The request line and `Host` are the request's own, the path behind a
//! fixed prefix; `X-Forwarded-Proto` must be among the headers that Envoy passes on. Envoy lets nothing pass but 200.

use axum::http::request::Parts;

use super::question::{Asked, BadQuestion, Question, once, own_host, scheme, target};

/// What the proxy puts before each path.
pub const PREFIX: &str = "/auth/envoy";

/// Reads the question.
///
/// # Errors
/// Which header is missing, doubled or malformed.
pub fn read(parts: Parts) -> Result<Question, BadQuestion> {
    let line = parts.uri.path_and_query().map_or("", |line| line.as_str());
    let rest = line.strip_prefix(PREFIX).ok_or(BadQuestion::Malformed("the request line", "below the prefix"))?;
    // Without a slash of its own, the path that was asked for was "/".
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let asked = Asked {
        method: parts.method.clone(),
        scheme: scheme("x-forwarded-proto", once(&parts.headers, "x-forwarded-proto")?)?,
        host: own_host(&parts.headers, &parts.uri)?,
        target: target("the request line", &path)?,
    };
    Question::new(asked, parts.headers, "host")
}
