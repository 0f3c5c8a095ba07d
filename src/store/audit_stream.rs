//! How far the audit log was sent to its webhook, and which node sends it: one row for the deployment, at which nodes take
//! turns by a lease.

use super::{
    db::{Db, Result},
    on::On,
};
use crate::params;

/// Where the stream stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stream {
    /// The last entry that has arrived.
    pub seq: i64,
    /// The last entry of the batch that is under way, which goes again as it was; else none.
    pub upto: Option<i64>,
    /// How often that was tried.
    pub attempts: i64,
}

/// How far the stream is, for whoever measures it: the last entry that has arrived, and the last there is.
///
/// # Errors
/// What the database says.
pub async fn reach(db: &Db) -> Result<(i64, i64)> {
    let sql = "SELECT s.seq, h.seq FROM audit_stream s, audit_head h WHERE s.id = 1 AND h.id = 1";
    Ok(db.optional::<(i64, i64)>(sql, &[]).await?.unwrap_or_default())
}

/// Takes the stream for `node` until `until`, if something waits, it is due, and no other node has it.
///
/// # Errors
/// What the database says.
pub async fn claim(db: &Db, node: &str, now: i64, until: i64) -> Result<Option<Stream>> {
    let sql = "UPDATE audit_stream SET node = $1, leased_until = $3 \
               WHERE id = 1 AND due_at <= $2 AND (node = $1 OR leased_until <= $2) \
               AND seq < (SELECT h.seq FROM audit_head h WHERE h.id = 1) \
               RETURNING seq, upto, attempts";
    db.change(sql, params![node, now, until]).await
}

/// Settles what the batch is that is under way, before it is sent; whether the node still has the stream.
///
/// # Errors
/// What the database says.
pub async fn begin(on: impl Into<On<'_>>, node: &str, upto: i64) -> Result<bool> {
    let sql = "UPDATE audit_stream SET upto = $2 WHERE id = 1 AND node = $1";
    Ok(on.into().execute(sql, params![node, upto]).await? > 0)
}

/// The batch has arrived; whether the node still had the stream: if not, another sends it again.
///
/// # Errors
/// What the database says.
pub async fn arrived(on: impl Into<On<'_>>, node: &str, upto: i64) -> Result<bool> {
    let sql = "UPDATE audit_stream SET seq = $2, upto = NULL, attempts = 0, due_at = 0, leased_until = 0 \
               WHERE id = 1 AND node = $1 AND seq < $2";
    Ok(on.into().execute(sql, params![node, upto]).await? > 0)
}

/// The batch has not arrived, and is due again at `due_at`.
///
/// # Errors
/// What the database says.
pub async fn later(on: impl Into<On<'_>>, node: &str, due_at: i64) -> Result<bool> {
    let sql = "UPDATE audit_stream SET attempts = attempts + 1, due_at = $2, leased_until = 0 WHERE id = 1 AND node = $1";
    Ok(on.into().execute(sql, params![node, due_at]).await? > 0)
}
