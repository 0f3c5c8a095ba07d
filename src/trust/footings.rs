//! What the tokens of a family stand on, kept for those who may decide by what was so up to [`STALE`] seconds ago: of all
//! tokens of a family only the first reads the database. What is kept falls with any change that this node makes, as kept
//! decisions do, and what is refused is not kept.

use std::sync::Arc;

use super::STALE;
use crate::store::{Db, StoreError, standing, standing::Footing};

/// Most families kept.
const MOST: usize = 100_000;

/// A footing, and when it was read (unix seconds).
#[derive(Debug)]
pub(super) struct Read {
    pub(super) footing: Footing,
    pub(super) at: i64,
    /// [`Db::revision`] before.
    revision: u64,
}

pub(super) struct Footings(quick_cache::sync::Cache<String, Arc<Read>>);

impl Default for Footings {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(MOST))
    }
}

impl Footings {
    /// The footing of a family as it is at `now` (unix seconds), or was a moment ago.
    pub(super) async fn of(&self, db: &Db, family: &str, now: i64) -> Result<Option<Arc<Read>>, StoreError> {
        let revision = db.revision();
        let stands = |read: &Arc<Read>| {
            let ends = read.footing.family.expires_at;
            read.revision == revision && (0..STALE).contains(&now.saturating_sub(read.at)) && now < ends
        };
        if let Some(kept) = self.0.get(family).filter(stands) {
            return Ok(Some(kept));
        }
        // Boxed: those that are kept need no room for a query.
        let reading = Box::pin(Self::read(db, family, now));
        let Some(read) = reading.await? else { return Ok(None) };
        let read = Arc::new(read);
        if read.footing.standing.is_ok() {
            self.0.insert(family.to_owned(), Arc::clone(&read));
        }
        Ok(Some(read))
    }

    /// The footing as it is.
    pub(super) async fn read(db: &Db, family: &str, now: i64) -> Result<Option<Read>, StoreError> {
        let revision = db.revision();
        let footing = standing::of_family(db, family, now).await?;
        Ok(footing.map(|footing| Read { footing, at: now, revision }))
    }
}
