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
pub struct Limiter(DefaultKeyedRateLimiter<String>);

impl Limiter {
    /// Lets each address begin `per_minute` in a burst, and as many in every minute after.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self(DefaultKeyedRateLimiter::keyed(Quota::per_minute(per_minute)))
    }

    /// Lets each key go on at `per_second`, and four times as many at once after a rest.
    #[must_use]
    pub fn steady(per_second: NonZeroU32) -> Self {
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(3));
        Self(DefaultKeyedRateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)))
    }

    /// Counts one.
    ///
    /// # Errors
    /// The key may not; the whole seconds until it may again.
    pub fn take(&self, key: &str) -> Result<(), i64> {
        self.0.check_key(&key.to_owned()).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1)
        })
    }

    /// Counts one; whether the address may.
    #[must_use]
    pub fn allows(&self, address: &str) -> bool {
        self.0.check_key(&address.to_owned()).is_ok()
    }

    /// Forgets the addresses that have been quiet, so that the table holds only those of the last minute.
    pub fn forget_quiet(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
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
}
