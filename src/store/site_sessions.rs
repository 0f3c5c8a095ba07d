//! Browsers that have signed in to a site behind forward auth.

use super::{
    db::{Db, Result},
    on::On,
};
use crate::params;

/// A browser's session with one site.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SiteSession {
    /// Digest of the cookie.
    pub id_hash: String,
    /// With which site.
    pub site_id: String,
    /// The token family it lives and dies with, when the person signed in over us.
    pub family_id: Option<String>,
    /// The trusted issuer, when they signed in there.
    pub issuer_id: Option<String>,
    /// What it said, sealed for [`SiteSession::context`].
    pub claims_sealed: Option<String>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

impl SiteSession {
    /// The context that claims are sealed for.
    #[must_use]
    pub fn context(id_hash: &str) -> String {
        format!("site_session/{id_hash}")
    }
}

/// Inserts it.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, session: &SiteSession) -> Result<()> {
    let sql = "INSERT INTO site_sessions (id_hash, site_id, family_id, issuer_id, claims_sealed, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let s = session;
    let params = params![&s.id_hash, &s.site_id, &s.family_id, &s.issuer_id, &s.claims_sealed, s.created_at, s.expires_at];
    db.execute(sql, params).await?;
    Ok(())
}

/// The living session of a cookie with a site; `now` is unix seconds.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, id_hash: &str, site_id: &str, now: i64) -> Result<Option<SiteSession>> {
    let sql = "SELECT * FROM site_sessions WHERE id_hash = $1 AND site_id = $2 AND expires_at > $3";
    db.optional(sql, params![id_hash, site_id, now]).await
}

/// Ends it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(db: &Db, id_hash: &str) -> Result<bool> {
    Ok(On::from(db).alter("DELETE FROM site_sessions WHERE id_hash = $1", params![id_hash]).await? > 0)
}
