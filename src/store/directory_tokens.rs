//! The tokens that directories push with, by fingerprint alone: a token is shown once, when it is made.

use super::{
    db::Result,
    lineage::{self, With},
    on::On,
    statement::Statement,
    token_state::{Signs, TokenState},
};
use crate::{params, seal::Sealer, secret};

/// What every token begins with, so that scanners of leaked secrets know one.
pub const PREFIX: &str = secret::DIRECTORY_TOKEN;

/// A token of a directory.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DirectoryToken {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub directory_id: String,
    /// What it is recognised by.
    pub fingerprint: String,
    /// Whether a declarative file gave it.
    pub declared: bool,
    /// Unix seconds.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// What it was made with, where that was a token ([`super::lineage`]).
    pub made_with: Option<String>,
    /// When it was last seen to be used, to the minute.
    pub last_used_at: Option<i64>,
}

impl DirectoryToken {
    /// Whether it has ended at `now` (unix seconds).
    #[must_use]
    pub fn has_ended(&self, now: i64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// How a token is stored and looked up.
#[must_use]
pub fn fingerprint(sealer: &Sealer, token: &str) -> String {
    sealer.fingerprint("directory token", token)
}

/// Inserts it.
///
/// # Errors
/// A conflict when there is one with this fingerprint.
pub async fn insert(on: impl Into<On<'_>>, token: &DirectoryToken) -> Result<()> {
    let sql = "INSERT INTO directory_tokens (id, directory_id, fingerprint, declared, created_at, expires_at, last_used_at, \
                 made_with) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let t = token;
    let params =
        params![&t.id, &t.directory_id, &t.fingerprint, t.declared, t.created_at, t.expires_at, t.last_used_at, &t.made_with];
    on.into().execute(sql, params).await.map(|_| ())
}

/// Those of a directory, the oldest first.
///
/// # Errors
/// What the database says.
pub async fn of_directory(on: impl Into<On<'_>>, directory_id: &str) -> Result<Vec<DirectoryToken>> {
    let sql = "SELECT * FROM directory_tokens WHERE directory_id = $1 ORDER BY created_at, id";
    on.into().all(sql, params![directory_id]).await
}

#[derive(sqlx::FromRow)]
struct Judged {
    #[sqlx(flatten)]
    token: DirectoryToken,
    lives: bool,
}

/// Those of a directory, the oldest first, and whether each opens something at `now` (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn judged(on: impl Into<On<'_>>, directory_id: &str, now: i64) -> Result<Vec<(DirectoryToken, TokenState)>> {
    let mut s = Statement::new("SELECT k.*, ");
    lineage::living(&mut s, With::Column("k.made_with"), now);
    s.push(" AS lives FROM directory_tokens k WHERE k.directory_id = ").bind(directory_id).push(" ORDER BY k.created_at, k.id");
    let state = |row: Judged| {
        let signs = Signs { enabled: true, expires_at: row.token.expires_at, lives: row.lives };
        (row.token, TokenState::of(signs, now))
    };
    Ok(on.into().select::<Judged>(&s).await?.into_iter().map(state).collect())
}

/// The newest token of a directory, when it is one that ends.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ending {
    /// Whose directory.
    pub tenant_id: String,
    /// What the directory is called.
    pub name: String,
    /// When the token ends, or has ended.
    pub expires_at: i64,
}

/// Of enabled directories of a tenant, or of all, the newest tokens that end: the ones before them were meant to. One whose
/// maker has ended by `now` (unix seconds) has ended with it, and is no news.
///
/// # Errors
/// What the database says.
pub async fn ending(on: impl Into<On<'_>>, tenant_id: Option<&str>, now: i64) -> Result<Vec<Ending>> {
    let mut s = Statement::new(
        "SELECT d.tenant_id, d.name, k.expires_at FROM directory_tokens k JOIN directories d ON d.id = k.directory_id \
         WHERE d.enabled AND k.expires_at IS NOT NULL AND NOT EXISTS \
           (SELECT 1 FROM directory_tokens n WHERE n.directory_id = k.directory_id AND (n.created_at, n.id) > (k.created_at, k.id)) \
         AND ",
    );
    lineage::living(&mut s, With::Column("k.made_with"), now);
    if let Some(id) = tenant_id {
        s.push(" AND d.tenant_id = ").bind(id);
    }
    on.into().select(&s).await
}

/// Lets it end at `at`, unless it ends before; whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn end(on: impl Into<On<'_>>, id: &str, at: i64) -> Result<bool> {
    let sql = "UPDATE directory_tokens SET expires_at = $2 WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)";
    Ok(on.into().execute(sql, params![id, at]).await? > 0)
}

/// Lets a directory's tokens other than `keep` end at `at`, unless they end before; how many that were.
///
/// # Errors
/// What the database says.
pub async fn end_others(on: impl Into<On<'_>>, directory_id: &str, keep: &str, at: i64) -> Result<u64> {
    let sql = "UPDATE directory_tokens SET expires_at = $3 \
               WHERE directory_id = $1 AND id <> $2 AND (expires_at IS NULL OR expires_at > $3)";
    on.into().execute(sql, params![directory_id, keep, at]).await
}

/// Notes that a declarative file gives it, or whoever asks `with` a token; whether it is there.
///
/// # Errors
/// What the database says.
pub async fn declare(on: impl Into<On<'_>>, id: &str, with: Option<&str>) -> Result<bool> {
    let sql = "UPDATE directory_tokens SET declared = TRUE, made_with = $2 WHERE id = $1";
    Ok(on.into().execute(sql, params![id, with]).await? > 0)
}

/// Deletes it; whether it was there.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().execute("DELETE FROM directory_tokens WHERE id = $1", params![id]).await? > 0)
}

/// Notes that it was used at `now`, `last_seen` being what was noted before; nothing is written twice in a minute.
///
/// # Errors
/// What the database says.
pub async fn touch(on: impl Into<On<'_>>, id: &str, now: i64, last_seen: Option<i64>) -> Result<()> {
    if last_seen.is_some_and(|at| at > now - 60) {
        return Ok(());
    }
    let sql = "UPDATE directory_tokens SET last_used_at = $2 \
               WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - 60)";
    on.into().execute(sql, params![id, now]).await.map(|_| ())
}
