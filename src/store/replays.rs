//! Ids that may be used once, and those of our tokens that were revoked, remembered until they could not be valid anyway.

use super::{
    db::{Db, Result},
    on::On,
};
use crate::{params, secret};

/// Uses an id; `true` the first time only, on any node and after any restart. An id whose row has expired may be used
/// again: whatever carried it is no longer valid then.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, id_hash: &str, expires_at: i64, now: i64) -> Result<bool> {
    let n = db
        .execute(
            "INSERT INTO replays (id_hash, expires_at) VALUES ($1, $2)
             ON CONFLICT (id_hash) DO UPDATE SET expires_at = $2 WHERE replays.expires_at <= $3",
            params![id_hash, expires_at, now],
        )
        .await?;
    Ok(n == 1)
}

/// Ends one of our access tokens before its time: those without a family have nothing else that could be ended
/// (`standing::of_client`).
///
/// # Errors
/// What the database says.
pub async fn revoke_token(db: &Db, jti: &str, expires_at: i64) -> Result<()> {
    let sql = "INSERT INTO replays (id_hash, expires_at) VALUES ($1, $2) ON CONFLICT (id_hash) DO NOTHING";
    On::from(db).alter(sql, params![&revoked(jti), expires_at]).await?;
    Ok(())
}

/// The id under which a revoked token is remembered.
pub(super) fn revoked(jti: &str) -> String {
    secret::digest(&format!("revoked/{jti}"))
}
