//! Large answers: sent in pieces, one at a time for each tenant, and dropped when they are not read in time. Each holds its
//! turn until the last piece is taken: else whoever asks for a large group again and again, and reads none of it, fills the
//! memory.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::Value;
use tokio::{task::JoinHandle, time::sleep};

use super::{
    caller::Caller,
    error::{MEDIA_TYPE, ScimError, reply},
};
use crate::{app::App, limit::turns::Turn};

/// What is larger is sent in turn, and of a list each as many bytes count as one more request.
const LARGE: usize = 256 * 1024;
/// What the connection is given at a time.
const PIECE: usize = 64 * 1024;
/// How long a large answer waits to be read.
const TIME: Duration = Duration::from_secs(60);

/// An answer with a body of any size, which has been paid for.
///
/// # Errors
/// 429 when other large ones of the tenant are not read.
pub async fn send(app: &App, caller: &Caller, status: StatusCode, body: &Value) -> Result<Response, ScimError> {
    let text = body.to_string();
    dispatch(app, caller, status, text, TIME).await
}

/// The answer to what is done already: whole, or without the members while other large ones of the tenant are not read. Told to
/// come again, the directory would do twice what is done, and never learn the id of what it made.
pub async fn send_done(app: &App, caller: &Caller, status: StatusCode, mut body: Value) -> Response {
    let text = body.to_string();
    if text.len() <= LARGE {
        return reply(status, text);
    }
    if let Some(turn) = app.limits.answers.take(&caller.directory.tenant_id, Duration::ZERO).await {
        return sending(status, text, turn, TIME);
    }
    if let Some(fields) = body.as_object_mut() {
        fields.remove("members");
    }
    reply(status, body.to_string())
}

/// The same of a list, which is paid for here by its size.
///
/// # Errors
/// 429 when other large ones of the tenant are not read.
pub async fn send_list(app: &App, caller: &Caller, body: &Value, paid: i64) -> Result<Response, ScimError> {
    let text = body.to_string();
    let price = i64::try_from(text.len() / LARGE).unwrap_or(i64::MAX);
    caller.charge(app, price.saturating_sub(paid));
    dispatch(app, caller, StatusCode::OK, text, TIME).await
}

async fn dispatch(app: &App, caller: &Caller, status: StatusCode, text: String, time: Duration) -> Result<Response, ScimError> {
    if text.len() <= LARGE {
        return Ok(reply(status, text));
    }
    let turn = caller.turn(app, &app.limits.answers, "does not read its large answers").await?;
    Ok(sending(status, text, turn, time))
}

fn sending(status: StatusCode, text: String, turn: Turn, time: Duration) -> Response {
    let length = HeaderValue::from(text.len());
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)), (header::CONTENT_LENGTH, length)];
    let headers = (headers, [(header::CACHE_CONTROL, "no-store")]);
    (status, headers, Sending::begin(text.into(), turn, time).into_body()).into_response()
}

/// What is on its way.
struct Sending {
    /// Gone when it took too long.
    held: Arc<Mutex<Option<Held>>>,
    at: usize,
    clock: JoinHandle<()>,
}

struct Held {
    bytes: Bytes,
    _turn: Turn,
}

impl Sending {
    fn begin(bytes: Bytes, turn: Turn, time: Duration) -> Self {
        let held = Arc::new(Mutex::new(Some(Held { bytes, _turn: turn })));
        let theirs = Arc::clone(&held);
        // Not asked for by the connection: one that is stuck asks for nothing.
        let clock = tokio::spawn(async move {
            sleep(time).await;
            theirs.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        Self { held, at: 0, clock }
    }

    fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, async |mut sending| Some((sending.piece()?, sending))))
    }

    /// The next piece, copied: a part of the whole would keep the whole.
    fn piece(&mut self) -> Option<io::Result<Bytes>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Held { bytes, .. }) = held.as_ref() else {
            return (self.at < usize::MAX).then(|| {
                self.at = usize::MAX;
                Err(io::Error::new(io::ErrorKind::TimedOut, "the answer was not read in time"))
            });
        };
        let end = bytes.len().min(self.at.saturating_add(PIECE));
        let piece = Bytes::copy_from_slice(bytes.get(self.at..end)?);
        self.at = end;
        if end == bytes.len() {
            held.take();
            self.at = usize::MAX;
        }
        Some(Ok(piece))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.clock.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::turns::Turns;

    async fn sending(size: usize, time: Duration) -> (Turns, Sending) {
        let turns = Turns::new(1);
        let turn = turns.take("acme", Duration::ZERO).await.expect("nobody is at it");
        let sending = Sending::begin(vec![7; size].into(), turn, time);
        (turns, sending)
    }

    #[tokio::test]
    async fn the_turn_lasts_as_long_as_the_answer() {
        let (turns, mut sending) = sending(2 * PIECE + 1, TIME).await;
        for size in [PIECE, PIECE] {
            assert_eq!(sending.piece().expect("more").expect("in time").len(), size);
            assert!(turns.take("acme", Duration::ZERO).await.is_none(), "it is not all taken");
        }
        assert_eq!(sending.piece().expect("more").expect("in time"), [7].as_slice());
        assert!(turns.take("acme", Duration::ZERO).await.is_some());
        assert!(sending.piece().is_none());
    }

    #[tokio::test]
    async fn who_does_not_read_loses_it() {
        let (turns, mut sending) = sending(2 * PIECE, Duration::from_millis(10)).await;
        assert!(sending.piece().expect("more").is_ok());
        assert!(turns.take("acme", Duration::from_secs(10)).await.is_some(), "though nobody asks for another piece");
        assert!(sending.piece().expect("more").is_err(), "a short answer is no whole one");
        assert!(sending.piece().is_none());
    }

    #[tokio::test]
    async fn who_goes_away_ends_it() {
        let (turns, mut sending) = sending(2 * PIECE, TIME).await;
        assert!(sending.piece().expect("more").is_ok());
        drop(sending.into_body());
        assert!(turns.take("acme", Duration::from_secs(10)).await.is_some());
    }
}
