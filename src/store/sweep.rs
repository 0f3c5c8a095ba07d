//! Deletes what has expired, so that nothing grows without bound.

use super::{
    db::{Db, Result},
    invites,
};
use crate::params;

/// Seconds that ended families and redeemed codes are kept after their end, so that a late replay is still recognised.
pub const AFTERLIFE: i64 = 86_400;

/// Sweeps every table of things that expire; the number of rows that went.
///
/// # Errors
/// What the database says.
pub async fn sweep(db: &Db, now: i64) -> Result<u64> {
    let past = now - AFTERLIFE;
    // What could not even be read; whatever can be is given up earlier, with a word.
    let undelivered = now - 2 * 86_400;
    let mut gone = 0;
    for (sql, before) in [
        ("DELETE FROM departures WHERE expires_at <= $1", now),
        ("DELETE FROM logins WHERE expires_at <= $1", now),
        ("DELETE FROM codes WHERE expires_at <= $1", past),
        ("DELETE FROM families WHERE expires_at <= $1", past),
        ("DELETE FROM sessions WHERE expires_at <= $1", now),
        ("DELETE FROM replays WHERE expires_at <= $1", now),
        ("DELETE FROM throttles WHERE expires_at <= $1", now),
        ("DELETE FROM signing_keys WHERE expires_at <= $1", past),
        ("DELETE FROM saml_keys WHERE expires_at <= $1", past),
        ("DELETE FROM provider_sessions WHERE expires_at <= $1", now),
        ("DELETE FROM farewells WHERE expires_at <= $1", now),
        ("DELETE FROM deliveries WHERE created_at <= $1", undelivered),
        ("DELETE FROM site_sessions WHERE expires_at <= $1", now),
        ("DELETE FROM invites WHERE expires_at <= $1", now - invites::AFTERLIFE),
    ] {
        gone += db.execute(sql, params![before]).await?;
    }
    Ok(gone)
}
