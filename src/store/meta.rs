//! Facts about the database as a whole.

use super::db::{Db, Result, StoreError};
use crate::{params, seal::Sealer};

#[derive(sqlx::FromRow)]
struct Value {
    value: String,
}

/// Makes sure that this master key is the one the database was made with: a word sealed at first use must open.
///
/// # Errors
/// [`StoreError::Sealed`] when it does not fit.
pub async fn check_master_key(db: &Db, sealer: &Sealer) -> Result<()> {
    const NAME: &str = "master-key-check";
    let sealed = sealer.seal(NAME, b"gatehouse");
    db.execute("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", params![NAME, &sealed]).await?;
    let stored: Option<Value> = db.optional("SELECT value FROM meta WHERE name = $1", params![NAME]).await?;
    let stored = stored.map(|v| v.value).unwrap_or_default();
    sealer.open(NAME, &stored).map(|_| ()).map_err(|e| StoreError::Sealed("master key check", e))
}

/// Asks the database for nothing, to see whether it answers.
///
/// # Errors
/// What the database says.
pub async fn ping(db: &Db) -> Result<()> {
    db.optional::<Value>("SELECT value FROM meta WHERE name = $1", params!["ping"]).await.map(|_| ())
}
