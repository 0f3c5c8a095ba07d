//! How many sign-ins one address may begin, and how fast a directory may push. Whoever asks for the sign-in page leaves a
//! row behind, before anyone knows who they are; without a limit a single machine could fill the disk, or one customer's
//! synchronisation take the database from the others. Counted per node and in memory: a limit against floods need not be
//! exact.

use std::num::NonZeroU32;

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

/// The limit of one node.
pub struct Limiter {
    cells: DefaultKeyedRateLimiter<String>,
    burst: NonZeroU32,
}

impl Limiter {
    /// Lets each address begin `per_minute` in a burst, and as many in every minute after.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { cells: DefaultKeyedRateLimiter::keyed(Quota::per_minute(per_minute)), burst: per_minute }
    }

    /// Lets each key go on at `per_second`, and four times as many at once after a rest.
    #[must_use]
    pub fn steady(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(3));
        Self { cells: DefaultKeyedRateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)), burst }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The key may not; the whole seconds until it may again.
    pub fn take(&self, key: &str) -> Result<(), i64> {
        self.take_many(key, NonZeroU32::MIN)
    }

    /// Counts `n` at once, all or none of them; more than a whole burst is a whole burst.
    ///
    /// # Errors
    /// As [`Limiter::take`].
    pub fn take_many(&self, key: &str, n: NonZeroU32) -> Result<(), i64> {
        let Ok(Err(until)) = self.cells.check_key_n(&key.to_owned(), n.min(self.burst)) else { return Ok(()) };
        let wait = until.wait_time_from(DefaultClock::default().now());
        Err(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1))
    }

    /// Counts one; whether the address may.
    #[must_use]
    pub fn allows(&self, address: &str) -> bool {
        self.take(address).is_ok()
    }

    /// Forgets the addresses that have been quiet, so that the table holds only those of the last minute.
    pub fn forget_quiet(&self) {
        self.cells.retain_recent();
        self.cells.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_limited_and_others_are_not() {
        let limiter = Limiter::new(NonZeroU32::MIN.saturating_add(2));
        let allowed: Vec<bool> = (0..4).map(|_| limiter.allows("192.0.2.1")).collect();
        assert_eq!(allowed, [true, true, true, false]);
        assert!(limiter.allows("192.0.2.2"));
        limiter.forget_quiet();
        assert!(!limiter.allows("192.0.2.1"), "it is not quiet");
    }

    #[test]
    fn a_burst_is_four_times_the_pace() {
        let limiter = Limiter::steady(NonZeroU32::MIN);
        assert!((0..4).all(|_| limiter.take("okta").is_ok()));
        assert_eq!(limiter.take("okta"), Err(1), "in less than a second");
        assert!(limiter.take("entra").is_ok());
    }

    #[test]
    fn many_are_taken_together_or_not_at_all() {
        let limiter = Limiter::steady(NonZeroU32::MIN);
        let many = |n| NonZeroU32::new(n).unwrap();
        assert!(limiter.take_many("okta", many(3)).is_ok());
        assert_eq!(limiter.take_many("okta", many(3)), Err(2), "two of them are too many");
        assert!(limiter.take("okta").is_ok(), "the one that is left is still there");
        assert!(limiter.take_many("entra", many(1_000)).is_ok(), "a burst is enough for anything");
        assert_eq!(limiter.take("entra"), Err(1));
    }
}
