//! Numbers that grow with what every node keeps in memory, so that a node can ask with one statement whether anything
//! has changed on another.

use super::db::{Db, Result};

pub(super) const GROW: &str = "INSERT INTO revisions (name, value) VALUES ($1, 1) \
                               ON CONFLICT (name) DO UPDATE SET value = revisions.value + 1";

/// What a transaction tells every node with its commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Somebody has lost access: whoever remembers to have let them in forgets it.
    pub access: bool,
    /// Tenants, connections, trusted issuers, principals, mappings or sites are others now.
    pub catalogue: bool,
}

impl News {
    /// In one order, so that transactions do not wait for each other crosswise.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.access, "access"), (self.catalogue, "catalogue")].into_iter().filter(|(is, _)| *is).map(|(_, name)| name)
    }
}

/// How often each has changed, on whichever node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Revisions {
    /// [`News::access`].
    pub access: i64,
    /// [`News::catalogue`].
    pub catalogue: i64,
}

/// The numbers as they are.
///
/// # Errors
/// What the database says.
pub async fn read(db: &Db) -> Result<Revisions> {
    let sql = "SELECT COALESCE(MAX(CASE WHEN name = 'access' THEN value END), 0) AS access, \
                      COALESCE(MAX(CASE WHEN name = 'catalogue' THEN value END), 0) AS catalogue \
               FROM revisions";
    Ok(db.optional(sql, &[]).await?.unwrap_or_default())
}
