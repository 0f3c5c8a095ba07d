//! `/auth/request`: nginx `auth_request`. The subrequest says nothing about the request unless the configuration does:
//! `X-Original-URL` and `X-Original-Method`. nginx knows only 2xx, 401 and 403, and shows the client nothing of them but
//! `WWW-Authenticate`.

use axum::http::request::Parts;

use super::question::{Asked, BadQuestion, Question, method, once, scheme, target};

const URL: &str = "x-original-url";

/// Reads the question.
///
/// # Errors
/// Which header is missing, doubled or malformed.
pub fn read(parts: Parts) -> Result<Question, BadQuestion> {
    let headers = &parts.headers;
    // Cut by hand: a URL parser would tidy the path, and the decision would be about another one.
    let (named, rest) = once(headers, URL)?.split_once("://").ok_or(BadQuestion::Malformed(URL, "a URL"))?;
    let at = rest.find(['/', '?', '#']).ok_or(BadQuestion::Malformed(URL, "a URL with a path"))?;
    let (host, path) = rest.split_at(at);
    let asked = Asked {
        method: method("x-original-method", once(headers, "x-original-method")?)?,
        scheme: scheme(URL, named)?,
        host: host.to_owned(),
        target: target(URL, path)?,
    };
    Question::new(asked, parts.headers, URL)
}
