//! Attempts in a window, counted in the database so that nodes and restarts do not multiply them.

use super::{
    db::{Db, Result},
    on::On,
};
use crate::params;

#[derive(sqlx::FromRow)]
struct Count {
    count: i64,
    expires_at: i64,
}

/// Counts one attempt under `key` and gives the number so far in the window of `window` seconds that the first one
/// opened, with the time it closes.
///
/// # Errors
/// What the database says.
pub async fn count(on: impl Into<On<'_>>, key: &str, window: i64, now: i64) -> Result<(i64, i64)> {
    let row: Option<Count> = on
        .into()
        .change(
            "INSERT INTO throttles (key, count, expires_at) VALUES ($1, 1, $2)
             ON CONFLICT (key) DO UPDATE SET
                count = CASE WHEN throttles.expires_at <= $3 THEN 1 ELSE throttles.count + 1 END,
                expires_at = CASE WHEN throttles.expires_at <= $3 THEN $2 ELSE throttles.expires_at END
             RETURNING count, expires_at",
            params![key, now + window, now],
        )
        .await?;
    Ok(row.map_or((i64::MAX, now + window), |r| (r.count, r.expires_at)))
}

/// Takes one attempt back.
///
/// # Errors
/// What the database says.
pub async fn take_back(db: &Db, key: &str) -> Result<()> {
    db.execute("UPDATE throttles SET count = count - 1 WHERE key = $1 AND count > 0", params![key]).await.map(|_| ())
}

/// Forgets the attempts under `key`.
///
/// # Errors
/// What the database says.
pub async fn clear(db: &Db, key: &str) -> Result<()> {
    db.execute("DELETE FROM throttles WHERE key = $1", params![key]).await.map(|_| ())
}

/// When the window of `key` closes, if more than `limit` attempts were counted in it.
///
/// # Errors
/// What the database says.
pub async fn closed_until(db: &Db, key: &str, limit: i64, now: i64) -> Result<Option<i64>> {
    let row: Option<Count> = db
        .optional(
            "SELECT count, expires_at FROM throttles WHERE key = $1 AND count >= $2 AND expires_at > $3",
            params![key, limit, now],
        )
        .await?;
    Ok(row.map(|r| r.expires_at))
}
