//! JSON bodies. What comes is read strictly: what is not understood is refused by name, not ignored. What goes is for whoever
//! asked, and kept by nobody on the way.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::ApiError,
    oauth::error::{Code, error},
};

/// Reads the body of a request.
///
/// # Errors
/// `invalid_request` naming the field; never what it holds.
pub fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    // A form can be posted across sites without asking; JSON cannot.
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !content_type.split(';').next().is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json")) {
        return Err(error(Code::InvalidRequest, "the body must be application/json").into());
    }
    let refuse = |problem: String| ApiError::from(error(Code::InvalidRequest, problem));
    // To serde a list is a struct without names.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(refuse("the body is not a JSON object".to_owned()));
    }
    // Databases do not agree on what a NUL is.
    if holds_nul(body) {
        return Err(refuse("the body must not hold NUL".to_owned()));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|e| refuse(problem(&e.path().to_string(), e.inner())))?;
    json.end().map_err(|_| refuse("the body is not one JSON value".to_owned()))?;
    Ok(read)
}

/// The same where a request may do without a body.
///
/// # Errors
/// As [`read`].
pub fn read_or_default<T: Default + DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, ApiError> {
    if body.is_empty() { Ok(T::default()) } else { read(headers, body) }
}

/// An answer with a body.
#[must_use]
pub fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// JSON can write one by an escape alone.
fn holds_nul(mut body: &[u8]) -> bool {
    while let Some(at) = body.iter().position(|byte| *byte == b'\\') {
        let escape = &body[at + 1..];
        if escape.starts_with(b"u0000") {
            return true;
        }
        body = escape.get(1..).unwrap_or_default();
    }
    false
}

fn problem(path: &str, e: &serde_json::Error) -> String {
    if !e.is_data() {
        return "the body is not JSON".to_owned();
    }
    // The path may hold names that the caller made up.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-');
    let field = match path {
        "." => "the body",
        path if path.len() <= 100 && path.chars().all(plain) => path,
        _ => "a field",
    };
    let text = e.to_string();
    let expected = text.split_once("expected ").map(|(_, rest)| rest.split(" at line ").next().unwrap_or(rest));
    let expected = expected.unwrap_or("something else").replace('`', "");
    let within = |name: &str| if field == "the body" { name.to_owned() } else { format!("{field}.{name}") };
    // A name that serde itself puts there is one of ours.
    let ours = text.split('`').nth(1).unwrap_or_default();
    match text.split_whitespace().next().unwrap_or_default() {
        "missing" => format!("{} is missing", within(ours)),
        "duplicate" => format!("{} is there twice", within(ours)),
        _ if text.starts_with("unknown field") => format!("{field} is not known here"),
        _ if text.starts_with("unknown variant") => format!("{field} must be {expected}"),
        _ => format!("{field} has the wrong type, expected {expected}").replace(['"', '\\'], ""),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::policy::role::Role;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        role: Role,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        many: Vec<Inner>,
    }

    #[test]
    fn names_the_field_and_never_what_it_holds() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json; charset=utf-8".parse().unwrap());
        let told = |body: &str| read::<Outer>(&headers, body.as_bytes()).map(|_| ()).map_err(|e| e.error.description.to_string());
        assert_eq!(told(r#"{"many": [{"role": "viewer"}]}"#), Ok(()));
        for (body, problem) in [
            ("", "the body is not a JSON object"),
            ("{", "the body is not JSON"),
            ("[[]]", "the body is not a JSON object"),
            ("{}", "many is missing"),
            (r#"{"many": []} x"#, "the body is not one JSON value"),
            (r#"{"many": "secret"}"#, "many has the wrong type, expected a sequence"),
            (r#"{"many": [{}]}"#, "many[0].role is missing"),
            (r#"{"many": [{"role": "root"}]}"#, "many[0].role must be one of viewer, editor, manager"),
            (r#"{"many": [], "more": "secret"}"#, "more is not known here"),
            (r#"{"many": [], "a\"b\u0007": "secret"}"#, "a field is not known here"),
            (r#"{"many": [], "many": []}"#, "many is there twice"),
        ] {
            assert_eq!(told(body), Err(problem.to_owned()), "{body}");
        }
        assert!(read::<Outer>(&HeaderMap::new(), b"{}").unwrap_err().error.description.contains("application/json"));
    }

    #[test]
    fn no_text_holds_nul() {
        for (body, holds) in [
            (r#"{"a": "\u0000"}"#, true),
            (r#"{"a": "x\\\u0000"}"#, true),
            (r#"{"a\n\u0000": 1}"#, true),
            (r#"{"a": "\\u0000"}"#, false),
            (r#"{"a": "u0000 \u0001 \\"}"#, false),
            (r"\", false),
        ] {
            assert_eq!(holds_nul(body.as_bytes()), holds, "{body}");
        }
    }
}
