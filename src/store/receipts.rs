//! What ended when a user was shut out or deleted, written down in the transaction that ended it. A receipt outlives its
//! user; it says how much, never a token or a session's name.

use serde::{Deserialize, Serialize};

use super::{
    db::{Result, StoreError, Tx},
    on::On,
    read_json, write_json,
};
use crate::params;

/// Seconds that receipts are kept, and tokens of directories after their end: a year.
pub const KEPT: i64 = 365 * 86_400;

/// What was living, and ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// Browser sessions here.
    pub sessions: i64,
    /// Authorization codes that nobody had redeemed.
    pub codes: i64,
    /// Token families: what clients were given, refresh and access tokens alike.
    pub token_families: i64,
    /// Browser sessions with sites behind forward auth.
    pub site_sessions: i64,
    /// Personal tokens for the admin API.
    pub personal_tokens: i64,
    /// Logout tokens queued for clients that asked for them.
    pub logouts: i64,
    /// Open invites of their address, which a directory ends with their access.
    pub invites: i64,
}

/// What the user held then, and holds again only with their access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
#[serde(default)]
pub struct Held {
    /// Teams they were put in by hand.
    pub teams: i64,
    /// Teams by groups of a directory.
    pub directory_teams: i64,
    /// Resources they held a role on themselves.
    pub roles: i64,
    /// Resources that a team of theirs held a role on.
    pub team_roles: i64,
}

/// One receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Row id.
    pub id: String,
    /// Whose.
    #[serde(skip)]
    pub tenant_id: String,
    /// Of whom; they may be gone.
    pub user_id: String,
    /// Their address then.
    pub email: String,
    /// Why, in words.
    pub cause: String,
    /// Who did it, in words.
    pub actor: String,
    /// What ended.
    pub ended: Ended,
    /// What they held.
    pub held: Held,
    /// Unix seconds.
    pub at: i64,
}

#[derive(Serialize, Deserialize)]
struct Counts {
    ended: Ended,
    held: Held,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    tenant_id: String,
    user_id: String,
    email: String,
    cause: String,
    actor: String,
    ended: String,
    at: i64,
}

impl TryFrom<Stored> for Receipt {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        let Counts { ended, held } = read_json("receipt", &row.ended)?;
        let Stored { id, tenant_id, user_id, email, cause, actor, at, .. } = row;
        Ok(Self { id, tenant_id, user_id, email, cause, actor, ended, held, at })
    }
}

/// Writes it down.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, receipt: &Receipt) -> Result<()> {
    let r = receipt;
    let counts = write_json("receipt", &Counts { ended: r.ended, held: r.held })?;
    let sql = "INSERT INTO receipts (id, tenant_id, user_id, email, cause, actor, ended, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let params = params![&r.id, &r.tenant_id, &r.user_id, &r.email, &r.cause, &r.actor, &counts, r.at];
    tx.execute(sql, params).await?;
    Ok(())
}

/// Those of one user of a tenant, the latest first; also of one who is gone.
///
/// # Errors
/// What the database says.
pub async fn of_user(on: impl Into<On<'_>>, tenant_id: &str, user_id: &str) -> Result<Vec<Receipt>> {
    let sql = "SELECT * FROM receipts WHERE tenant_id = $1 AND user_id = $2 ORDER BY at DESC, id DESC LIMIT 100";
    let rows = on.into().all::<Stored>(sql, params![tenant_id, user_id]).await?;
    rows.into_iter().map(Receipt::try_from).collect()
}

/// Those of an address in a tenant, the latest first: for users who are gone.
///
/// # Errors
/// What the database says.
pub async fn of_email(on: impl Into<On<'_>>, tenant_id: &str, email: &str) -> Result<Vec<Receipt>> {
    let sql = "SELECT * FROM receipts WHERE tenant_id = $1 AND email = $2 ORDER BY at DESC, id DESC LIMIT 100";
    let rows = on.into().all::<Stored>(sql, params![tenant_id, email]).await?;
    rows.into_iter().map(Receipt::try_from).collect()
}
