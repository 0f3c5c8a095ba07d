//! Turns: what each may do once at a time, and all together a few times on one node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Queue, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Who is at it, and who waits.
#[derive(Debug)]
pub struct Turns {
    node: Arc<Semaphore>,
    queues: Mutex<HashMap<String, Arc<Queue<()>>>>,
}

/// Somebody's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _own: OwnedMutexGuard<()>,
    _node: OwnedSemaphorePermit,
}

impl Turns {
    /// So many at once, each for somebody else.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self { node: Arc::new(Semaphore::new(at_once)), queues: Mutex::default() }
    }

    /// Waits for a turn of `key`, not longer than `patience`. Who waits for another of their own takes nobody's place.
    pub async fn take(&self, key: &str, patience: Duration) -> Option<Turn> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(queues.entry(key.to_owned()).or_default())
        };
        let turn = async {
            let own = queue.lock_owned().await;
            Some(Turn { _own: own, _node: Arc::clone(&self.node).acquire_owned().await.ok()? })
        };
        timeout(patience, turn).await.ok().flatten()
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
}
