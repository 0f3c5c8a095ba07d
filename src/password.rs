//! Passwords: Argon2id with OWASP's parameters (19 MiB, two passes), hashed on blocking threads behind a gate, so that
//! a flood of sign-ins can neither exhaust the memory nor starve other endpoints.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::secret;

/// Hashes at once: 19 MiB each.
const AT_ONCE: usize = 2;
/// Sign-ins that may wait for their turn; one more is told to come back.
const QUEUE: usize = 32;
/// Longest password taken, in bytes: longer ones only cost time.
const LONGEST: usize = 1_024;
/// How long one waits for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why no verdict could be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// The hash could not be made or read.
    #[error("the password could not be hashed")]
    Hash,
}

/// The gate. Clones share it.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    done: Arc<AtomicU64>,
    /// What an unknown user's password is checked against, so that it takes as long as a known one's.
    decoy: Arc<str>,
}

impl Passwords {
    /// A gate for this process.
    ///
    /// # Errors
    /// [`PasswordError::Hash`] when Argon2 does not work here.
    pub fn new() -> Result<Self, PasswordError> {
        // A decoy needs the parameters of a real hash, not the work: its tag is random and matches nothing.
        let salt = secret::random_id();
        let tag = secret::random();
        let decoy = format!("$argon2id$v=19$m=19456,t=2,p=1${}${}", salt.replace(['-', '_'], "A"), tag.replace(['-', '_'], "A"));
        Ok(Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Arc::new(Semaphore::new(AT_ONCE + QUEUE)),
            done: Arc::default(),
            decoy: decoy.into(),
        })
    }

    /// Whether `password` is the one of `stored`. Without a stored hash the same work is done and the answer is no.
    ///
    /// # Errors
    /// [`PasswordError::Busy`]; an unreadable stored hash is a plain no.
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<bool, PasswordError> {
        let known = stored.is_some();
        let hash = stored.unwrap_or(&self.decoy).to_owned();
        // A password over the limit costs the same work, on its first bytes, and never matches.
        let fits = password.len() <= LONGEST;
        let bytes = password.as_bytes()[..password.len().min(LONGEST)].to_vec();
        let matches = self.run(move || argon2().is_ok_and(|a| a.verify_password(&bytes, hash.as_str()).is_ok())).await?;
        Ok(matches && known && fits)
    }

    /// The hash of a password that somebody chooses.
    ///
    /// # Errors
    /// [`PasswordError::Busy`]; [`PasswordError::Hash`] for one that is too long.
    pub async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        self.run(move || hash_now(&password)).await?
    }

    /// Keeps the gate shut until what it gives is dropped: nothing is hashed meanwhile.
    pub async fn shut(&self) -> Option<OwnedSemaphorePermit> {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        self.turns.clone().acquire_many_owned(all).await.ok()
    }

    /// How many are in the gate or wait before it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        (AT_ONCE + QUEUE).saturating_sub(self.queue.available_permits())
    }

    /// How often it was hashed and verified so far: each takes the same time.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _place = self.queue.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        self.done.fetch_add(1, Ordering::Relaxed);
        // The turn goes with the work: a client that hangs up does not free memory that is still in use.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        done.await.map_err(|_| PasswordError::Hash)
    }
}

/// Hashes a password on the calling thread: for the command line, where nothing else waits, and behind the gate.
///
/// # Errors
/// [`PasswordError::Hash`]
pub fn hash_now(password: &str) -> Result<String, PasswordError> {
    if password.len() > LONGEST {
        return Err(PasswordError::Hash);
    }
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(|_| PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Verifies a password on the calling thread: for the command line, where nothing else waits.
#[must_use]
pub fn verify_now(password: &str, stored: &str) -> bool {
    argon2().is_ok_and(|a| a.verify_password(password.as_bytes(), stored).is_ok())
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19_456, 2, 1, None).map_err(|_| PasswordError::Hash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn knows_the_right_password_only() {
        let gate = Passwords::new().unwrap();
        let hash = hash_now("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(gate.verify("correct horse", Some(&hash)).await.unwrap());
        assert!(!gate.verify("correct horsf", Some(&hash)).await.unwrap());
        assert!(!gate.verify("correct horse", None).await.unwrap());
        assert!(!gate.verify("", Some(&hash)).await.unwrap());
        assert!(!gate.verify("x", Some("garbage")).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_users_password_is_really_hashed() {
        let gate = Passwords::new().unwrap();
        let parsed = argon2::PasswordHash::new(&gate.decoy).unwrap();
        assert!(parsed.hash.is_some() && parsed.salt.is_some(), "the decoy must be a readable hash, or checking it is instant");
        assert_eq!(parsed.params.get_decimal("m"), Some(19_456));
    }

    #[tokio::test]
    async fn a_flood_is_told_to_come_back() {
        let gate = Passwords::new().unwrap();
        let all = futures_util::future::join_all((0..200).map(|_| gate.verify("x", None))).await;
        let busy = all.iter().filter(|r| **r == Err(PasswordError::Busy)).count();
        assert_eq!(busy, 200 - AT_ONCE - QUEUE);
        assert!(!gate.verify("x", None).await.unwrap(), "and the gate opens again");
    }
}
