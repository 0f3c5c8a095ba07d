//! What we know of the providers that publish metadata: the last accepted, a later one that waits for an operator, why the
//! last fetch failed, and when to look again.

use super::{
    db::{Db, Result},
    on::On,
};
use crate::params;

/// What is known of one provider.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// Of which connection.
    pub connection_id: String,
    /// A digest of the settings that it was fetched by: other settings may name another provider.
    pub source: String,
    /// Grows when `provider` changes, so that nodes know when to open the connector anew; 0 before the first.
    pub version: i64,
    /// What was read from the metadata last accepted (JSON); nothing before the first.
    pub provider: Option<String>,
    /// The same of a later one that shares no key with it; it has no effect before an operator accepts it.
    pub held: Option<String>,
    /// Since when it is held, or another one that says the same (unix seconds).
    pub held_since: Option<i64>,
    /// Why the last fetch brought nothing, if it did not.
    pub failure: Option<String>,
    /// When it was last fetched, or was tried to be (unix seconds).
    pub tried_at: i64,
    /// When metadata last arrived (unix seconds).
    pub fetched_at: Option<i64>,
    /// When `provider` last changed (unix seconds).
    pub changed_at: Option<i64>,
    /// When it is to be fetched again (unix seconds).
    pub due_at: i64,
}

/// Of one connection.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, connection_id: &str) -> Result<Option<Row>> {
    on.into()
        .optional(
            "SELECT connection_id, source, version, provider, held, held_since, failure, tried_at, fetched_at, changed_at, due_at
             FROM provider_metadata WHERE connection_id = $1",
            params![connection_id],
        )
        .await
}

/// Of the connections of a tenant, or of all.
///
/// # Errors
/// What the database says.
pub async fn of(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<Row>> {
    let sql =
        "SELECT m.connection_id, m.source, m.version, m.provider, m.held, m.held_since, m.failure, m.tried_at, m.fetched_at,
                 m.changed_at, m.due_at
               FROM provider_metadata m JOIN connections c ON c.id = m.connection_id WHERE $1 IS NULL OR c.tenant_id = $1";
    on.into().all(sql, params![tenant_id]).await
}

/// Those of a tenant of which something is held.
///
/// # Errors
/// What the database says.
pub async fn held(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Row>> {
    let sql =
        "SELECT m.connection_id, m.source, m.version, m.provider, m.held, m.held_since, m.failure, m.tried_at, m.fetched_at,
                 m.changed_at, m.due_at
               FROM provider_metadata m JOIN connections c ON c.id = m.connection_id
               WHERE c.tenant_id = $1 AND m.held IS NOT NULL ORDER BY m.held_since, m.connection_id";
    on.into().all(sql, params![tenant_id]).await
}

/// Those that are to be fetched again: at most `limit`, and `of_each` of a tenant; of each the longest due one first, then of
/// each its second, and so on.
///
/// # Errors
/// What the database says.
pub async fn due(db: &Db, now: i64, (limit, of_each): (i64, i64)) -> Result<Vec<Row>> {
    db.all(
        "SELECT connection_id, source, version, provider, held, held_since, failure, tried_at, fetched_at, changed_at, due_at
         FROM (SELECT m.*, ROW_NUMBER() OVER (PARTITION BY c.tenant_id ORDER BY m.due_at, m.connection_id) AS place
               FROM provider_metadata m JOIN connections c ON c.id = m.connection_id WHERE m.due_at <= $1) AS ranked
         WHERE place <= $3 ORDER BY place, due_at LIMIT $2",
        params![now, limit, of_each],
    )
    .await
}

/// How many providers' metadata is held for an operator, and how many could not be fetched when last tried.
///
/// # Errors
/// What the database says.
pub async fn troubled(db: &Db) -> Result<(i64, i64)> {
    #[derive(sqlx::FromRow)]
    struct Troubled {
        held: i64,
        failing: i64,
    }
    let sql = "SELECT COUNT(held) AS held, COUNT(failure) AS failing FROM provider_metadata";
    let found = db.optional::<Troubled>(sql, params![]).await?;
    Ok(found.map_or((0, 0), |t| (t.held, t.failing)))
}

/// Claims a due row for one node: moves its `due_at` on; `false` when another node was first.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, connection_id: &str, due_at: i64, next: i64) -> Result<bool> {
    let n = db
        .execute(
            "UPDATE provider_metadata SET due_at = $3 WHERE connection_id = $1 AND due_at = $2",
            params![connection_id, due_at, next],
        )
        .await?;
    Ok(n == 1)
}

/// Stores what is known now, if what was known is still what the caller has `seen`: the version and what was held (nothing
/// when there was no row). `false` when another node, or an operator, was first.
///
/// # Errors
/// What the database says.
pub async fn save(on: impl Into<On<'_>>, seen: Option<&Row>, r: &Row) -> Result<bool> {
    let mut on = on.into();
    let Some(seen) = seen else { return insert(on, r).await };
    let n = on
        .execute(
            "UPDATE provider_metadata SET source = $2, version = $3, provider = $4, held = $5, held_since = $6, failure = $7,
               tried_at = $8, fetched_at = $9, changed_at = $10, due_at = $11
             WHERE connection_id = $1 AND version = $12 AND source = $13 AND held IS NOT DISTINCT FROM $14",
            params![
                &r.connection_id,
                &r.source,
                r.version,
                &r.provider,
                &r.held,
                r.held_since,
                &r.failure,
                r.tried_at,
                r.fetched_at,
                r.changed_at,
                r.due_at,
                seen.version,
                &seen.source,
                &seen.held,
            ],
        )
        .await?;
    Ok(n == 1)
}

async fn insert(mut on: On<'_>, r: &Row) -> Result<bool> {
    let n = on
        .execute(
            "INSERT INTO provider_metadata (connection_id, source, version, provider, held, held_since, failure, tried_at, fetched_at,
               changed_at, due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (connection_id) DO NOTHING",
            params![
                &r.connection_id,
                &r.source,
                r.version,
                &r.provider,
                &r.held,
                r.held_since,
                &r.failure,
                r.tried_at,
                r.fetched_at,
                r.changed_at,
                r.due_at,
            ],
        )
        .await?;
    Ok(n == 1)
}
