//! Test sign-ins by guests of set-up links: who has left for one, and what came of the newest of each link. What an operator's
//! tests leave stands in other tables (`trials`), so that a guest's never counts as one.

use super::{
    db::{Db, Result, Tx},
    on::On,
    setup_links,
    trials::{KEPT, MOST, Trial},
};
use crate::params;

/// A departure as it is remembered.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Departure {
    /// The link that the guest has followed.
    pub link_id: String,
    /// The connection that is tested.
    pub connection_id: String,
    /// Of its settings when they left (`trials::fingerprint`).
    pub fingerprint: String,
    /// The connector's memo, sealed as an operator's is.
    pub memo_sealed: String,
}

/// Remembers that the guest whose cookie has this digest departs, and of the link's departures no more than the newest
/// [`MOST`]. `false` when that guest is none any more: their link has ended at this moment.
///
/// # Errors
/// What the database says.
pub async fn depart(tx: &mut Tx, state_hash: &str, guest_hash: &str, d: &Departure, now: i64) -> Result<bool> {
    let until = now + super::logins::LIFETIME;
    let made = tx
        .execute(
            "INSERT INTO guest_departures
               (state_hash, guest_hash, link_id, connection_id, fingerprint, memo_sealed, created_at, expires_at)
             SELECT $1, g.guest_hash, g.link_id, $4, $5, $6, $7, $8 FROM setup_guests g
             WHERE g.guest_hash = $2 AND g.link_id = $3",
            params![state_hash, guest_hash, &d.link_id, &d.connection_id, &d.fingerprint, &d.memo_sealed, now, until],
        )
        .await?;
    tx.execute(
        "DELETE FROM guest_departures WHERE link_id = $1 AND state_hash NOT IN
           (SELECT state_hash FROM guest_departures WHERE link_id = $1 ORDER BY created_at DESC, state_hash LIMIT $2)",
        params![&d.link_id, MOST],
    )
    .await?;
    Ok(made == 1)
}

/// Takes the departure that this guest's browser made: it is gone afterwards. Another's attempt leaves it untouched.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, state_hash: &str, guest_hash: &str, now: i64) -> Result<Option<Departure>> {
    db.change(
        "DELETE FROM guest_departures WHERE state_hash = $1 AND guest_hash = $2 AND expires_at > $3
         RETURNING link_id, connection_id, fingerprint, memo_sealed",
        params![state_hash, guest_hash, now],
    )
    .await
}

/// Keeps what came of a guest's test in place of what came of the link's last, and on the link of one that passed that it did.
///
/// # Errors
/// What the database says.
pub async fn record(tx: &mut Tx, connection_id: &str, trial: &Trial) -> Result<()> {
    let t = trial;
    tx.execute(
        "INSERT INTO guest_trials (link_id, connection_id, passed, fingerprint, report_sealed, at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (link_id) DO UPDATE SET connection_id = excluded.connection_id, passed = excluded.passed,
           fingerprint = excluded.fingerprint, report_sealed = excluded.report_sealed, at = excluded.at,
           expires_at = excluded.expires_at",
        params![&t.tester_id, connection_id, t.passed, &t.fingerprint, &t.report_sealed, t.at, t.at + KEPT],
    )
    .await?;
    if t.passed {
        setup_links::note_tested(tx, &t.tester_id, &t.fingerprint, t.at).await?;
    }
    Ok(())
}

/// What came of the newest test by this link, or, without one, of any guest's test of the connection.
///
/// # Errors
/// What the database says.
pub async fn newest(on: impl Into<On<'_>>, connection_id: &str, link_id: Option<&str>, now: i64) -> Result<Option<Trial>> {
    on.into()
        .optional(
            "SELECT t.link_id AS tester_id, 'a guest of the set-up link ' || l.connection AS tester, t.passed, t.fingerprint,
               t.report_sealed, t.at
             FROM guest_trials t JOIN setup_links l ON l.id = t.link_id
             WHERE t.connection_id = $1 AND t.expires_at > $2 AND ($3 IS NULL OR t.link_id = $3)
             ORDER BY t.at DESC, t.link_id LIMIT 1",
            params![connection_id, now, link_id],
        )
        .await
}
