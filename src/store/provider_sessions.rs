//! Which session at a provider a sign-in of ours rests on, so that the end of one can end the other.

use super::db::{Db, Result, Tx};
use crate::params;

/// A session at a provider.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// Our sign-in.
    pub sid: String,
    /// The connection it came over.
    pub connection_id: String,
    /// The digest of the subject as the provider names it in logout requests.
    pub subject_hash: String,
    /// The provider's own name of the session.
    pub session_index: Option<String>,
    /// What a logout request needs, sealed under "provider-session/{sid}".
    pub detail_sealed: String,
    /// When nothing can rest on it any more (unix seconds).
    pub expires_at: i64,
}

impl Row {
    /// The context that the detail of `sid` is sealed for.
    #[must_use]
    pub fn context(sid: &str) -> String {
        format!("provider-session/{sid}")
    }

    /// Whether a demand that names these sessions (all of them when it names none) is for this one. A session whose name
    /// was never told is among them: too much is ended rather than too little.
    #[must_use]
    pub fn is_named_by(&self, indexes: &[String]) -> bool {
        indexes.is_empty() || self.session_index.as_ref().is_none_or(|index| indexes.contains(index))
    }
}

/// Remembers one; a sign-in rests on one at most.
///
/// # Errors
/// What the database says.
pub async fn insert(db: &Db, r: &Row) -> Result<()> {
    db.execute(
        "INSERT INTO provider_sessions (sid, connection_id, subject_hash, session_index, detail_sealed, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (sid) DO NOTHING",
        params![&r.sid, &r.connection_id, &r.subject_hash, &r.session_index, &r.detail_sealed, r.expires_at],
    )
    .await
    .map(|_| ())
}

/// Takes the one that `sid` rests on: it is gone afterwards.
///
/// # Errors
/// What the database says.
pub async fn take(tx: &mut Tx, sid: &str, now: i64) -> Result<Option<Row>> {
    tx.optional(
        "DELETE FROM provider_sessions WHERE sid = $1 AND expires_at > $2
         RETURNING sid, connection_id, subject_hash, session_index, detail_sealed, expires_at",
        params![sid, now],
    )
    .await
}

/// Those of one subject of a connection.
///
/// # Errors
/// What the database says.
pub async fn of_subject(db: &Db, connection_id: &str, subject_hash: &str, now: i64) -> Result<Vec<Row>> {
    db.all(
        "SELECT sid, connection_id, subject_hash, session_index, detail_sealed, expires_at FROM provider_sessions
         WHERE connection_id = $1 AND subject_hash = $2 AND expires_at > $3",
        params![connection_id, subject_hash, now],
    )
    .await
}
