//! What a tenant has, in numbers, for its administrators' first page.

use super::{db::Result, on::On};
use crate::params;

/// Where counting stops: what is more is "more than that", and costs no more.
pub const MOST: i64 = 10_000;

/// How many things of each kind a tenant has, at most [`MOST`] and one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub connections: i64,
    pub clients: i64,
    pub users: i64,
    pub teams: i64,
    pub directories: i64,
    pub trusted_issuers: i64,
    pub external_identities: i64,
    pub virtual_accounts: i64,
    pub resources: i64,
}

/// Counts what a tenant has.
///
/// # Errors
/// What the database says.
pub async fn counts(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Counts> {
    let sql = "SELECT
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM connections WHERE tenant_id = $1 LIMIT $2) AS c) AS connections,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM clients WHERE tenant_id = $1 LIMIT $2) AS c) AS clients,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM users WHERE tenant_id = $1 LIMIT $2) AS c) AS users,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM teams WHERE tenant_id = $1 LIMIT $2) AS c) AS teams,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM directories WHERE tenant_id = $1 LIMIT $2) AS c) AS directories,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM trusted_issuers WHERE tenant_id = $1 LIMIT $2) AS c) AS trusted_issuers,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM principals WHERE tenant_id = $1 AND kind = 'external_identity' LIMIT $2) AS c)
          AS external_identities,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM principals WHERE tenant_id = $1 AND kind = 'virtual_account' LIMIT $2) AS c)
          AS virtual_accounts,
        (SELECT COUNT(*) FROM (SELECT 1 AS one FROM resources WHERE tenant_id = $1 LIMIT $2) AS c) AS resources";
    Ok(on.into().optional(sql, params![tenant_id, MOST + 1]).await?.unwrap_or_default())
}
