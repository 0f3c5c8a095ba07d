//! What the tokens of a family stand on, kept for those who may decide by what was so up to [`STALE`] seconds ago: of all
//! tokens of a family only the first reads the database. What is kept falls with any change that this node makes, as kept
//! decisions do, and what is refused is not kept. Entries count by what they take: one user may be in very many groups, under
//! very many tokens.

use std::sync::Arc;

use quick_cache::Weighter;

use super::STALE;
use crate::store::{Db, StoreError, standing, standing::Footing};

/// Families that there is room for, as they commonly are.
const MOST: usize = 100_000;
/// Bytes that are kept in all.
const ROOM: u64 = 128 * 1024 * 1024;
/// Most teams of a user whose footing is kept: whoever is in more is read anew each time.
const TEAMS: usize = 300;
/// What an entry takes beside its texts, and what a team of it does.
const EACH: (usize, usize) = (512, 64);

/// Weighs entries by their bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes;

impl Weighter<String, Arc<Read>> for Bytes {
    fn weight(&self, _: &String, read: &Arc<Read>) -> u64 {
        read.bytes
    }
}

/// What a footing takes, roughly.
fn bytes(footing: &Footing) -> u64 {
    let Footing { tenant, email, name, teams, .. } = footing;
    let texts = tenant.len() + email.len() + name.as_ref().map_or(0, String::len);
    let teams: usize = teams.iter().map(|team| EACH.1 + team.id.len() + team.name.len()).sum();
    u64::try_from(EACH.0 + texts + teams).unwrap_or(u64::MAX)
}

/// Whether a footing is kept.
fn is_kept(footing: &Footing) -> bool {
    footing.standing.is_ok() && footing.teams.len() <= TEAMS
}

/// A footing, and when it was read (unix seconds).
#[derive(Debug)]
pub(super) struct Read {
    pub(super) footing: Footing,
    pub(super) at: i64,
    /// [`Db::revision`] before.
    revision: u64,
    /// What it takes: it is asked often.
    bytes: u64,
}

pub(super) struct Footings(quick_cache::sync::Cache<String, Arc<Read>, Bytes>);

impl Default for Footings {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::with_weighter(MOST, ROOM, Bytes))
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
        if is_kept(&read.footing) {
            self.0.insert(family.to_owned(), Arc::clone(&read));
        }
        Ok(Some(read))
    }

    /// The footing as it is.
    pub(super) async fn read(db: &Db, family: &str, now: i64) -> Result<Option<Read>, StoreError> {
        let revision = db.revision();
        let footing = standing::of_family(db, family, now).await?;
        Ok(footing.map(|footing| Read { bytes: bytes(&footing), footing, at: now, revision }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        policy::access::{Refusal, Standing},
        store::{families::Family, standing::Membership},
    };

    fn footing(teams: usize) -> Footing {
        let id = "0".repeat(36);
        let family = Arc::new(Family {
            id: id.clone(),
            tenant_id: id.clone(),
            client_id: id.clone(),
            user_id: id.clone(),
            connection_id: None,
            sid: None,
            scope: String::new(),
            resources: String::new(),
            auth_time: 0,
            amr: String::new(),
            current_hash: None,
            created_at: 0,
            expires_at: i64::MAX,
        });
        Footing {
            family,
            tenant: "acme".to_owned(),
            email: "kim@acme.example".to_owned(),
            email_proven: true,
            name: None,
            first_party: true,
            teams: (0..teams).map(|_| Membership { id: id.clone(), name: "x".repeat(100) }).collect(),
            state: Standing::of_tenant(true),
            standing: Ok(()),
        }
    }

    #[test]
    fn many_teams_are_heavy_and_very_many_are_not_kept() {
        assert!(bytes(&footing(0)) < 1024 && bytes(&footing(TEAMS)) > 200 * u64::try_from(TEAMS).unwrap());
        assert!(is_kept(&footing(TEAMS)) && !is_kept(&footing(TEAMS + 1)));
        assert!(!is_kept(&Footing { standing: Err(Refusal::Gone), ..footing(0) }));
        let (footings, footing) = (Footings::default(), footing(TEAMS));
        let read = Arc::new(Read { bytes: bytes(&footing), footing, at: 0, revision: 0 });
        for n in 0..10_000 {
            footings.0.insert(n.to_string(), Arc::clone(&read));
        }
        assert!(footings.0.weight() <= ROOM && (100..5_000).contains(&footings.0.len()), "{}", footings.0.len());
    }
}
