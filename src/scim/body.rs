//! The body of a request: JSON of the types that clients send it as, of a size that fits what it is for. A large one has its
//! turn first, and is not read until then: read, it takes many times its bytes, and two hundred of them at once would be the
//! end of the node.

use std::ops::Deref;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, header},
};
use serde_json::Value;

use super::{
    caller::Caller,
    document,
    error::{MEDIA_TYPE, ScimError},
};
use crate::{app::App, limit::turns::Turn, scim::fault::Fault};

/// A user, a search.
pub const SMALL: usize = 256 * 1024;
/// A group: fifty thousand members with their names.
pub const GROUP: usize = 16 * 1024 * 1024;
/// As `/ServiceProviderConfig` says.
pub const BULK: usize = 1024 * 1024;

/// What was sent. The turn of a large one ends when it is dropped.
#[derive(Debug)]
pub struct Sent {
    value: Value,
    _turn: Option<Turn>,
}

impl Deref for Sent {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

/// Reads it.
///
/// # Errors
/// 413, 415, `invalidSyntax`; never with what it holds. 429 when large ones take too long.
pub async fn read(app: &App, caller: &Caller, headers: &HeaderMap, body: Body, most: usize) -> Result<Sent, ScimError> {
    let announced = announced(headers, most)?;
    let is_large = most > SMALL && announced.is_none_or(|length| length > SMALL);
    let turn = match is_large {
        true => Some(caller.turn(app, &app.limits.large, "sends large bodies side by side").await?),
        false => None,
    };
    Ok(Sent { value: json(body, most).await?, _turn: turn })
}

/// How long the body says that it is, if it is one that may be read.
fn announced(headers: &HeaderMap, most: usize) -> Result<Option<usize>, ScimError> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|name| ![MEDIA_TYPE, "application/json"].iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Err(Fault::new(415, "the body must be application/scim+json or application/json").into());
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    match announced {
        Some(length) if length > most => Err(too_large(most).into()),
        announced => Ok(announced),
    }
}

async fn json(body: Body, most: usize) -> Result<Value, ScimError> {
    let bytes = to_bytes(body, most).await.map_err(|e| ScimError { cause: e.to_string(), ..too_large(most).into() })?;
    Ok(document::read(&bytes)?)
}

fn too_large(most: usize) -> Fault {
    Fault::new(413, format!("the body must not be larger than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(content_type: Option<&str>, body: &'static str) -> u16 {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.map(|t| (header::CONTENT_TYPE, t.parse().unwrap())));
        match announced(&headers, 20) {
            Ok(_) => json(Body::from(body), 20).await.map_or_else(|e| e.fault.status, |_| 200),
            Err(e) => e.fault.status,
        }
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
