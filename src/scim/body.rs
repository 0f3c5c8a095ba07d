//! The body of a request: JSON of the types that clients send it as, of a size that fits what it is for.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
};
use serde_json::Value;

use super::error::{MEDIA_TYPE, ScimError};
use crate::scim::fault::Fault;

/// A user, a search.
pub const SMALL: usize = 256 * 1024;
/// A group: fifty thousand members with their names.
pub const GROUP: usize = 16 * 1024 * 1024;
/// As `/ServiceProviderConfig` says.
pub const BULK: usize = 1024 * 1024;

/// Reads it.
///
/// # Errors
/// 413, 415, or `invalidSyntax`; never with what it holds.
pub async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Value, ScimError> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|name| ![MEDIA_TYPE, "application/json"].iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Err(Fault::new(415, "the body must be application/scim+json or application/json").into());
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    let too_large = || Fault::new(413, format!("the body must not be larger than {most} bytes"));
    if announced.is_some_and(|length| length > most) {
        return Err(too_large().into());
    }
    let bytes = to_bytes(body, most).await.map_err(|e| ScimError { cause: e.to_string(), ..too_large().into() })?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| {
        let fault = Fault::invalid_syntax(format!("the body is not JSON (line {}, column {})", e.line(), e.column()));
        ScimError::from(fault)
    })?;
    // Databases do not agree on what a NUL is.
    if has_nul(&value) {
        return Err(Fault::invalid_value("the body must not hold NUL").into());
    }
    Ok(value)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(content_type: Option<&str>, body: &'static str) -> u16 {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.map(|t| (header::CONTENT_TYPE, t.parse().unwrap())));
        read(&headers, Body::from(body), 20).await.map_or_else(|e| e.fault.status, |_| 200)
    }

    #[tokio::test]
    async fn is_json_of_the_types_that_clients_send() {
        for good in [None, Some("application/scim+json"), Some("Application/JSON; charset=UTF-8"), Some("application/json;")] {
            assert_eq!(told(good, "{}").await, 200, "{good:?}");
        }
        for bad in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
            assert_eq!(told(Some(bad), "{}").await, 415, "{bad}");
        }
        assert_eq!(told(None, "{").await, 400);
        assert_eq!(told(None, r#"{"a": ["\u0000"]}"#).await, 400);
        assert_eq!(told(None, r#"{"\u0000": 1}"#).await, 400);
        assert_eq!(told(None, r#"{"a": "aaaaaaaaaaaaaaaaaaaa"}"#).await, 413);
    }
}
