//! Our keys and certificates towards SAML providers, shared by all nodes: private halves sealed under "saml-key/{id}".

use super::db::{Db, Result, Tx};
use crate::params;

/// A stored key with its certificate.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Row {
    /// Names it; not published.
    pub id: String,
    /// `sign` or `encrypt`.
    pub usage: String,
    /// Counts up per usage; two nodes that rotate at once race for the same number, and one wins.
    pub generation: i64,
    /// The private half (PKCS#8), sealed.
    pub private_sealed: String,
    /// The certificate, base64 of its DER.
    pub certificate: String,
    /// In our metadata from then on (unix seconds).
    pub created_at: i64,
    /// In use from then on, until a younger one is (unix seconds).
    pub active_from: i64,
    /// Leaves the metadata then (unix seconds).
    pub expires_at: Option<i64>,
}

/// All keys, oldest first.
///
/// # Errors
/// What the database says.
pub async fn all(db: &Db) -> Result<Vec<Row>> {
    db.all(
        "SELECT id, usage, generation, private_sealed, certificate, created_at, active_from, expires_at
         FROM saml_keys ORDER BY usage, generation",
        params![],
    )
    .await
}

/// Stores a key; `false` when its place in the row of generations is taken.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, k: &Row) -> Result<bool> {
    let n = tx
        .execute(
            "INSERT INTO saml_keys (id, usage, generation, private_sealed, certificate, created_at, active_from, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            params![&k.id, &k.usage, k.generation, &k.private_sealed, &k.certificate, k.created_at, k.active_from, k.expires_at],
        )
        .await?;
    Ok(n == 1)
}

/// Says when the keys of `usage` older than `generation` leave the metadata, if that was not said before.
///
/// # Errors
/// What the database says.
pub async fn expire_before(tx: &mut Tx, usage: &str, generation: i64, expires_at: i64) -> Result<()> {
    tx.execute(
        "UPDATE saml_keys SET expires_at = $3 WHERE usage = $1 AND generation < $2 AND expires_at IS NULL",
        params![usage, generation, expires_at],
    )
    .await
    .map(|_| ())
}
