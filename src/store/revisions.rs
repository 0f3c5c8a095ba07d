//! Numbers that grow with what every node keeps in memory, so that a node can ask with one statement whether anything
//! has changed on another, and with a second one whose things these were.
//!
//! Beside the number of all changes to the catalogue stands one for each tenant: what the first was with the tenant's last
//! change. A program of before wrote only the first; [`Revisions::are_told`] says whether it has.

use std::collections::BTreeSet;

use super::{
    db::{Result, Tx},
    on::On,
};
use crate::params;

const GROW: &str = "INSERT INTO revisions (name, value) VALUES ($1, 1) \
                    ON CONFLICT (name) DO UPDATE SET value = revisions.value + 1";
const NAME: &str = "INSERT INTO revisions (name, value) SELECT $1, value FROM revisions WHERE name = 'catalogue' \
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// What a transaction tells every node with its commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Somebody has lost access: whoever remembers to have let them in forgets it.
    pub access: bool,
    /// The tenants (by row id) that are others now, or whose connections, trusted issuers, principals, mappings, teams or
    /// sites are.
    pub catalogue: BTreeSet<String>,
}

impl News {
    /// Always in one order, so that transactions do not wait for each other crosswise.
    pub(super) async fn write(self, tx: &mut Tx) -> Result<()> {
        if self.access {
            tx.execute(GROW, params!["access"]).await?;
        }
        if self.catalogue.is_empty() {
            return Ok(());
        }
        for name in ["catalogue", "catalogue_by_tenant"] {
            tx.execute(GROW, params![name]).await?;
        }
        for tenant_id in self.catalogue {
            tx.execute(NAME, params![&format!("catalogue/{tenant_id}")]).await?;
        }
        Ok(())
    }
}

/// How often each has changed, on whichever node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Revisions {
    /// [`News::access`].
    pub access: i64,
    /// [`News::catalogue`].
    pub catalogue: i64,
    /// Of these changes those that said whose things have changed.
    pub catalogue_by_tenant: i64,
}

impl Revisions {
    /// Whether all changes to the catalogue since `before` have said whose things they were.
    #[must_use]
    pub fn are_told(&self, before: &Self) -> bool {
        let changes = self.catalogue - before.catalogue;
        changes >= 0 && changes == self.catalogue_by_tenant - before.catalogue_by_tenant
    }
}

/// The numbers as they are.
///
/// # Errors
/// What the database says.
pub async fn read(on: impl Into<On<'_>>) -> Result<Revisions> {
    let sql = "SELECT COALESCE(MAX(CASE WHEN name = 'access' THEN value END), 0) AS access, \
                      COALESCE(MAX(CASE WHEN name = 'catalogue' THEN value END), 0) AS catalogue, \
                      COALESCE(MAX(CASE WHEN name = 'catalogue_by_tenant' THEN value END), 0) AS catalogue_by_tenant \
               FROM revisions WHERE name IN ('access', 'catalogue', 'catalogue_by_tenant')";
    Ok(on.into().optional(sql, &[]).await?.unwrap_or_default())
}

/// The tenants (by row id) of whose things some have changed after the catalogue's `revision`.
///
/// # Errors
/// What the database says.
pub async fn changed_since(on: impl Into<On<'_>>, revision: i64) -> Result<BTreeSet<String>> {
    let sql = "SELECT SUBSTR(name, 11) FROM revisions WHERE name LIKE 'catalogue/%' AND value > $1";
    let rows: Vec<(String,)> = on.into().all(sql, params![revision]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Forgets tenants that are gone: every node reads of each time which there are. How many went.
///
/// # Errors
/// What the database says.
pub async fn sweep(on: impl Into<On<'_>>) -> Result<u64> {
    let sql = "DELETE FROM revisions WHERE name LIKE 'catalogue/%' AND NOT EXISTS \
                 (SELECT 1 FROM tenants WHERE 'catalogue/' || tenants.id = revisions.name)";
    on.into().execute(sql, &[]).await
}
