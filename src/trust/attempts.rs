//! Attempts to find something out, one at a time. Who comes while one is under way waits for the next, and with them all who
//! came meanwhile: that one saw what they ask for. Each gets what that attempt has found, whatever others find besides.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Mutex;

use crate::store::StoreError;

pub(super) struct Attempts<T> {
    begun: AtomicU64,
    ended: AtomicU64,
    gate: Arc<Mutex<Last<T>>>,
}

struct Last<T> {
    number: u64,
    /// What it has found, or why it failed.
    outcome: Option<Result<Arc<T>, String>>,
}

impl<T> Default for Attempts<T> {
    fn default() -> Self {
        let gate = Arc::new(Mutex::new(Last { number: 0, outcome: None }));
        Self { begun: AtomicU64::new(0), ended: AtomicU64::new(0), gate }
    }
}

impl<T: Send + Sync + 'static> Attempts<T> {
    /// Makes an attempt, or waits for one that begins after this call: what it finds, or why it failed.
    pub(super) async fn share(
        self: &Arc<Self>,
        attempt: impl Future<Output = Result<Arc<T>, StoreError>> + Send + 'static,
    ) -> Result<Arc<T>, String> {
        let (begun, ended) = (self.begun.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst));
        let mut last = Arc::clone(&self.gate).lock_owned().await;
        match &last.outcome {
            // Who waited for an attempt that failed does not wait for another one.
            Some(Err(cause)) if self.ended.load(Ordering::SeqCst) != ended => return Err(cause.clone()),
            Some(Ok(found)) if last.number > begun => return Ok(Arc::clone(found)),
            _ => {}
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        *last = Last { number, outcome: Some(Err("it was broken off".to_owned())) };
        let attempts = Arc::clone(self);
        // Of its own, so that a caller who hangs up does not take it along.
        let task = tokio::spawn(async move {
            let outcome = attempt.await.map_err(|e| e.to_string());
            last.outcome = Some(outcome.clone());
            attempts.ended.fetch_add(1, Ordering::SeqCst);
            drop(last);
            outcome
        });
        task.await.unwrap_or_else(|e| Err(format!("reading the catalogue was broken off: {e}")))
    }
}
