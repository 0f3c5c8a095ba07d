//! Calls are told to whoever asked for the work that makes them, as they end. Connectors, key sets and the rest are shared by
//! all requests, so the witness goes with the task and not with them: it is told of the calls of its own request alone, and
//! work that goes on in the background has none.

use std::{sync::Arc, time::Duration};

use super::{Fetched, OutboundError};

tokio::task_local! {
    static WITNESS: Arc<dyn Witness>;
}

/// Is told of calls.
pub trait Witness: Send + Sync {
    /// A call has ended.
    fn called(&self, call: &Call<'_>);
}

/// A call that was made: what it was for and what came of it, and nothing that was sent or answered.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// As the metric's label: `discovery`, `jwks`, `token`, …
    pub purpose: &'static str,
    /// Who was called; without path or query.
    pub host: &'a str,
    /// The status of the answer; or why there is none, in a word.
    pub outcome: Result<u16, &'static str>,
    /// How long it took.
    pub took: Duration,
}

/// Does `work`, and tells `witness` of the calls that it makes.
pub async fn witnessed<F: Future>(witness: Arc<dyn Witness>, work: F) -> F::Output {
    WITNESS.scope(witness, work).await
}

/// Work that somebody waits for, for a task of its own: its calls are told to the witness of the present one.
pub fn along<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let witness = WITNESS.try_with(Arc::clone).ok();
    async move {
        match witness {
            Some(witness) => WITNESS.scope(witness, work).await,
            None => work.await,
        }
    }
}

pub(super) fn tell(purpose: &'static str, host: &str, result: &Result<Fetched, OutboundError>, took: Duration) {
    let outcome = result.as_ref().map(|fetched| fetched.status).map_err(OutboundError::word);
    let _ = WITNESS.try_with(|witness| witness.called(&Call { purpose, host, outcome, took }));
}
