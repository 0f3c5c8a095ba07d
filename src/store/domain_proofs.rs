//! Domains that organisations want to prove, or have proven: the challenge that stands in the name server, and when it was last
//! seen there. Whether a domain counts is for [`super::domains`] to say.

use super::{db::Result, on::On};
use crate::params;

/// Seconds that a domain which nobody proves stays on its list.
pub const PATIENCE: i64 = 30 * 86_400;

/// A domain with its challenge.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Proof {
    /// Whose.
    pub tenant_id: String,
    /// In the form of [`crate::policy::email::normal_domain`].
    pub domain: String,
    /// What the record must hold; it is no secret once it is published.
    pub challenge: String,
    /// Unix seconds.
    pub created_at: i64,
    /// When it was looked for last.
    pub checked_at: Option<i64>,
    /// When the record was first seen, or the domain accepted without.
    pub proven_at: Option<i64>,
    /// Who accepted it without a record, in words.
    pub accepted_by: Option<String>,
    /// Since when a record that was there is gone.
    pub missing_since: Option<i64>,
    /// Why the last look gave nothing.
    pub failure: Option<String>,
    /// Who began it, in words; nothing of those that are older than this column.
    pub begun_by: Option<String>,
    /// Their row, where it was a user.
    pub begun_id: Option<String>,
    /// The set-up link by which a guest began it.
    pub link_id: Option<String>,
    /// When gatehouse looks again by itself (unix seconds).
    pub due_at: i64,
}

/// Those of a tenant, in alphabetical order.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Proof>> {
    let mut all = on.into().all::<Proof>("SELECT * FROM domain_proofs WHERE tenant_id = $1", params![tenant_id]).await?;
    // Sorted here: the two databases order text differently.
    all.sort_unstable_by(|a, b| a.domain.cmp(&b.domain));
    Ok(all)
}

/// One of a tenant.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, tenant_id: &str, domain: &str) -> Result<Option<Proof>> {
    let sql = "SELECT * FROM domain_proofs WHERE tenant_id = $1 AND domain = $2";
    on.into().optional::<Proof>(sql, params![tenant_id, domain]).await
}

/// The domains of a tenant whose record was seen, or that were accepted: those that a file need not name.
///
/// # Errors
/// What the database says.
pub async fn proven(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT domain FROM domain_proofs WHERE tenant_id = $1 AND proven_at IS NOT NULL";
    Ok(on.into().all::<(String,)>(sql, params![tenant_id]).await?.into_iter().map(|(domain,)| domain).collect())
}

/// Notes a challenge; nothing when the tenant has one for the domain already.
///
/// # Errors
/// What the database says.
pub async fn insert(on: impl Into<On<'_>>, proof: &Proof) -> Result<bool> {
    let sql = "INSERT INTO domain_proofs (tenant_id, domain, challenge, created_at, due_at, begun_by, begun_id, link_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, domain) DO NOTHING";
    let p = proof;
    let params = params![&p.tenant_id, &p.domain, &p.challenge, p.created_at, p.due_at, &p.begun_by, &p.begun_id, &p.link_id,];
    Ok(on.into().execute(sql, params).await? == 1)
}

/// Writes what was found; only as long as the challenge is the one that was looked for.
///
/// # Errors
/// What the database says.
pub async fn update(on: impl Into<On<'_>>, proof: &Proof) -> Result<bool> {
    let sql = "UPDATE domain_proofs SET checked_at = $4, proven_at = $5, accepted_by = $6, missing_since = $7, failure = $8, \
                 due_at = $9 WHERE tenant_id = $1 AND domain = $2 AND challenge = $3";
    let p = proof;
    let params = params![
        &p.tenant_id,
        &p.domain,
        &p.challenge,
        p.checked_at,
        p.proven_at,
        p.accepted_by.as_deref(),
        p.missing_since,
        p.failure.as_deref(),
        p.due_at,
    ];
    Ok(on.into().execute(sql, params).await? == 1)
}

/// Forgets a challenge; whether there was one.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, tenant_id: &str, domain: &str) -> Result<bool> {
    let sql = "DELETE FROM domain_proofs WHERE tenant_id = $1 AND domain = $2";
    Ok(on.into().execute(sql, params![tenant_id, domain]).await? == 1)
}

/// Forgets what was begun by a set-up link and is not proven, but for the domain `keep`; which domains those were.
///
/// # Errors
/// What the database says.
pub async fn forget_of_link(on: impl Into<On<'_>>, link_id: &str, keep: Option<&str>) -> Result<Vec<String>> {
    let sql = "DELETE FROM domain_proofs WHERE link_id = $1 AND proven_at IS NULL AND ($2 IS NULL OR domain <> $2) \
               RETURNING domain";
    Ok(on.into().all::<(String,)>(sql, params![link_id, keep]).await?.into_iter().map(|(domain,)| domain).collect())
}

/// Those that are to be looked for by now: at most `limit`, and `of_each` of a tenant; of each
/// the longest due one first, then of each its second, and so on.
///
/// # Errors
/// What the database says.
pub async fn due(on: impl Into<On<'_>>, now: i64, (limit, of_each): (i64, i64)) -> Result<Vec<Proof>> {
    let sql = "SELECT tenant_id, domain, challenge, created_at, checked_at, proven_at, accepted_by, missing_since, failure, \
                 begun_by, begun_id, link_id, due_at \
               FROM (SELECT p.*, ROW_NUMBER() OVER (PARTITION BY tenant_id ORDER BY due_at, domain) AS place \
                     FROM domain_proofs p WHERE due_at <= $1) AS ranked \
               WHERE place <= $3 ORDER BY place, due_at LIMIT $2";
    on.into().all::<Proof>(sql, params![now, limit, of_each]).await
}

/// Takes one that is due, so that no other node looks too; whether it was still there to take.
///
/// # Errors
/// What the database says.
pub async fn claim(on: impl Into<On<'_>>, proof: &Proof, next: i64) -> Result<bool> {
    let sql = "UPDATE domain_proofs SET due_at = $4 WHERE tenant_id = $1 AND domain = $2 AND due_at = $3";
    Ok(on.into().execute(sql, params![&proof.tenant_id, &proof.domain, proof.due_at, next]).await? == 1)
}
