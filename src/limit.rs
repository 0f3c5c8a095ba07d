//! How many sign-ins one address may begin, and how fast a directory may push. Whoever asks for the sign-in page leaves a
//! row behind, before anyone knows who they are; without a limit a single machine could fill the disk, or one customer's
//! synchronisation take the database from the others. Counted per node and in memory: a limit against floods need not be
//! exact. What is refused must not fill the log instead ([`Floods`]).

pub mod intake;
pub mod pace;
pub mod tally;
pub mod turns;

use std::{
    collections::HashMap,
    mem,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};

use intake::Intake;
use pace::Pace;
use tally::Tally;
use turns::Turns;

use crate::clock::Clock;

/// Requests without a good token of a directory that one address may make in a minute.
const STRANGERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(119);
/// Traces that one address may leave in a minute without a sign-in that is under way.
const STRAYS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// Large bodies that are read at a time, whoever sends them.
const LARGE: usize = 4;
/// Bytes of large bodies that are held while they are sent or wait to be read, whoever sends them: few beside what the four take
/// that are read.
const INTAKE: usize = 128 * 1024 * 1024;
/// Those of one tenant: two of the largest bodies.
const INTAKE_OF_EACH: usize = 32 * 1024 * 1024;
/// Writes of many rows that are under way at a time, whoever asks for them.
const HEAVY: usize = 2;
/// Changes of users and groups that are under way at a time, whoever asks for them: half of the connections that a node has to
/// PostgreSQL.
const CHANGES: usize = 8;
/// Changes of operators and guests that are under way at a time, whoever asks for them.
const WRITES: usize = 4;
/// Searches through many rows that are under way at a time, whoever asks: fewer than an embedded database has connections
/// that read.
const SEARCHES: usize = 2;
/// Large answers that are held until they are read, whoever asked for them.
const ANSWERS: usize = 16;
/// Looks at others' servers that one administrator may ask for in a minute: each calls several addresses that they typed.
const CHECKS: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// Forms that the guests of one tenant's set-up links may send in a minute, all together: each may stand in the audit log.
const GUESTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);

/// All limits of one node.
pub struct Limits {
    /// On sign-ins begun, by address.
    pub sign_ins: Limiter,
    /// On what directories push, by directory.
    pub pushes: Pace,
    /// On refusals of tokens that are no directory's, by address.
    pub strangers: Limiter,
    /// On traces of failures that belong to no sign-in, by address.
    pub strays: Limiter,
    /// Large bodies and answers while they are made of or into values, by tenant: it may have many directories.
    pub large: Turns,
    /// What of large bodies has been sent, by tenant.
    pub intake: Intake,
    /// Writes of many rows, by tenant.
    pub heavy: Turns,
    /// Changes of one user or group, by its row: who waits for a row inside of a transaction holds a connection, and enough of
    /// them hold all there are.
    pub changes: Turns,
    /// Changes of operators and guests, by the tenant of whoever asks.
    pub writes: Turns,
    /// Searches through many rows, by tenant.
    pub searches: Turns,
    /// Large answers on their way, by tenant.
    pub answers: Turns,
    /// How many users and groups a directory has.
    pub sizes: Tally,
    /// On looks at providers while their settings are typed, by who asks.
    pub checks: Limiter,
    /// On forms of guests, by tenant.
    pub guests: Limiter,
    /// What the log says of those who were refused.
    pub floods: Floods,
}

impl Limits {
    /// With so many sign-ins a minute from one address, and so many requests a second of one directory.
    #[must_use]
    pub fn new(sign_ins: NonZeroU32, pushes: NonZeroU32, clock: Clock) -> Self {
        let (sign_ins, pushes) = (Limiter::new(sign_ins), Pace::new(pushes, clock));
        let (large, heavy, sizes) = (Turns::new(LARGE), Turns::new(HEAVY), Tally::default());
        let (changes, writes) = (Turns::new(CHANGES), Turns::new(WRITES));
        let (searches, answers) = (Turns::new(SEARCHES), Turns::new(ANSWERS));
        let (strangers, strays, checks) = (Limiter::new(STRANGERS), Limiter::new(STRAYS), Limiter::new(CHECKS));
        let guests = Limiter::new(GUESTS);
        let intake = Intake::new(INTAKE, INTAKE_OF_EACH);
        Self {
            sign_ins,
            pushes,
            strangers,
            strays,
            checks,
            guests,
            large,
            intake,
            heavy,
            changes,
            writes,
            searches,
            answers,
            sizes,
            floods: Floods::default(),
        }
    }

    /// Begins another round, of about a minute.
    pub fn begin_round(&self) {
        self.sizes.forget();
        let turns = [&self.large, &self.heavy, &self.changes, &self.writes, &self.searches, &self.answers];
        turns.into_iter().for_each(Turns::forget_quiet);
        self.pushes.forget_quiet();
        let all = [&self.sign_ins, &self.strangers, &self.strays, &self.checks, &self.guests];
        all.into_iter().for_each(Limiter::forget_quiet);
        self.floods.sum_up();
    }
}

/// Most who have lines of their own in a round: asking under ever new names makes no more of them.
const MOST: usize = 100;

/// Of refusals for asking too often, what is worth a line: the first to each receiver in a round, and at its end how many
/// followed. The metrics count each.
#[derive(Debug, Default)]
pub struct Floods(Mutex<Round>);

#[derive(Debug, Default)]
struct Round {
    /// How many followed the first one.
    after: HashMap<(&'static str, String), u64>,
    /// Refusals of those who came when there was no more room.
    others: u64,
}

impl Floods {
    /// Counts a refusal of `what` to `whom`; whether it has a line of its own.
    #[must_use]
    pub fn is_first(&self, what: &'static str, whom: &str) -> bool {
        let mut round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (what, whom.to_owned());
        if let Some(after) = round.after.get_mut(&key) {
            *after += 1;
            return false;
        }
        if round.after.len() >= MOST {
            round.others += 1;
            return false;
        }
        round.after.insert(key, 0);
        true
    }

    /// Ends a round: a line for each who was refused again.
    pub fn sum_up(&self) {
        let Round { after, others } = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for ((what, whom), more) in after.into_iter().filter(|(_, more)| *more > 0) {
            tracing::warn!(what, whom, more, "refused again and again for asking too often");
        }
        if others > 0 {
            tracing::warn!(more = others, "others were refused for asking too often");
        }
    }
}

/// The limit of one node.
pub struct Limiter {
    cells: DefaultKeyedRateLimiter<String>,
}

impl Limiter {
    /// Lets each address begin `per_minute` in a burst, and as many in every minute after.
    #[must_use]
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { cells: DefaultKeyedRateLimiter::keyed(Quota::per_minute(per_minute)) }
    }

    /// Counts one.
    ///
    /// # Errors
    /// The key may not; the whole seconds until it may again.
    pub fn take(&self, key: &str) -> Result<(), i64> {
        let Err(until) = self.cells.check_key(&key.to_owned()) else { return Ok(()) };
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
    fn each_has_one_line_a_round_and_all_together_not_too_many() {
        let floods = Floods::default();
        let lines = |whom: &str| (0..5).filter(|_| floods.is_first("sign-ins", whom)).count();
        assert_eq!((lines("192.0.2.1"), lines("192.0.2.2"), floods.is_first("pushes", "192.0.2.1")), (1, 1, true));
        assert_eq!(floods.0.lock().unwrap().after[&("sign-ins", "192.0.2.1".to_owned())], 4);
        let others: usize = (0..10_000).map(|n| lines(&format!("client {n}"))).sum();
        assert_eq!(others, MOST - 3);
        assert_eq!(floods.0.lock().unwrap().others, 5 * (10_000 - 97));
        floods.sum_up();
        assert_eq!(lines("192.0.2.1"), 1, "a new round");
    }
}
