//! Browser sessions, keyed by the hash of the cookie's id: a dump of this table opens nothing.

use super::db::{Db, Result, Tx};
use crate::params;

/// A stored session.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// JSON of its values.
    pub data: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// Whose session it is, so that it can be ended without its cookie.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owner<'a> {
    /// The user.
    pub user_id: Option<&'a str>,
    /// The sign-in's name in tokens.
    pub sid: Option<&'a str>,
}

/// Stores a new session; `false` when the id is taken.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, id_hash: &str, owner: Owner<'_>, row: &Row) -> Result<bool> {
    let n = db
        .execute(
            "INSERT INTO sessions (id_hash, user_id, sid, data, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id_hash) DO NOTHING",
            params![id_hash, owner.user_id, owner.sid, &row.data, row.created_at, row.expires_at],
        )
        .await?;
    Ok(n == 1)
}

/// Changes a session that still exists: one that was ended meanwhile stays ended.
///
/// # Errors
/// What the database says.
pub async fn update(db: &Db, id_hash: &str, owner: Owner<'_>, data: &str, expires_at: i64) -> Result<bool> {
    let n = db
        .execute(
            "UPDATE sessions SET user_id = $2, sid = $3, data = $4, expires_at = $5 WHERE id_hash = $1",
            params![id_hash, owner.user_id, owner.sid, data, expires_at],
        )
        .await?;
    Ok(n == 1)
}

/// Finds a session that has not expired.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, id_hash: &str, now: i64) -> Result<Option<Row>> {
    db.optional("SELECT data, created_at, expires_at FROM sessions WHERE id_hash = $1 AND expires_at > $2", params![id_hash, now])
        .await
}

/// Ends a session.
///
/// # Errors
/// What the database says.
pub async fn delete(db: &Db, id_hash: &str) -> Result<()> {
    db.execute("DELETE FROM sessions WHERE id_hash = $1", params![id_hash]).await.map(|_| ())
}

/// Ends the session of a sign-in, wherever its cookie is.
///
/// # Errors
/// What the database says.
pub async fn delete_of_sid(tx: &mut Tx, sid: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM sessions WHERE sid = $1", params![sid]).await? > 0)
}
