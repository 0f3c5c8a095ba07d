//! Token families: what one authorization gave to one client. Refresh tokens rotate on the family's one row, each move
//! one conditional statement, so fifty racing uses have one winner on any number of nodes.
//!
//! The grace for a lost answer, stated: a client that never received its new refresh token may present the previous one
//! once more, from [`RACE`] to [`GRACE`] seconds after the rotation and only while nothing newer was used. Within
//! [`RACE`] seconds the same token is a race: it is refused, and the family lives. Any other use of an old token is a
//! replay and ends the family (RFC 9700 §4.14.2).

use super::{
    db::{Db, Result, Tx},
    on::On,
};
use crate::params;

/// Seconds after a rotation in which the previous token counts as racing.
pub const RACE: i64 = 5;
/// Seconds after a rotation until which the previous token counts as a retry of a lost answer.
pub const GRACE: i64 = 30;

/// A token family.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Family {
    /// In every token as `fam`.
    pub id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The client all its tokens are bound to.
    pub client_id: String,
    /// The user.
    pub user_id: String,
    /// The connection they came over; `None` for a password.
    pub connection_id: Option<String>,
    /// Names the sign-in it was issued in (`sid`); not a credential.
    pub sid: Option<String>,
    /// Granted scopes.
    pub scope: String,
    /// Granted audiences, as a JSON list; empty means the platform itself.
    pub resources: String,
    /// When the person proved who they are (unix seconds).
    pub auth_time: i64,
    /// How (RFC 8176); empty when only the provider knows.
    pub amr: String,
    /// Hash of the one refresh token that is good; `None` when the client gets none.
    pub current_hash: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// When the whole family ends (unix seconds): rotation does not prolong it.
    pub expires_at: i64,
}

/// Stores a new family in the transaction that took its code.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, f: &Family) -> Result<()> {
    tx.execute(
        "INSERT INTO families (id, tenant_id, client_id, user_id, connection_id, sid, scope, resources, auth_time,
                               amr, current_hash, previous_hash, rotated_at, revoked_at, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, NULL, NULL, $12, $13)",
        params![
            &f.id,
            &f.tenant_id,
            &f.client_id,
            &f.user_id,
            &f.connection_id,
            &f.sid,
            &f.scope,
            &f.resources,
            f.auth_time,
            &f.amr,
            &f.current_hash,
            f.created_at,
            f.expires_at
        ],
    )
    .await
    .map(|_| ())
}

/// Finds a family, living or not.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, id: &str) -> Result<Option<Family>> {
    db.optional(
        "SELECT id, tenant_id, client_id, user_id, connection_id, sid, scope, resources, auth_time, amr,
                current_hash, created_at, expires_at
         FROM families WHERE id = $1",
        params![id],
    )
    .await
}

/// The verdict on a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was the current one (or the retry of a lost answer): the new one is current now.
    Rotated,
    /// Another request with the same token won a moment ago; the family lives.
    Raced,
    /// It was used before: the family has been ended.
    Replayed,
    /// The family has ended or is another client's.
    Ended,
}

/// Exchanges `old` for `new` (hashes) in the family `id` of `client_id`.
///
/// # Errors
/// What the database says.
pub async fn rotate(db: &Db, id: &str, client_id: &str, old: &str, new: &str, now: i64) -> Result<Rotation> {
    let current = db
        .execute(
            "UPDATE families SET current_hash = $4, previous_hash = $3, rotated_at = $5
             WHERE id = $1 AND client_id = $2 AND current_hash = $3 AND revoked_at IS NULL AND expires_at > $5",
            params![id, client_id, old, new, now],
        )
        .await?;
    if current == 1 {
        return Ok(Rotation::Rotated);
    }
    let retried = db
        .execute(
            "UPDATE families SET current_hash = $4, previous_hash = NULL, rotated_at = $5
             WHERE id = $1 AND client_id = $2 AND previous_hash = $3 AND revoked_at IS NULL AND expires_at > $5
               AND rotated_at <= $6 AND rotated_at >= $7",
            params![id, client_id, old, new, now, now - RACE, now - GRACE],
        )
        .await?;
    if retried == 1 {
        return Ok(Rotation::Rotated);
    }
    let replayed = On::from(db)
        .alter(
            "UPDATE families SET revoked_at = $4
             WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL
               AND (previous_hash IS NULL OR previous_hash <> $3 OR rotated_at <= $5)",
            params![id, client_id, old, now, now - RACE],
        )
        .await?;
    if replayed == 1 {
        return Ok(Rotation::Replayed);
    }
    let living: Option<Living> = db
        .optional("SELECT id FROM families WHERE id = $1 AND client_id = $2 AND revoked_at IS NULL", params![id, client_id])
        .await?;
    Ok(if living.is_some() { Rotation::Raced } else { Rotation::Ended })
}

#[derive(sqlx::FromRow)]
struct Living {
    #[expect(dead_code, reason = "only its presence counts")]
    id: String,
}

/// Ends a family: its refresh token is dead, and its access tokens are where the family is looked at.
///
/// # Errors
/// What the database says.
pub async fn revoke(db: &Db, id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE families SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    let n = On::from(db).alter(sql, params![id, now]).await?;
    Ok(n == 1)
}

/// Ends the families that were issued in a browser session.
///
/// # Errors
/// What the database says.
pub async fn revoke_of_sid(tx: &mut Tx, sid: &str, now: i64) -> Result<u64> {
    let sql = "UPDATE families SET revoked_at = $2 WHERE sid = $1 AND revoked_at IS NULL";
    On::from(tx).alter(sql, params![sid, now]).await
}
