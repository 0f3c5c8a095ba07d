//! Facts about the database as a whole.

use super::{
    audit,
    db::{Db, Result, StoreError, Tx},
    on::On,
};
use crate::{params, seal::Sealer};

/// Names the sealed word that tells whether a master key fits.
const KEY_CHECK: &str = "master-key-check";
/// The word, which says besides that the audit log was sealed when it was empty. Nobody without the key makes it another.
const WORD: &[u8] = b"gatehouse, with a sealed audit log";

#[derive(sqlx::FromRow)]
struct Value {
    value: String,
}

/// What is noted under `name`.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, name: &str) -> Result<Option<String>> {
    let stored: Option<Value> = on.into().optional("SELECT value FROM meta WHERE name = $1", params![name]).await?;
    Ok(stored.map(|v| v.value))
}

/// Notes `value` under `name`, in place of what was there.
///
/// # Errors
/// What the database says.
pub async fn save(on: impl Into<On<'_>>, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    on.into().execute(sql, params![name, value]).await.map(|_| ())
}

/// Notes `value` under `name` if what is noted there is what the caller has `seen`; `false` when somebody else was first.
///
/// # Errors
/// What the database says.
pub async fn replace(db: &Db, name: &str, seen: Option<&str>, value: &str) -> Result<bool> {
    let rows = match seen {
        Some(seen) => {
            let sql = "UPDATE meta SET value = $3 WHERE name = $1 AND value = $2";
            db.execute(sql, params![name, seen, value]).await?
        }
        None => {
            let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
            db.execute(sql, params![name, value]).await?
        }
    };
    Ok(rows == 1)
}

/// Makes sure that this master key is the one the database was made with: a word sealed at first use must open. Whoever makes
/// it seals the empty audit log with it.
///
/// # Errors
/// [`StoreError::Sealed`] when it does not fit.
pub async fn check_master_key(db: &Db, sealer: &Sealer) -> Result<()> {
    let open = |stored: &str| sealer.open(KEY_CHECK, stored).map_err(|e| StoreError::Sealed("master key check", e));
    if let Some(stored) = find(db, KEY_CHECK).await?
        && open(&stored)? == WORD
    {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let sealed = sealer.seal(KEY_CHECK, WORD);
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    let is_first = tx.execute(sql, params![KEY_CHECK, &sealed]).await? == 1;
    let stored = find(&mut tx, KEY_CHECK).await?.unwrap_or_default();
    if open(&stored)? != WORD {
        // Of a version that did not seal an empty log.
        audit::establish(&mut tx, sealer).await?;
        save(&mut tx, KEY_CHECK, &sealed).await?;
    } else if is_first && !has_tenants(&mut tx).await? {
        audit::establish(&mut tx, sealer).await?;
    }
    tx.commit().await
}

/// Whether anything was made here: then a word that is gone makes the database no new one.
async fn has_tenants(tx: &mut Tx) -> Result<bool> {
    let any: Option<(String,)> = tx.optional("SELECT id FROM tenants LIMIT 1", &[]).await?;
    Ok(any.is_some())
}

/// Whether this master key is the one the database was made with, asked without writing. `None`: the database has not
/// been set up yet. Without a key nothing fits.
///
/// # Errors
/// What the database says.
pub async fn key_fits(db: &Db, sealer: Option<&Sealer>) -> Result<Option<bool>> {
    let stored = db.optional::<Value>("SELECT value FROM meta WHERE name = $1", params![KEY_CHECK]).await;
    match stored {
        Ok(None) => Ok(None),
        Ok(Some(stored)) => Ok(Some(sealer.is_some_and(|s| s.open(KEY_CHECK, &stored.value).is_ok()))),
        Err(StoreError::Database(sqlx::Error::Database(e))) if is_missing_table(e.as_ref()) => Ok(None),
        Err(e) => Err(e),
    }
}

fn is_missing_table(e: &dyn sqlx::error::DatabaseError) -> bool {
    e.code().is_some_and(|c| c == "42P01") || e.message().starts_with("no such table")
}

/// Asks the database for nothing, to see whether it answers.
///
/// # Errors
/// What the database says.
pub async fn ping(db: &Db) -> Result<()> {
    db.optional::<Value>("SELECT value FROM meta WHERE name = $1", params!["ping"]).await.map(|_| ())
}
