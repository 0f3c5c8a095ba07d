//! Keeps the catalogue current, and what is remembered of who may come: at once on the node that changed something, within
//! [`LOOK`](super::LOOK) seconds on the others, and never beyond that (`kept`). Who cannot know whether it is current is told
//! so, and decides nothing.
//!
//! A look asks whether anything has changed, and whose it was: that is quick, whatever a tenant has. Reading the things of who
//! changed them may take long, and only those wait for it who ask about them ([`Behind`]): else a tenant with many things that
//! changes one after the other would keep everybody from deciding.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;

use super::{
    bearer::Denied,
    catalogue::Catalogue,
    footings::Footings,
    kept::{Asked, Behind, Finds, Kept, Shelf},
    reading::{self, Openers},
    warming::Warming,
};
use crate::{
    clock::Clock,
    outbound::Outbound,
    seal::Sealer,
    store::{
        Db, StoreError,
        revisions::{self, Revisions},
    },
    token::{Validator, jwks::KeySets},
};

/// What trust stands on, and what is kept of the database. Clones share it.
#[derive(Clone)]
pub struct Trust(Arc<Shared>);

struct Shared {
    db: Db,
    shelf: Arc<Shelf<Stored>>,
    footings: Footings,
    warming: Warming,
}

/// The catalogue as it is stored.
struct Stored {
    db: Db,
    clock: Clock,
    openers: Openers,
}

impl Trust {
    /// Reads nothing yet: the first token does. `own` judges our own tokens, `own_host` is the host name we are at.
    #[must_use]
    pub fn new(
        db: Db,
        clock: Clock,
        sealer: Arc<Sealer>,
        key_sets: KeySets,
        outbound: Outbound,
        own: Validator,
        own_host: &str,
    ) -> Self {
        let openers = Openers { sealer, key_sets, outbound, own, own_host: own_host.to_owned() };
        let shelf = Arc::new(Shelf::new(Stored { db: db.clone(), clock, openers }));
        Self(Arc::new(Shared { db, shelf, footings: Footings::default(), warming: Warming::default() }))
    }

    pub(super) fn footings(&self) -> &Footings {
        &self.0.footings
    }

    /// The catalogue as it is at `now` (unix seconds), at most [`LOOK`](super::LOOK) seconds old. Costs no call while it is
    /// fresh, and one for all who ask when it is not.
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

    /// The same by the tenant's name: one that nobody has yet may be somebody's by now.
    ///
    /// # Errors
    /// As [`Trust::catalogue`].
    pub async fn catalogue_of_named(&self, now: i64, tenant: &str) -> Result<Arc<Catalogue>, Denied> {
        let is_current = |catalogue: &Catalogue, behind: &Behind| catalogue.is_current_of(tenant, behind);
        self.catalogue_where(now, is_current).await
    }

    /// The same for those who may ask about one tenant, and ask about all where they do not.
    ///
    /// # Errors
    /// As [`Trust::catalogue`].
    pub async fn catalogue_of_any(&self, now: i64, tenant_id: Option<&str>) -> Result<Arc<Catalogue>, Denied> {
        self.catalogue_where(now, |_, behind| tenant_id.is_some_and(|id| !behind.is_of(id))).await
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
        let asked = Asked { revision: self.0.db.revision(), at: now };
        if let Some(kept) = self.0.shelf.ready(asked, &will_do) {
            return Ok(Arc::clone(&kept.what));
        }
        // Boxed: nearly always it is fresh.
        let answering = Box::pin(self.0.shelf.answer(asked, will_do));
        answering.await.map(|kept| Arc::clone(&kept.what)).map_err(Denied::Unavailable)
    }

    /// Looks whether anything has changed, fresh or not, and reads it: for the background, so that requests need not ask.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self) -> Result<(), Denied> {
        self.0.shelf.renew().await.map_err(Denied::Unavailable)
    }

    /// Has the keys fetched of issuers that are new here, so that no request waits for them: for the background, after a
    /// [`look`](Self::look), and beside the rounds before that are not at their end. Only what nobody has tried yet: whoever
    /// cannot be reached is asked again when a token comes.
    pub async fn warm(&self, now: i64) {
        let Some(kept) = self.0.shelf.latest() else { return };
        let sources = kept.what.order.iter().flat_map(|issuer| &issuer.sources).cloned().collect();
        self.0.warming.round(sources, now).await;
    }
}

#[async_trait]
impl Finds for Stored {
    type Thing = Catalogue;

    async fn look(&self, before: &Kept<Catalogue>) -> Result<Kept<Catalogue>, StoreError> {
        let now = self.clock.now();
        let (revision, revisions) = self.revisions(Some(before.access)).await?;
        let catalogue = Arc::clone(&before.what);
        let behind = match () {
            () if catalogue.version == revisions.catalogue => Behind::Nobody,
            () if revisions.are_told(&catalogue.revisions) => {
                Behind::Tenants(revisions::changed_since(&self.db, catalogue.version).await?)
            }
            () => Behind::Everybody,
        };
        catalogue.checked_at.store(now, Ordering::SeqCst);
        Ok(Kept { what: catalogue, revision, access: revisions.access, behind, checked_at: now })
    }

    async fn read(&self, before: Option<&Kept<Catalogue>>) -> Result<Kept<Catalogue>, StoreError> {
        let now = self.clock.now();
        let (revision, revisions) = self.revisions(before.map(|before| before.access)).await?;
        let before = before.map(|before| &before.what);
        let what = match before.filter(|before| before.version == revisions.catalogue) {
            Some(same) => {
                same.checked_at.store(now, Ordering::SeqCst);
                Arc::clone(same)
            }
            None => self.build(before.cloned(), now).await?,
        };
        Ok(Kept { what, revision, access: revisions.access, behind: Behind::Nobody, checked_at: now })
    }
}

impl Stored {
    /// The numbers that are stored, and [`Db::revision`] before they were read; `access` is what was known of them.
    async fn revisions(&self, access: Option<i64>) -> Result<(u64, Revisions), StoreError> {
        let revision = self.db.revision();
        let revisions = revisions::read(&self.db).await?;
        if access.is_none_or(|access| access == revisions.access) {
            return Ok((revision, revisions));
        }
        // Somebody lost access, perhaps on another node: what is remembered of them falls here too. Unless this node has
        // changed something else meanwhile, that is all there is to it.
        self.db.changed();
        let is_all = self.db.revision() == revision + 1;
        Ok((if is_all { revision + 1 } else { revision }, revisions))
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
