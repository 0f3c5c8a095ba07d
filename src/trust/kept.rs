//! What is kept of something that changes, and whom it may answer. One rule for all who ask: nobody is answered by what was
//! found out before they came, unless nobody has changed anything since and it is no older than [`LOOK`]; and whoever asks
//! about one tenant only, by nothing that is behind in this tenant's things ([`Behind`]). So what this node had changed before
//! they came they are judged by, whatever was under way then.

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;

use super::{LOOK, attempts::Attempts};
use crate::store::StoreError;

/// How often it is looked anew for somebody. What is found after they came answers them: only where the clock is set back
/// meanwhile does it not.
const ROUNDS: usize = 3;

/// Whose things have changed since something was read.
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

/// When somebody asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// What this node had changed by then (`Db::revision`).
    pub revision: u64,
    /// Unix seconds.
    pub at: i64,
}

/// Something that was read, and how current that is.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub what: Arc<T>,
    /// What this node had changed before it was known how current it is.
    pub revision: u64,
    /// How often somebody had lost access on any node by then.
    pub access: i64,
    pub behind: Behind,
    /// When that was (unix seconds).
    pub checked_at: i64,
}

impl<T> Kept<T> {
    /// Whether it is known of it how current it was when they asked, or later.
    fn answers(&self, asked: Asked) -> bool {
        self.revision >= asked.revision && asked.at.saturating_sub(self.checked_at) < LOOK
    }

    /// Whether it is current in what they ask about.
    fn will_do(&self, will_do: &impl Fn(&T, &Behind) -> bool) -> bool {
        self.behind == Behind::Nobody || will_do(&self.what, &self.behind)
    }
}

/// Finds out how current something is, and reads it. The only reason for a trait: tests say what is found, and when.
#[async_trait]
pub(super) trait Finds: Send + Sync + 'static {
    /// What is read.
    type Thing: Send + Sync + 'static;

    /// Asks whose things have changed since it was read.
    async fn look(&self, before: &Kept<Self::Thing>) -> Result<Kept<Self::Thing>, StoreError>;

    /// Reads what has changed since then, or all of it.
    async fn read(&self, before: Option<&Kept<Self::Thing>>) -> Result<Kept<Self::Thing>, StoreError>;
}

type Found<F> = Arc<Kept<<F as Finds>::Thing>>;

/// Where it is kept.
pub(super) struct Shelf<F: Finds> {
    finds: F,
    kept: ArcSwapOption<Kept<F::Thing>>,
    looks: Arc<Attempts<Kept<F::Thing>>>,
    readings: Arc<Attempts<Kept<F::Thing>>>,
}

impl<F: Finds> Shelf<F> {
    /// With nothing on it yet: the first who asks has it read.
    pub fn new(finds: F) -> Self {
        Self { finds, kept: ArcSwapOption::empty(), looks: Arc::default(), readings: Arc::default() }
    }

    /// What is kept, however current.
    pub fn latest(&self) -> Option<Found<F>> {
        self.kept.load_full()
    }

    /// What answers them without a call.
    pub fn ready(&self, asked: Asked, will_do: &impl Fn(&F::Thing, &Behind) -> bool) -> Option<Found<F>> {
        self.fresh(asked).filter(|kept| kept.will_do(will_do))
    }

    fn fresh(&self, asked: Asked) -> Option<Found<F>> {
        let kept = self.kept.load();
        // What was found later than now says nothing: the clock was set back since.
        let kept = kept.as_ref().filter(|kept| kept.answers(asked) && kept.checked_at <= asked.at)?;
        Some(Arc::clone(kept))
    }

    /// What answers them: looked for, and read, as it must be.
    ///
    /// # Errors
    /// In words, when that cannot be found out.
    pub async fn answer(
        self: &Arc<Self>,
        asked: Asked,
        will_do: impl Fn(&F::Thing, &Behind) -> bool,
    ) -> Result<Found<F>, String> {
        for _ in 0..ROUNDS {
            let mut found = match self.fresh(asked) {
                Some(kept) => kept,
                None => self.looked().await?,
            };
            if found.answers(asked) && !found.will_do(&will_do) {
                found = self.read_anew().await?;
            }
            if found.answers(asked) && found.will_do(&will_do) {
                return Ok(found);
            }
        }
        Err("it cannot be told whether anything has changed: is the clock being set?".to_owned())
    }

    /// Looks whether anything has changed, and reads it.
    ///
    /// # Errors
    /// In words, when that cannot be found out.
    pub async fn renew(self: &Arc<Self>) -> Result<(), String> {
        if self.looked().await?.behind != Behind::Nobody {
            self.read_anew().await?;
        }
        Ok(())
    }

    async fn looked(self: &Arc<Self>) -> Result<Found<F>, String> {
        let shelf = Arc::clone(self);
        self.looks.share(async move { shelf.look().await }).await
    }

    async fn read_anew(self: &Arc<Self>) -> Result<Found<F>, String> {
        let shelf = Arc::clone(self);
        self.readings.share(async move { shelf.read().await }).await
    }

    /// Asks whose things have changed, and reads them only where there is nothing yet.
    async fn look(&self) -> Result<Found<F>, StoreError> {
        let before = self.kept.load_full();
        let Some(known) = &before else { return self.read().await };
        let found = Arc::new(self.finds.look(known).await?);
        // Unless it was read anew meanwhile. That reading may have begun before whoever asks now came, so they get what was
        // found here in any case.
        self.kept.compare_and_swap(&before, Some(Arc::clone(&found)));
        Ok(found)
    }

    async fn read(&self) -> Result<Found<F>, StoreError> {
        let before = self.kept.load_full();
        let found = Arc::new(self.finds.read(before.as_deref()).await?);
        self.kept.store(Some(Arc::clone(&found)));
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
