//! Deletes what has expired, so that nothing grows without bound.

use super::{
    admin_links, audit,
    db::{Db, Result},
    domain_proofs, invites, receipts, revisions, setup_links,
};
use crate::{params, seal::Sealer};

/// Seconds that ended families and redeemed codes are kept after their end, so that a late replay is still recognised.
pub const AFTERLIFE: i64 = 86_400;

/// Chunks of the audit log that one sweep lets go: what is more goes with the next.
const CHUNKS: usize = 20;

/// Sweeps every table of things that expire, and of the audit log what is older than `retention` seconds; the number of rows
/// that went.
///
/// # Errors
/// What the database says.
pub async fn sweep(db: &Db, sealer: &Sealer, retention: i64, now: i64) -> Result<u64> {
    let past = now - AFTERLIFE;
    // What could not even be read; whatever can be is given up earlier, with a word.
    let undelivered = now - 2 * 86_400;
    let mut gone = 0;
    for (sql, before) in [
        ("DELETE FROM departures WHERE expires_at <= $1", now),
        ("DELETE FROM logins WHERE expires_at <= $1", now),
        ("DELETE FROM trial_departures WHERE expires_at <= $1", now),
        ("DELETE FROM trials WHERE expires_at <= $1", now),
        ("DELETE FROM guest_departures WHERE expires_at <= $1", now),
        ("DELETE FROM guest_trials WHERE expires_at <= $1", now),
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
        ("DELETE FROM directory_tokens WHERE expires_at <= $1", now - receipts::KEPT),
        ("DELETE FROM personal_tokens WHERE expires_at <= $1", now - receipts::KEPT),
        ("DELETE FROM receipts WHERE at <= $1", now - receipts::KEPT),
        ("DELETE FROM invites WHERE expires_at <= $1", now - invites::AFTERLIFE),
        ("DELETE FROM domain_proofs WHERE proven_at IS NULL AND created_at <= $1", now - domain_proofs::PATIENCE),
        ("DELETE FROM setup_links WHERE expires_at <= $1", now - setup_links::AFTERLIFE),
        ("DELETE FROM admin_links WHERE expires_at <= $1", now - admin_links::AFTERLIFE),
    ] {
        gone += db.execute(sql, params![before]).await?;
    }
    gone += revisions::sweep(db).await?;
    for _ in 0..CHUNKS {
        let old = audit::retain(db, sealer, now - retention).await?;
        gone += old;
        if old == 0 {
            break;
        }
    }
    Ok(gone)
}
