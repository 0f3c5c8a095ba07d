//! How fast each may go on, where one request may cost more than another. Whoever is let in may run into debt by what the request
//! turns out to cost, and is refused until that is paid off: a bucket that had to hold the whole price would never let in what costs
//! more than it holds, nor, beside a source that takes each drop as it falls, anything that costs more than one.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use crate::clock::Clock;

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
/// Of how many seconds one may make up at once after a rest.
const BURST: i64 = 4 * SECOND;
/// What one owes at most, whatever happens to the clock.
const DEBT: i64 = 4 * BURST;

/// The pace of all.
#[derive(Debug)]
pub struct Pace {
    clock: Clock,
    per_second: NonZeroU32,
    /// Until when each has used up what it may. Whose time is over has all of it.
    used: Mutex<HashMap<String, i64>>,
}

impl Pace {
    /// So many a second for each, and four times as many at once after a rest.
    #[must_use]
    pub fn new(per_second: NonZeroU32, clock: Clock) -> Self {
        Self { clock, per_second, used: Mutex::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The key may not; the whole seconds until it may again.
    pub fn take(&self, key: &str) -> Result<(), i64> {
        self.spend(key, 1, Some(self.each()))
    }

    /// Counts `n` more for what is about to be done, at once; what is missing is owed. More than a whole burst is a whole burst.
    ///
    /// # Errors
    /// The key owes already; the whole seconds until it may take one again.
    pub fn owe(&self, key: &str, n: NonZeroU32) -> Result<(), i64> {
        self.spend(key, n.get(), Some(0))
    }

    /// The same for what is being done, whatever the key owes.
    pub fn add(&self, key: &str, n: NonZeroU32) {
        // Nothing has to be left, so nothing is refused.
        let _ = self.spend(key, n.get(), None);
    }

    /// Forgets who has been quiet for so long that they have all of it again.
    pub fn forget_quiet(&self) {
        let now = self.now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        used.shrink_to_fit();
    }

    /// Counts `n`, if `least` is left before.
    fn spend(&self, key: &str, n: u32, least: Option<i64>) -> Result<(), i64> {
        let now = self.now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back keeps nobody out for longer than the debt.
        let until = used.get(key).copied().unwrap_or_default().clamp(now, now + BURST + DEBT);
        let left = BURST - (until - now);
        if least.is_some_and(|least| left < least) {
            let wait = self.each() - left;
            return Err((wait + SECOND - 1) / SECOND);
        }
        let cost = (self.each() * i64::from(n)).min(BURST);
        used.insert(key.to_owned(), (until + cost).min(now + BURST + DEBT));
        Ok(())
    }

    /// In what time one is earned.
    fn each(&self) -> i64 {
        SECOND / i64::from(self.per_second.get())
    }

    fn now(&self) -> i64 {
        self.clock.now().saturating_mul(SECOND).min(i64::MAX / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(per_second: u32) -> (Pace, Clock) {
        let clock = Clock::manual(1_800_000_000);
        (Pace::new(many(per_second), clock.clone()), clock)
    }

    fn many(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("some")
    }

    #[test]
    fn a_burst_is_four_times_the_pace() {
        for per_second in [1, 3, 50] {
            let (pace, clock) = pace(per_second);
            let let_in = || (0..1_000).filter(|_| pace.take("okta").is_ok()).count();
            assert_eq!(let_in(), 4 * per_second as usize);
            assert_eq!(pace.take("okta"), Err(1));
            assert!(pace.take("entra").is_ok(), "another");
            clock.advance(1);
            assert_eq!(let_in(), per_second as usize);
            clock.advance(60);
            assert_eq!(let_in(), 4 * per_second as usize, "no more, however long the rest");
        }
    }

    /// Once it is in, nothing costs too much to be done; what is owed is paid off first.
    #[test]
    fn what_costs_more_than_there_is_is_owed() {
        let (pace, clock) = pace(1);
        for cost in [4, 1_000, u32::MAX] {
            assert!(pace.take("okta").is_ok() && pace.owe("okta", many(cost)).is_ok(), "{cost}");
            assert_eq!((pace.take("okta"), pace.owe("okta", many(1))), (Err(2), Err(2)), "one is owed, and one is to come");
            clock.advance(1);
            assert_eq!(pace.take("okta"), Err(1));
            clock.advance(1);
            assert!(pace.take("okta").is_ok(), "as it was told");
            clock.advance(4);
        }
    }

    #[test]
    fn what_is_being_done_is_only_counted() {
        let (pace, clock) = pace(1);
        (0..100).for_each(|_| pace.add("okta", many(4)));
        assert_eq!(pace.take("okta"), Err(17), "not for as long as it has sent, nor for nothing");
        clock.advance(16);
        pace.forget_quiet();
        assert_eq!(pace.take("okta"), Err(1), "it is not quiet");
        clock.advance(4);
        pace.forget_quiet();
        assert!(pace.used.lock().expect("a map").is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_long() {
        let (pace, clock) = pace(1);
        pace.add("okta", many(4));
        clock.advance(-86_400);
        assert_eq!(pace.take("okta"), Err(17));
    }
}
