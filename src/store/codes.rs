//! Authorization codes: 60 seconds, one redemption. Taking a code and making its family are one transaction, so that a
//! second redemption always finds the family it has to end (RFC 6749 §4.1.2).

use super::{
    db::{Db, Result, Tx},
    read_json, write_json,
};
use crate::{oauth::authorize::AuthorizeRequest, params};

/// Seconds a code lives.
pub const LIFETIME: i64 = 60;

/// What a code stands for.
#[derive(Clone, Debug)]
pub struct Code {
    /// The family its redemption makes.
    pub family_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The user who signed in.
    pub user_id: String,
    /// The connection they came over; `None` for a password.
    pub connection_id: Option<String>,
    /// Names the sign-in it was issued in (`sid`); not a credential.
    pub sid: Option<String>,
    /// What was asked.
    pub request: AuthorizeRequest,
    /// When the person proved who they are (unix seconds).
    pub auth_time: i64,
    /// How (RFC 8176); empty when only the provider knows.
    pub amr: String,
    /// Unix seconds.
    pub expires_at: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    family_id: String,
    tenant_id: String,
    user_id: String,
    connection_id: Option<String>,
    sid: Option<String>,
    request: String,
    auth_time: i64,
    amr: String,
    expires_at: i64,
}

/// Stores a code by its hash.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, code_hash: &str, code: &Code, now: i64) -> Result<()> {
    let request = write_json("code", &code.request)?;
    db.execute(
        "INSERT INTO codes (code_hash, family_id, tenant_id, client_id, user_id, connection_id, sid, request,
                            auth_time, amr, redeemed_at, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, NULL, $11, $12)",
        params![
            code_hash,
            &code.family_id,
            &code.tenant_id,
            &code.request.client_id,
            &code.user_id,
            &code.connection_id,
            &code.sid,
            &request,
            code.auth_time,
            &code.amr,
            now,
            code.expires_at
        ],
    )
    .await
    .map(|_| ())
}

/// Takes a code, whoever asks: the first caller gets it, and it is burnt for everyone else.
///
/// # Errors
/// What the database says.
pub async fn take(tx: &mut Tx, code_hash: &str, now: i64) -> Result<Option<Code>> {
    let row: Option<Row> = tx
        .optional(
            "UPDATE codes SET redeemed_at = $2 WHERE code_hash = $1 AND redeemed_at IS NULL
             RETURNING family_id, tenant_id, user_id, connection_id, sid, request, auth_time, amr, expires_at",
            params![code_hash, now],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let request = read_json("code", &row.request)?;
    let Row { family_id, tenant_id, user_id, connection_id, sid, auth_time, amr, expires_at, .. } = row;
    Ok(Some(Code { family_id, tenant_id, user_id, connection_id, sid, request, auth_time, amr, expires_at }))
}

#[derive(sqlx::FromRow)]
struct Family {
    family_id: String,
}

/// The family of a code that was redeemed before; `None` for a code that never was.
///
/// # Errors
/// What the database says.
pub async fn family_of(db: &Db, code_hash: &str) -> Result<Option<String>> {
    let row: Option<Family> = db.optional("SELECT family_id FROM codes WHERE code_hash = $1", params![code_hash]).await?;
    Ok(row.map(|r| r.family_id))
}

/// Burns the codes that a browser session was given and nobody has redeemed. Comes before the session's families are
/// ended: a redemption under way either finds its code gone, or has made its family by then.
///
/// # Errors
/// What the database says.
pub async fn burn_of_sid(tx: &mut Tx, sid: &str) -> Result<u64> {
    tx.execute("DELETE FROM codes WHERE sid = $1 AND redeemed_at IS NULL", params![sid]).await
}
