//! The version of what every node keeps in memory: tenants, connections, trusted issuers, principals, mappings, sites.

use super::db::{Db, Result};

/// Grows with each committed change, on whichever node (`On::publish`).
///
/// # Errors
/// What the database says.
pub async fn version(db: &Db) -> Result<i64> {
    let sql = "SELECT value FROM revisions WHERE name = 'catalogue'";
    Ok(db.optional::<(i64,)>(sql, &[]).await?.map_or(0, |(value,)| value))
}
