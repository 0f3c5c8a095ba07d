//! Keeps the catalogue current, and what is remembered of who may come: at once on the node that changed something, within
//! [`LOOK`] seconds on the others, and never beyond that. Who cannot know whether it is current is told so, and decides
//! nothing.
//!
//! A look asks whether anything has changed, and whose it was: that is quick, whatever a tenant has. Reading the things of who
//! changed them may take long, and only those wait for it who ask about them ([`Behind`]): else a tenant with many things that
//! changes one after the other would keep everybody from deciding.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use futures_util::StreamExt as _;
use tokio::sync::Mutex;

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
    store::{
        Db, StoreError,
        revisions::{self, Revisions},
    },
    token::{Validator, jwks::KeySets},
};

/// Fetches of keys that are under way at a time before anybody asks for them.
const FETCHES: usize = 8;

/// What trust stands on, and what is kept of the database. Clones share it.
#[derive(Clone)]
pub struct Trust(Arc<Shared>);

struct Shared {
    db: Db,
    openers: Openers,
    kept: ArcSwapOption<Kept>,
    looks: Arc<Attempts>,
    readings: Arc<Attempts>,
    footings: Footings,
}

struct Kept {
    catalogue: Arc<Catalogue>,
    /// [`Db::revision`] before it was known how current it is.
    revision: u64,
    /// How often somebody had lost access on any node by then.
    access: i64,
    behind: Behind,
}

/// Whose things have changed since a catalogue was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behind {
    /// Nobody's: it is current.
    #[default]
    Nobody,
    /// These tenants' (by row id).
    Tenants(BTreeSet<String>),
    /// Anybody's.
    Everybody,
}

impl Behind {
    /// Whether it is not current of this tenant.
    #[must_use]
    pub fn is_of(&self, tenant_id: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Tenants(ids) => ids.contains(tenant_id),
            Self::Everybody => true,
        }
    }
}

/// Attempts to become current, one at a time. Who comes while one is under way waits for the next, and with them all who
/// came meanwhile: that one saw what they ask for.
#[derive(Default)]
struct Attempts {
    begun: AtomicU64,
    ended: AtomicU64,
    gate: Arc<Mutex<Last>>,
}

#[derive(Default)]
struct Last {
    number: u64,
    /// Why it failed.
    failure: Option<String>,
}

impl Trust {
    /// Reads nothing yet: the first token does. `own` judges our own tokens, `own_host` is the host name we are at.
    #[must_use]
    pub fn new(db: Db, sealer: Arc<Sealer>, key_sets: KeySets, outbound: Outbound, own: Validator, own_host: &str) -> Self {
        let openers = Openers { sealer, key_sets, outbound, own, own_host: own_host.to_owned() };
        let (kept, looks, readings) = (ArcSwapOption::empty(), Arc::default(), Arc::default());
        Self(Arc::new(Shared { db, openers, kept, looks, readings, footings: Footings::default() }))
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
        self.catalogue_where(now, |_, _| false).await
    }

    /// The same for those who ask about one tenant: it is as current as that in this tenant's things, and may be older in
    /// those of others.
    ///
    /// # Errors
    /// As [`Trust::catalogue`].
    pub async fn catalogue_of(&self, now: i64, tenant_id: &str) -> Result<Arc<Catalogue>, Denied> {
        self.catalogue_where(now, |_, behind| !behind.is_of(tenant_id)).await
    }

    /// The same, where the catalogue says what it is asked about. `will_do` is not asked of one that is current.
    ///
    /// # Errors
    /// As [`Trust::catalogue`].
    pub async fn catalogue_where(
        &self,
        now: i64,
        will_do: impl Fn(&Catalogue, &Behind) -> bool,
    ) -> Result<Arc<Catalogue>, Denied> {
        let does = |kept: &Arc<Kept>| kept.behind == Behind::Nobody || will_do(&kept.catalogue, &kept.behind);
        if let Some(kept) = self.0.fresh(now).filter(&does) {
            return Ok(Arc::clone(&kept.catalogue));
        }
        // Boxed: nearly always it is fresh.
        let renewing = Box::pin(self.renew(now, does));
        renewing.await
    }

    async fn renew(&self, now: i64, does: impl Fn(&Arc<Kept>) -> bool) -> Result<Arc<Catalogue>, Denied> {
        if self.0.fresh(now).is_none() {
            let kept = self.looked(now).await?;
            if does(&kept) {
                return Ok(Arc::clone(&kept.catalogue));
            }
        }
        self.read(now).await.map(|kept| Arc::clone(&kept.catalogue))
    }

    /// Looks whether anything has changed, fresh or not, and reads it: for the background, so that requests need not ask.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self, now: i64) -> Result<(), Denied> {
        let kept = self.looked(now).await?;
        if kept.behind != Behind::Nobody {
            self.read(now).await?;
        }
        Ok(())
    }

    /// Has the keys fetched of issuers that are new here, so that no request waits for them: for the background, after a
    /// [`look`](Self::look). Only what nobody has tried yet: whoever cannot be reached is asked again when a token comes.
    pub async fn warm(&self, now: i64) {
        let Some(kept) = self.0.kept.load_full() else { return };
        let sources = kept.catalogue.order.iter().flat_map(|issuer| &issuer.sources);
        futures_util::stream::iter(sources).for_each_concurrent(FETCHES, |source| source.warm(now)).await;
    }

    async fn looked(&self, now: i64) -> Result<Arc<Kept>, Denied> {
        let shared = Arc::clone(&self.0);
        self.0.looks.share(async move { shared.look(now).await }).await.map_err(Denied::Unavailable)?;
        self.kept()
    }

    async fn read(&self, now: i64) -> Result<Arc<Kept>, Denied> {
        let shared = Arc::clone(&self.0);
        self.0.readings.share(async move { shared.read(now).await }).await.map_err(Denied::Unavailable)?;
        self.kept()
    }

    fn kept(&self) -> Result<Arc<Kept>, Denied> {
        self.0.kept.load_full().ok_or_else(|| Denied::Unavailable("nothing was read yet".to_owned()))
    }
}

impl Attempts {
    /// Makes an attempt, or waits for one that serves as well; says why it failed.
    async fn share(
        self: &Arc<Self>,
        attempt: impl Future<Output = Result<(), StoreError>> + Send + 'static,
    ) -> Result<(), String> {
        let (begun, ended) = (self.begun.load(Ordering::SeqCst), self.ended.load(Ordering::SeqCst));
        let mut last = Arc::clone(&self.gate).lock_owned().await;
        match &last.failure {
            // Who waited for an attempt that failed does not wait for another one.
            Some(cause) if self.ended.load(Ordering::SeqCst) != ended => return Err(cause.clone()),
            None if last.number > begun => return Ok(()),
            _ => {}
        }
        *last = Last { number: self.begun.fetch_add(1, Ordering::SeqCst) + 1, failure: Some("it was broken off".to_owned()) };
        let attempts = Arc::clone(self);
        // Of its own, so that a caller who hangs up does not take it along.
        let task = tokio::spawn(async move {
            let outcome = attempt.await.map_err(|e| e.to_string());
            last.failure = outcome.as_ref().err().cloned();
            attempts.ended.fetch_add(1, Ordering::SeqCst);
            drop(last);
            outcome
        });
        task.await.unwrap_or_else(|e| Err(format!("reading the catalogue was broken off: {e}")))
    }
}

impl Shared {
    fn fresh(&self, now: i64) -> Option<Arc<Kept>> {
        let kept = self.kept.load();
        let kept = kept.as_ref().filter(|kept| kept.revision == self.db.revision())?;
        let age = now.saturating_sub(kept.catalogue.checked_at());
        (0..LOOK).contains(&age).then(|| Arc::clone(kept))
    }

    /// The numbers that are stored, and [`Db::revision`] before they were read; `access` is what was known of them.
    async fn revisions(&self, access: Option<i64>) -> Result<(u64, Revisions), StoreError> {
        let revision = self.db.revision();
        let revisions = revisions::read(&self.db).await?;
        if access.is_none_or(|access| access == revisions.access) {
            return Ok((revision, revisions));
        }
        // Somebody lost access, perhaps on another node: what is remembered of them falls here too.
        self.db.changed();
        Ok((revision + 1, revisions))
    }

    /// Asks whose things have changed, and reads them only where there is nothing yet.
    async fn look(&self, now: i64) -> Result<(), StoreError> {
        let before = self.kept.load_full();
        let Some(kept) = &before else { return self.read(now).await };
        let (revision, revisions) = self.revisions(Some(kept.access)).await?;
        let catalogue = Arc::clone(&kept.catalogue);
        let behind = match () {
            () if catalogue.checked_at() > now => Behind::Everybody,
            () if catalogue.version == revisions.catalogue => Behind::Nobody,
            () if revisions.are_told(&catalogue.revisions) => {
                Behind::Tenants(revisions::changed_since(&self.db, catalogue.version).await?)
            }
            () => Behind::Everybody,
        };
        if catalogue.checked_at() <= now {
            catalogue.checked_at.store(now, Ordering::SeqCst);
        }
        let next = Kept { catalogue, revision, access: revisions.access, behind };
        // Unless it was read anew meanwhile.
        self.kept.compare_and_swap(&before, Some(Arc::new(next)));
        Ok(())
    }

    /// Asks for the versions, and reads what has changed where the catalogue's is another one.
    async fn read(&self, now: i64) -> Result<(), StoreError> {
        let before = self.kept.load_full();
        let (revision, revisions) = self.revisions(before.as_ref().map(|before| before.access)).await?;
        let access = revisions.access;
        let before = before.map(|kept| Arc::clone(&kept.catalogue));
        let same = |before: &&Arc<Catalogue>| before.checked_at() <= now && before.version == revisions.catalogue;
        let catalogue = match before.as_ref().filter(same) {
            Some(before) => {
                before.checked_at.store(now, Ordering::SeqCst);
                Arc::clone(before)
            }
            None => self.build(before, now).await?,
        };
        self.kept.store(Some(Arc::new(Kept { catalogue, revision, access, behind: Behind::Nobody })));
        Ok(())
    }

    async fn build(&self, before: Option<Arc<Catalogue>>, now: i64) -> Result<Arc<Catalogue>, StoreError> {
        let rows = reading::read(&self.db, before.as_deref()).await?;
        let (openers, old) = (self.openers.clone(), before.clone());
        let built = tokio::task::spawn_blocking(move || reading::build(rows, old.as_deref(), &openers, now)).await;
        let built = built.map_err(|e| StoreError::Corrupt("catalogue", format!("building it was broken off: {e}")))?;
        for problem in reading::new_problems(&built, before.as_deref()) {
            tracing::warn!(problem, "left out of who is trusted");
        }
        Ok(Arc::new(built))
    }
}
