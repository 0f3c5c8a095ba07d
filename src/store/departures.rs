//! Browsers that left for an identity provider. A departure is named by the hash of its `state`, bound to browser,
//! login and connection, and taken once.

use super::{
    db::{Db, Result},
    read_json,
};
use crate::{oauth::authorize::AuthorizeRequest, params};

/// A departure as it is remembered.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Departure {
    /// The pending login it belongs to.
    pub login_id: String,
    /// The connection it went to: the answer is judged by this one and no other (RFC 9700 §4.4, mix-up).
    pub connection_id: String,
    /// The connector's memo, sealed under "departure/{state_hash}".
    pub memo_sealed: String,
}

/// Remembers a departure for `lifetime` seconds.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, state_hash: &str, browser_hash: &str, d: &Departure, now: i64) -> Result<()> {
    db.execute(
        "INSERT INTO departures (state_hash, login_id, browser_hash, connection_id, memo_sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![state_hash, &d.login_id, browser_hash, &d.connection_id, &d.memo_sealed, now, now + super::logins::LIFETIME],
    )
    .await
    .map(|_| ())
}

/// Takes the departure that this browser made: it is gone afterwards. Another browser's attempt leaves it untouched.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, state_hash: &str, browser_hash: &str, now: i64) -> Result<Option<Departure>> {
    db.change(
        "DELETE FROM departures WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3
         RETURNING login_id, connection_id, memo_sealed",
        params![state_hash, browser_hash, now],
    )
    .await
}

/// What the login of a departure asked for, whichever browser made it; nothing is taken. It tells where a sign-in leads,
/// not that this browser may finish it.
///
/// # Errors
/// What the database says.
pub async fn asked(db: &Db, state_hash: &str, now: i64) -> Result<Option<AuthorizeRequest>> {
    let row: Option<(String,)> = db
        .optional(
            "SELECT l.request FROM departures d JOIN logins l ON l.id = d.login_id
             WHERE d.state_hash = $1 AND d.expires_at > $2",
            params![state_hash, now],
        )
        .await?;
    row.map(|(request,)| read_json("login", &request)).transpose()
}

/// Whose sign-in a departure belongs to, whichever browser made it: the tenant's row id and the connection's name. It tells whose
/// failure it is when the answer comes elsewhere, and lets nobody in.
///
/// # Errors
/// What the database says.
pub async fn whose(db: &Db, state_hash: &str) -> Result<Option<(String, String)>> {
    db.optional(
        "SELECT l.tenant_id, c.name FROM departures d JOIN logins l ON l.id = d.login_id JOIN connections c ON c.id = d.connection_id
         WHERE d.state_hash = $1",
        params![state_hash],
    )
    .await
}

/// Departures of one login that may wait for their answers; older ones are forgotten.
pub const MOST: i64 = 8;

/// Forgets all but the [`MOST`] newest departures of a login: whoever reloads a page for ever fills no table.
///
/// # Errors
/// What the database says.
pub async fn keep_newest(db: &Db, login_id: &str) -> Result<()> {
    db.execute(
        "DELETE FROM departures WHERE login_id = $1 AND state_hash NOT IN
           (SELECT state_hash FROM departures WHERE login_id = $1 ORDER BY created_at DESC, state_hash LIMIT $2)",
        params![login_id, MOST],
    )
    .await
    .map(|_| ())
}

/// How many departures to a connection this browser made after `since`, which nothing has answered.
///
/// # Errors
/// What the database says.
pub async fn waiting(db: &Db, browser_hash: &str, connection_id: &str, since: i64) -> Result<i64> {
    let row: Option<(i64,)> = db
        .optional(
            "SELECT COUNT(*) FROM departures WHERE browser_hash = $1 AND connection_id = $2 AND created_at > $3",
            params![browser_hash, connection_id, since],
        )
        .await?;
    Ok(row.map_or(0, |(count,)| count))
}
