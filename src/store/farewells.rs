//! Browsers that left to sign out at their provider too, and where they go when they come back. Taken once.

use super::db::{Db, Result};
use crate::params;

/// Seconds that a provider has to send the browser back.
pub const LIFETIME: i64 = 600;

/// A farewell as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Farewell {
    /// The connection whose provider was asked.
    pub connection_id: String,
    /// The connector's memo (JSON); it holds nothing secret.
    pub memo: String,
    /// Where the browser goes then; our own page when there is none.
    pub way: Option<String>,
}

/// Remembers a farewell.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, state_hash: &str, f: &Farewell, now: i64) -> Result<()> {
    db.execute(
        "INSERT INTO farewells (state_hash, connection_id, memo, way, expires_at) VALUES ($1, $2, $3, $4, $5)",
        params![state_hash, &f.connection_id, &f.memo, &f.way, now + LIFETIME],
    )
    .await
    .map(|_| ())
}

/// Takes a farewell of this connection: it is gone afterwards.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, state_hash: &str, connection_id: &str, now: i64) -> Result<Option<Farewell>> {
    db.change(
        "DELETE FROM farewells WHERE state_hash = $1 AND connection_id = $2 AND expires_at > $3
         RETURNING connection_id, memo, way",
        params![state_hash, connection_id, now],
    )
    .await
}
