//! Pending logins: one authorization request of one browser, the acceptance of an invite, or somebody on the way to a page of ours, stored once when it begins and
//! taken once when it is answered.

use super::{
    db::{Db, Result},
    read_json, write_json,
};
use crate::{oauth::authorize::AuthorizeRequest, params};

/// Seconds a person has to sign in.
pub const LIFETIME: i64 = 900;

/// A pending login.
#[derive(Clone, Debug)]
pub struct Login {
    /// Stands in the pages' URLs; useless without the browser's cookie.
    pub id: String,
    /// The client's tenant.
    pub tenant_id: String,
    /// What was asked, by a client or by ourselves.
    pub request: AuthorizeRequest,
    /// The digest of the invite's link that the browser followed; such a login is asked for by no client.
    pub invite_hash: Option<String>,
    /// The `sid` of the sign-in that proved within this login who the person is; another session's person proved nothing.
    pub proven_by: Option<String>,
    /// The user who consented within this login; nobody consents for another.
    pub consented_by: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
}

impl Login {
    /// The client that asks; none when it is ourselves: an invite is being accepted, or a page of ours wanted.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        Some(self.request.client_id.as_str()).filter(|id| !id.is_empty())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    tenant_id: String,
    request: String,
    invite_hash: Option<String>,
    proven_by: Option<String>,
    consented_by: Option<String>,
    created_at: i64,
}

impl Row {
    fn read(self) -> Result<Login> {
        let request = read_json("login", &self.request)?;
        let Self { id, tenant_id, invite_hash, proven_by, consented_by, created_at, .. } = self;
        Ok(Login { id, tenant_id, request, invite_hash, proven_by, consented_by, created_at })
    }
}

/// Stores a new login for the browser whose cookie has `browser_hash`.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, login: &Login, browser_hash: &str) -> Result<()> {
    let request = write_json("login", &login.request)?;
    db.execute(
        "INSERT INTO logins (id, browser_hash, tenant_id, client_id, request, invite_hash, proven_by, consented_by,
                             created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            &login.id,
            browser_hash,
            &login.tenant_id,
            login.client_id(),
            &request,
            &login.invite_hash,
            &login.proven_by,
            &login.consented_by,
            login.created_at,
            login.created_at + LIFETIME
        ],
    )
    .await
    .map(|_| ())
}

/// Finds a login that this browser began.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, id: &str, browser_hash: &str, now: i64) -> Result<Option<Login>> {
    let row: Option<Row> = db
        .optional(
            "SELECT id, tenant_id, request, invite_hash, proven_by, consented_by, created_at FROM logins
             WHERE id = $1 AND browser_hash = $2 AND expires_at > $3",
            params![id, browser_hash, now],
        )
        .await?;
    row.map(Row::read).transpose()
}

/// Marks that the sign-in named `sid` proved who the person is.
///
/// # Errors
/// What the database says.
pub async fn prove(db: &Db, id: &str, sid: &str) -> Result<()> {
    db.execute("UPDATE logins SET proven_by = $2 WHERE id = $1", params![id, sid]).await.map(|_| ())
}

/// Marks that the user consented.
///
/// # Errors
/// What the database says.
pub async fn consent(db: &Db, id: &str, user_id: &str) -> Result<()> {
    db.execute("UPDATE logins SET consented_by = $2 WHERE id = $1", params![id, user_id]).await.map(|_| ())
}

/// Ends a login; `true` for the one caller that ended it.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, id: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM logins WHERE id = $1", params![id]).await? == 1)
}
