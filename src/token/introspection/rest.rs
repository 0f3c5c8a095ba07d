//! An endpoint that lets us wait is left alone for a while: each further token would wait as long.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a question waits without an answer until its endpoint counts as silent.
const SILENCE: Duration = Duration::from_secs(2);
/// How long it is then left alone.
const LENGTH: Duration = Duration::from_secs(10);

/// Until when an endpoint is left alone.
#[derive(Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

/// A question under way.
pub(super) struct Watch<'a> {
    rest: &'a Rest,
    since: Instant,
    answered: bool,
}

impl Rest {
    pub(super) fn is_on_at(&self, now: Instant) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    pub(super) fn watch_since(&self, since: Instant) -> Watch<'_> {
        Watch { rest: self, since, answered: false }
    }

    fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Watch<'_> {
    /// The question has ended, with an answer or without.
    pub(super) fn ends(mut self, answered: bool) {
        self.answered = answered;
    }
}

/// Also who does not wait any longer has waited.
impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if self.answered {
            self.rest.set(None);
        } else if self.since.elapsed() >= SILENCE {
            self.rest.set(Some(Instant::now() + LENGTH));
        }
    }
}
