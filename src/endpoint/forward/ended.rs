//! Browsers' sessions with sites that have ended, remembered for a while: such a cookie stays in the browser until that is
//! closed, comes with each of its requests, and would be looked up each time.
//!
//! What is remembered shuts nobody out who may come in: a new session has a new cookie, which nobody knows before it is stored.
//! It has room of its own. Anybody can make up cookies, and those push out others that open nothing; the decisions by which
//! people pass (`remembered`) they do not reach.

use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};

use super::remembered::{Digested, Key};
use crate::trust::LOOK;

/// Sessions that there is room for.
const MOST: usize = 20_000;
/// Seconds that a session is remembered of which there is nothing any more: there never will be.
const GONE: i64 = 60;

/// By what it was found that a session has ended: a change of this node, and a catalogue.
pub type By = (u64, i64);

/// A session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    /// Until when that is remembered (unix seconds).
    until: i64,
    /// `None`: nothing brings it back.
    by: Option<By>,
}

/// What is remembered. Clones share it.
#[derive(Clone, Debug)]
pub struct Ended(Arc<Cache<Key, End, quick_cache::UnitWeighter, Digested>>);

impl Default for Ended {
    fn default() -> Self {
        let (weighter, lifecycle) = (quick_cache::UnitWeighter, DefaultLifecycle::default());
        let room = u64::try_from(MOST).unwrap_or(u64::MAX);
        Self(Arc::new(Cache::with(MOST, room, weighter, Digested::default(), lifecycle)))
    }
}

impl Ended {
    /// Whether the session is known to have ended, at `now` (unix seconds) and as far as `by` goes.
    #[must_use]
    pub fn knows(&self, session: &Key, by: By, now: i64) -> bool {
        let stands = |end: End| {
            // A clock that was set back prolongs nothing.
            now < end.until && end.until <= now.saturating_add(GONE) && end.by.is_none_or(|found| found == by)
        };
        self.0.get(session).is_some_and(stands)
    }

    /// There is nothing any more of the session.
    pub fn note_gone(&self, session: Key, now: i64) {
        self.0.insert(session, End { until: now.saturating_add(GONE), by: None });
    }

    /// What the session stands on is off, or gone, as far as `by` goes. Another node may switch it on again, and is heard as
    /// soon as it ever is.
    pub fn note_off(&self, session: Key, by: By, now: i64) {
        self.0.insert(session, End { until: now.saturating_add(LOOK), by: Some(by) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> Key {
        let mut key = Key::default();
        key[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        key
    }

    #[test]
    fn it_is_remembered_for_a_while() {
        let ended = Ended::default();
        ended.note_gone(key(1), 100);
        ended.note_off(key(2), (7, 3), 100);
        for (session, by, now, known) in [
            (1, (7, 3), 100, true),
            (1, (9, 9), 100 + GONE - 1, true),
            (1, (7, 3), 100 + GONE, false),
            (1, (7, 3), 99, false),
            (2, (7, 3), 100, true),
            (2, (8, 3), 100, false),
            (2, (7, 4), 100, false),
            (2, (7, 3), 100 + LOOK, false),
            (3, (7, 3), 100, false),
        ] {
            assert_eq!(ended.knows(&key(session), by, now), known, "{session} {by:?} {now}");
        }
    }

    #[test]
    fn it_has_an_end() {
        let ended = Ended::default();
        (0..200_000).for_each(|n| ended.note_gone(key(n), 100));
        assert!((1_000..=MOST).contains(&ended.0.len()), "{}", ended.0.len());
    }
}
