//! The body of a request: JSON of the types that clients send it as, of a size that fits what it is for. A large one is received
//! first, in the time and the room there are for it, and has its turn then: read, it takes many times its bytes, and two hundred
//! of them at once would be the end of the node. Who sends slowly keeps nobody waiting but themselves.

use std::ops::Deref;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    caller::Caller,
    document,
    error::{MEDIA_TYPE, ScimError},
};
use crate::{
    app::App,
    limit::{intake::Room, turns::Turn},
    scim::fault::Fault,
};

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

/// By how much more is made room for when a large one has no more.
const STEP: usize = 1024 * 1024;

/// Reads it.
///
/// # Errors
/// 401 when the directory may push no more meanwhile; 413, 415, `invalidSyntax`; never with what it holds. 408 when it is not all there in time, 429 when large ones take too long
/// or too much room.
pub async fn read(app: &App, caller: &Caller, headers: &HeaderMap, body: Body, most: usize) -> Result<Sent, ScimError> {
    check(headers, most)?;
    let mut room = app.limits.intake.room(&caller.directory.tenant_id);
    let bytes = match receive(body, most, &mut room, caller.until()).await? {
        Some(bytes) => bytes,
        None => return Err(caller.crowded(app, "sends too much side by side")),
    };
    let turn = match bytes.len() > SMALL {
        true => Some(caller.turn(app, &app.limits.large, "sends large bodies side by side").await?),
        false => None,
    };
    caller.still(app).await?;
    Ok(Sent { value: document::read(&bytes)?, _turn: turn })
}

/// That it is of a type, and by its own word of a size, that may be read.
fn check(headers: &HeaderMap, most: usize) -> Result<(), ScimError> {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|name| ![MEDIA_TYPE, "application/json"].iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Err(Fault::new(415, "the body must be application/scim+json or application/json").into());
    }
    match headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok()) {
        Some(length) if length > most => Err(too_large(most).into()),
        _ => Ok(()),
    }
}

/// All of it; nothing where there is no room for it.
async fn receive(body: Body, most: usize, room: &mut Room<'_>, until: Instant) -> Result<Option<Vec<u8>>, ScimError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let piece = timeout_at(until, pieces.next()).await;
        let piece = match piece.map_err(|_| Fault::new(408, "the body did not arrive in time"))? {
            None => return Ok(Some(bytes)),
            Some(piece) => piece.map_err(|e| ScimError { cause: e.to_string(), ..unreadable().into() })?,
        };
        let length = bytes.len().saturating_add(piece.len());
        if length > most {
            return Err(too_large(most).into());
        }
        if length > SMALL && !room.grow(length) {
            return Ok(None);
        }
        // Doubled, what is large would take twice the room that it is given.
        if length > SMALL && length > bytes.capacity() {
            bytes.reserve_exact(piece.len().max(STEP));
        }
        bytes.extend_from_slice(&piece);
    }
}

fn unreadable() -> Fault {
    Fault::invalid_syntax("the body could not be read to its end")
}

fn too_large(most: usize) -> Fault {
    Fault::new(413, format!("the body must not be larger than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use futures_util::stream;

    use super::*;
    use crate::limit::intake::Intake;

    async fn told(content_type: Option<&str>, body: &'static str) -> u16 {
        let mut headers = HeaderMap::new();
        headers.extend(content_type.map(|t| (header::CONTENT_TYPE, t.parse().unwrap())));
        if let Err(e) = check(&headers, 20) {
            return e.fault.status;
        }
        received(Body::from(body), 20, Instant::now() + Duration::from_secs(10), usize::MAX).await.0
    }

    /// The status, and how much room it took.
    async fn received(body: Body, most: usize, until: Instant, room: usize) -> (u16, usize) {
        let intake = Intake::new(room, room);
        let mut room = intake.room("acme");
        let received = receive(body, most, &mut room, until).await;
        let status = match received {
            Ok(Some(bytes)) => document::read(&bytes).map_or_else(|fault| fault.status, |_| 200),
            Ok(None) => 429,
            Err(e) => e.fault.status,
        };
        (status, intake.held("acme"))
    }

    #[tokio::test]
    async fn has_its_time_and_its_room() {
        let later = Instant::now() + Duration::from_secs(60);
        let stuck = || Body::from_stream(stream::iter([Ok::<_, io::Error>(vec![b' '; SMALL + 1])]).chain(stream::pending()));
        assert_eq!(received(stuck(), GROUP, Instant::now(), usize::MAX).await, (408, SMALL + 1));
        let large = || Body::from([vec![b' '; GROUP - 2], b"{}".to_vec()].concat());
        assert_eq!(received(large(), GROUP, later, GROUP).await, (200, GROUP));
        assert_eq!(received(large(), GROUP, later, GROUP - 1).await.0, 429);
        assert_eq!(received(Body::from("{}"), GROUP, later, 0).await, (200, 0), "what is small takes none");
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
