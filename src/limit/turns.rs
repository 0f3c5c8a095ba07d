//! Turns: what each may do once at a time, and all together a few times on one node.
//!
//! A turn is of the task that has taken it. What the same task does within it, and has a turn of the same kind before it,
//! goes on in that one: it would wait for itself. And nothing is asked of somebody else's server meanwhile ([`is_held`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex as Queue, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    task::{self, Id},
    time::timeout,
};

/// The turns that tasks of this process have now: few, since there are few at a time of each kind.
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());
/// What tells turns, and kinds of them, from each other.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
struct Held {
    number: u64,
    task: Id,
    /// The number of the [`Turns`].
    of: u64,
    key: String,
}

/// Whether the task that asks is at any turn: then others wait for it, and it must not wait for a server that is not ours.
#[must_use]
pub fn is_held() -> bool {
    task::try_id().is_some_and(|task| held().iter().any(|held| held.task == task))
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// Who is at it, and who waits.
#[derive(Debug)]
pub struct Turns {
    number: u64,
    node: Arc<Semaphore>,
    queues: Mutex<HashMap<String, Arc<Queue<()>>>>,
}

/// Somebody's turn, until it is dropped; or a part of one that their task has already.
#[derive(Debug)]
pub struct Turn(Option<Taken>);

#[derive(Debug)]
struct Taken {
    _noted: Note,
    _own: OwnedMutexGuard<()>,
    _node: OwnedSemaphorePermit,
}

/// That a task has it; nothing where no task does.
#[derive(Debug)]
struct Note(Option<u64>);

impl Note {
    fn new(of: u64, key: &str) -> Self {
        let noted = task::try_id().map(|task| Held { number: number(), task, of, key: key.to_owned() });
        let note = Self(noted.as_ref().map(|noted| noted.number));
        held().extend(noted);
        note
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if let Some(number) = self.0 {
            held().retain(|held| held.number != number);
        }
    }
}

impl Turn {
    /// Whether it is one by itself, and not a part of another.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.0.is_some()
    }
}

impl Turns {
    /// So many at once, each for somebody else.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self { number: number(), node: Arc::new(Semaphore::new(at_once)), queues: Mutex::default() }
    }

    /// Waits for a turn of `key`, not longer than `patience`. Who waits for another of their own takes nobody's place; whose task
    /// has it already goes on.
    pub async fn take(&self, key: &str, patience: Duration) -> Option<Turn> {
        if self.is_mine(key) {
            return Some(Turn(None));
        }
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(key.to_owned()).or_default())
        };
        let turn = async {
            let own = queue.lock_owned().await;
            let node = Arc::clone(&self.node).acquire_owned().await.ok()?;
            Some(Turn(Some(Taken { _noted: Note::new(self.number, key), _own: own, _node: node })))
        };
        timeout(patience, turn).await.ok().flatten()
    }

    /// Whether the task that asks has the turn of `key`.
    fn is_mine(&self, key: &str) -> bool {
        let is_it = |task: Id| held().iter().any(|held| held.task == task && held.of == self.number && held.key == key);
        task::try_id().is_some_and(is_it)
    }

    /// Forgets who neither is at it nor waits.
    pub fn forget_quiet(&self) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_of_each_and_a_few_in_all() {
        let (turns, patience) = (Turns::new(2), Duration::ZERO);
        let okta = turns.take("okta", patience).await.expect("nobody is at it");
        assert!(turns.take("okta", patience).await.is_none(), "one of each");
        let entra = turns.take("entra", patience).await.expect("another");
        assert!(turns.take("ping", patience).await.is_none(), "two in all");
        turns.forget_quiet();
        assert!(turns.take("okta", patience).await.is_none(), "who is at it is not forgotten");
        let (next, ()) = tokio::join!(turns.take("okta", Duration::MAX), async { drop(okta) });
        assert!(next.is_some(), "whoever waits is next");
        drop(next);
        drop(entra);
        turns.forget_quiet();
        assert!(turns.queues.lock().expect("a map").is_empty());
    }

    #[tokio::test]
    async fn a_task_goes_on_in_its_own_turn() {
        let turns = Arc::new(Turns::new(1));
        assert!(!is_held());
        let at_it = Arc::clone(&turns);
        let task = tokio::spawn(async move {
            let patience = Duration::ZERO;
            let own = at_it.take("okta", patience).await.expect("nobody is at it");
            let part = at_it.take("okta", patience).await.expect("a part of its own");
            assert!(own.is_own() && !part.is_own() && is_held());
            assert!(at_it.take("entra", patience).await.is_none(), "another's is not its own");
            assert!(Turns::new(1).take("okta", patience).await.is_some_and(|turn| turn.is_own()), "nor another kind");
            let other = Arc::clone(&at_it);
            let other = tokio::spawn(async move { (other.take("okta", Duration::ZERO).await.is_some(), is_held()) });
            assert_eq!(other.await.expect("it ends"), (false, false), "another task waits");
            drop(part);
            assert!(is_held(), "only the whole ends it");
            drop(own);
            is_held()
        });
        assert!(!task.await.expect("it ends"));
        assert!(turns.take("okta", Duration::ZERO).await.is_some(), "and it is free");
    }
}
