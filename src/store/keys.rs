//! Signing keys, shared by all nodes: private halves sealed under "signing-key/{kid}".

use super::db::{Db, Result, Tx};
use crate::params;

/// A stored signing key.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Row {
    /// Names it in token headers and the JWKS.
    pub kid: String,
    /// The JOSE name of its algorithm.
    pub alg: String,
    /// Counts up per algorithm; two nodes that rotate at once race for the same number, and one wins.
    pub generation: i64,
    /// The private half (PKCS#8), sealed.
    pub private_sealed: String,
    /// Whether it came from a configured JWKS: such a key is never rotated by age.
    pub imported: bool,
    /// Published from then on (unix seconds).
    pub created_at: i64,
    /// Signs from then on, until a younger one does (unix seconds).
    pub active_from: i64,
    /// Leaves the JWKS then (unix seconds).
    pub expires_at: Option<i64>,
}

/// All keys, oldest first.
///
/// # Errors
/// What the database says.
pub async fn all(db: &Db) -> Result<Vec<Row>> {
    db.all(
        "SELECT kid, alg, generation, private_sealed, imported, created_at, active_from, expires_at
         FROM signing_keys ORDER BY alg, generation",
        params![],
    )
    .await
}

/// Stores a key; `false` when its kid or its place in the row of generations is taken.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, k: &Row) -> Result<bool> {
    let n = tx
        .execute(
            "INSERT INTO signing_keys (kid, alg, generation, private_sealed, imported, created_at, active_from, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            params![&k.kid, &k.alg, k.generation, &k.private_sealed, k.imported, k.created_at, k.active_from, k.expires_at],
        )
        .await?;
    Ok(n == 1)
}

/// Says when the keys of `alg` older than `generation` leave the JWKS, if that was not said before.
///
/// # Errors
/// What the database says.
pub async fn expire_before(tx: &mut Tx, alg: &str, generation: i64, expires_at: i64) -> Result<()> {
    tx.execute(
        "UPDATE signing_keys SET expires_at = $3 WHERE alg = $1 AND generation < $2 AND expires_at IS NULL",
        params![alg, generation, expires_at],
    )
    .await
    .map(|_| ())
}
