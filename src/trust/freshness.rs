//! Keeps the catalogue current, and what is remembered of who may come: at once on the node that changed something, within
//! [`LOOK`] seconds on the others, and never beyond that. Who cannot know whether it is current is told so, and decides
//! nothing.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    LOOK,
    bearer::Denied,
    catalogue::Catalogue,
    footings::Footings,
    reading::{self, Openers},
};
use crate::{
    outbound::Outbound,
    seal::Sealer,
    store::{self, Db, StoreError, revisions::Revisions},
    token::{Validator, jwks::KeySets},
};

/// What trust stands on, and what is kept of the database. Clones share it.
#[derive(Clone)]
pub struct Trust(Arc<Shared>);

struct Shared {
    db: Db,
    openers: Openers,
    kept: ArcSwapOption<Kept>,
    /// Counts attempts to become current.
    attempts: AtomicU64,
    /// Held while one is under way; why the last one failed.
    gate: Arc<Mutex<Option<String>>>,
    footings: Footings,
}

struct Kept {
    catalogue: Arc<Catalogue>,
    /// [`Db::revision`] before it was known to be current.
    revision: u64,
    /// How often somebody had lost access on any node by then.
    access: i64,
}

impl Trust {
    /// Reads nothing yet: the first token does. `own` judges our own tokens, `own_host` is the host name we are at.
    #[must_use]
    pub fn new(db: Db, sealer: Arc<Sealer>, key_sets: KeySets, outbound: Outbound, own: Validator, own_host: &str) -> Self {
        let openers = Openers { sealer, key_sets, outbound, own, own_host: own_host.to_owned() };
        let (kept, attempts, gate) = (ArcSwapOption::empty(), AtomicU64::new(0), Arc::default());
        Self(Arc::new(Shared { db, openers, kept, attempts, gate, footings: Footings::default() }))
    }

    pub(super) fn footings(&self) -> &Footings {
        &self.0.footings
    }

    /// The catalogue as it is at `now` (unix seconds), at most [`LOOK`] seconds old. Costs no call while it is fresh, and
    /// one for all who ask when it is not.
    ///
    /// # Errors
    /// When it is not fresh and the database does not answer.
    pub async fn catalogue(&self, now: i64) -> Result<Arc<Catalogue>, Denied> {
        if let Some(catalogue) = self.0.fresh(now) {
            return Ok(catalogue);
        }
        let seen = self.0.attempts.load(Ordering::SeqCst);
        let gate = Arc::clone(&self.0.gate).lock_owned().await;
        if let Some(catalogue) = self.0.fresh(now) {
            return Ok(catalogue);
        }
        // Who waited for an attempt that failed does not wait for another one.
        if let Some(cause) = gate.as_ref().filter(|_| self.0.attempts.load(Ordering::SeqCst) != seen) {
            return Err(Denied::Unavailable(cause.clone()));
        }
        self.renew(gate, now).await
    }

    /// Looks whether anything has changed, fresh or not: for the background, so that requests need not ask.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self, now: i64) -> Result<(), Denied> {
        let gate = Arc::clone(&self.0.gate).lock_owned().await;
        self.renew(gate, now).await.map(|_| ())
    }

    async fn renew(&self, mut gate: OwnedMutexGuard<Option<String>>, now: i64) -> Result<Arc<Catalogue>, Denied> {
        let shared = Arc::clone(&self.0);
        // Of its own, so that a caller who hangs up does not take the reading along.
        let task = tokio::spawn(async move {
            let outcome = shared.renew(now).await.map_err(|e| e.to_string());
            shared.attempts.fetch_add(1, Ordering::SeqCst);
            *gate = outcome.as_ref().err().cloned();
            outcome
        });
        let outcome = task.await.unwrap_or_else(|e| Err(format!("reading the catalogue was broken off: {e}")));
        outcome.map_err(Denied::Unavailable)
    }
}

impl Shared {
    fn fresh(&self, now: i64) -> Option<Arc<Catalogue>> {
        let kept = self.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.revision == self.db.revision())?;
        let age = now.saturating_sub(kept.catalogue.checked_at());
        (0..LOOK).contains(&age).then(|| Arc::clone(&kept.catalogue))
    }

    /// Asks for the versions, and reads what has changed where the catalogue's is another one.
    async fn renew(&self, now: i64) -> Result<Arc<Catalogue>, StoreError> {
        let mut revision = self.db.revision();
        let before = self.kept.load_full();
        let Revisions { access, catalogue: version, .. } = store::revisions::read(&self.db).await?;
        if before.as_ref().is_some_and(|before| before.access != access) {
            // Somebody lost access, perhaps on another node: what is remembered of them falls here too.
            self.db.changed();
            revision += 1;
        }
        let before = before.map(|kept| Arc::clone(&kept.catalogue));
        if let Some(catalogue) = before.as_ref().filter(|before| before.checked_at() <= now && before.version == version) {
            catalogue.checked_at.store(now, Ordering::SeqCst);
            let catalogue = Arc::clone(catalogue);
            self.kept.store(Some(Arc::new(Kept { catalogue: Arc::clone(&catalogue), revision, access })));
            return Ok(catalogue);
        }
        let rows = reading::read(&self.db, before.as_deref()).await?;
        let (openers, old) = (self.openers.clone(), before.clone());
        let built = tokio::task::spawn_blocking(move || reading::build(rows, old.as_deref(), &openers, now)).await;
        let built = built.map_err(|e| StoreError::Corrupt("catalogue", format!("building it was broken off: {e}")))?;
        for problem in reading::new_problems(&built, before.as_deref()) {
            tracing::warn!(problem, "left out of who is trusted");
        }
        let catalogue = Arc::new(built);
        self.kept.store(Some(Arc::new(Kept { catalogue: Arc::clone(&catalogue), revision, access })));
        Ok(catalogue)
    }
}
